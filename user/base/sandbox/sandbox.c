/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capabilities, Landlock and seccomp are of a thread, and threads inherit them from the one that
 * makes them. So there is only one while a stage is entered: the watchers are ended, and begun
 * again inside.
 */
#include "base/sandbox/sandbox.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/log.h"
#include "base/memory/memory.h"
#include "base/sandbox/sandbox_private.h"

/* How long a thread of a library may take to end; ns. A name server that does not answer keeps one
 * of libdebuginfod's for as long. */
#define PATIENCE UINT64_C(30000000000)

/* Code that counts what runs writes to files at the end: it is in builds for tests alone. */
void __gcov_init(void *) __attribute__((weak));             // NOLINT
void __llvm_profile_initialize(void) __attribute__((weak)); // NOLINT

static unsigned int count_threads(DIR *threads)
{
	unsigned int count = 0;
	struct dirent *entry;

	rewinddir(threads);
	while ((entry = readdir(threads)))
		count += isdigit((unsigned char)entry->d_name[0]) != 0;
	return count;
}

/* Until the threads that were joined are gone for the kernel too. */
static struct grf_error *be_alone(void)
{
	const struct timespec moment = {.tv_nsec = 100000};
	uint64_t deadline = grf_now() + PATIENCE;
	DIR *threads = opendir("/proc/self/task");
	unsigned int count = threads ? count_threads(threads) : 1;

	while (count > 1 && grf_now() < deadline && !grf_interrupted()) {
		nanosleep(&moment, NULL);
		count = count_threads(threads);
	}
	if (threads)
		closedir(threads);
	if (count > 1 && grf_interrupted())
		return grf_error_interrupted();
	if (count > 1)
		return grf_error_create(GRF_ERROR_OTHER,
					"cannot give up privileges: a thread of a library goes on "
					"(DEBUGINFOD_URLS?); --no-sandbox does without");
	return NULL;
}

static void say_confined(const struct grf_sandbox *sandbox, bool files, bool calls)
{
	const char *landlock = files ? "Landlock" : "without Landlock";
	const char *seccomp = calls ? "seccomp" : "without seccomp";

	if (sandbox->stage == GRF_SANDBOX_OPENS)
		grf_debug("from here on files are read and not written to (%s, %s)", landlock,
			  seccomp);
	else
		grf_verbose("from here on without privileges (%s, %s)", landlock, seccomp);
}

static struct grf_error *enter_sandbox(struct grf_sandbox *sandbox)
{
	bool files = false, calls = false;
	struct grf_error *error;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1ul, 0ul, 0ul, 0ul))
		return grf_error_errno(GRF_ERROR_OTHER, errno, "no_new_privs");
	error = grf_sandbox_capabilities(sandbox);
	if (!error)
		error = grf_sandbox_files(sandbox, &files);
	if (!error)
		error = grf_sandbox_calls(sandbox, &calls);
	if (!error)
		say_confined(sandbox, files, calls);
	return error;
}

struct grf_error *grf_sandbox_enter(enum grf_sandbox_stage stage,
				    const struct grf_sandbox_place *places, size_t count)
{
	const char *servers = getenv("DEBUGINFOD_URLS");
	struct grf_sandbox sandbox = {
	    .stage = stage,
	    .places = places,
	    .place_count = count,
	    .network = stage == GRF_SANDBOX_OPENS && servers && *servers,
	};
	static int __attribute__((unused)) entered = -1;
	struct grf_error *error;

	assert((int)stage > entered && "each stage once, and none after a later one");
	entered = (int)stage;
	if (__gcov_init || __llvm_profile_initialize) {
		grf_verbose("no sandbox: this build counts what runs, and writes that to files");
		return NULL;
	}
	grf_memory_hold_files();
	grf_priority_pause();
	grf_memory_pause();
	error = be_alone();
	if (!error) {
		sandbox.can_hurry = grf_priority_keep_way_back(&sandbox.usual);
		error = enter_sandbox(&sandbox);
	}
	grf_priority_resume();
	grf_memory_resume();
	return error;
}
