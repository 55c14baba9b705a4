/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What /proc says of the target: whether it can be held, is still the same process, and has ended.
 */
#include "hold/hold.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/files/fields.h"
#include "base/files/small_file.h"
#include "base/log.h"
#include "hold/private.h"

#define MORE_THREADS 1024
#define PF_KTHREAD   0x00200000u /* include/linux/sched.h */
/* How long a process whose threads end is waited for until it shows what for; ns. */
#define END_LIMIT UINT64_C(1000000000)
/* The same after an error that may have another reason; ns. */
#define EXEC_LIMIT UINT64_C(100000000)

/* State and flags from the text of a stat file. */
static bool parse_stat(const char *stat, char *ret_state, unsigned int *ret_flags)
{
	const char *state = grf_stat_field(stat, 3), *flags = grf_stat_field(stat, 9);

	if (!flags)
		return false;
	*ret_state = *state;
	*ret_flags = (unsigned int)grf_number_parse(flags, 0);
	return true;
}

char grf_target_thread_state(const struct grf_target *target, pid_t tid)
{
	char name[48], stat[1024], state;
	unsigned int flags;

	snprintf(name, sizeof(name), "task/%d/stat", tid);
	if (grf_small_file_read(target->directory, name, stat, sizeof(stat)) < 0 ||
	    !parse_stat(stat, &state, &flags))
		return '\0';
	return state;
}

bool grf_target_thread_has_ended(const struct grf_target *target, pid_t tid)
{
	char state = grf_target_thread_state(target, tid);

	return state == 'Z' || state == 'X' || state == '\0';
}

pid_t grf_target_tracer(const struct grf_target *target, pid_t tid)
{
	char name[48], status[GRF_STATUS_BYTES];

	snprintf(name, sizeof(name), "task/%d/status", tid);
	if (grf_small_file_read(target->directory, name, status, sizeof(status)) < 0)
		return 0;
	return (pid_t)grf_field_number(status, "TracerPid", 0);
}

/* The process that thread `tid` belongs to; `tid` where that cannot be told. */
static pid_t process_of(pid_t tid)
{
	char path[48], status[GRF_STATUS_BYTES];

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	if (grf_small_file_read(AT_FDCWD, path, status, sizeof(status)) < 0)
		return tid;
	return (pid_t)grf_field_number(status, "Tgid", (uint64_t)tid);
}

struct grf_error *grf_target_traced(pid_t pid, pid_t tracer)
{
	return grf_error_create(GRF_ERROR_PERMISSION,
				"process %d is traced by process %d (a debugger, strace or another "
				"grf-bpf); only one tracer is possible",
				pid, process_of(tracer));
}

static int ptrace_scope(void)
{
	char text[16];

	if (grf_small_file_read(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", text,
				sizeof(text)) < 0)
		return 0;
	return (int)grf_number_parse(text, 0);
}

/* Whether we have a capability; linux/capability.h has their numbers. */
static bool has_capability(unsigned int number)
{
	char status[GRF_STATUS_BYTES];
	const char *mask;

	if (grf_small_file_read(AT_FDCWD, "/proc/self/status", status, sizeof(status)) < 0)
		return false;
	mask = grf_field_find(status, "CapEff");
	return mask && grf_number_parse_in(mask, 16, 0) >> number & 1;
}

struct grf_error *grf_target_refused(pid_t pid)
{
	int scope = ptrace_scope();

	if (has_capability(CAP_SYS_PTRACE) && !has_capability(CAP_DAC_OVERRIDE))
		return grf_error_create(
		    GRF_ERROR_PERMISSION,
		    "process %d: not permitted to open its files in /proc, which "
		    "are another user's: run as its user or as root, or with "
		    "CAP_DAC_OVERRIDE too",
		    pid);
	if (scope >= 3)
		return grf_error_create(
		    GRF_ERROR_PERMISSION,
		    "process %d: not permitted: kernel.yama.ptrace_scope is 3, which forbids all "
		    "tracing until the next boot",
		    pid);
	if (scope > 0)
		return grf_error_create(
		    GRF_ERROR_PERMISSION,
		    "process %d: not permitted to trace it: run as root or with CAP_SYS_PTRACE%s",
		    pid,
		    scope == 1 ? ", or set kernel.yama.ptrace_scope=0 for processes of your own"
			       : " (kernel.yama.ptrace_scope is 2)");
	return grf_error_create(
	    GRF_ERROR_PERMISSION,
	    "process %d: not permitted to trace it: run as root or with CAP_SYS_PTRACE", pid);
}

struct grf_error *grf_target_exited(pid_t pid)
{
	/* What looks as if it were gone may be there. */
	if (errno == EMFILE || errno == ENFILE)
		return grf_error_errno(GRF_ERROR_OTHER, errno,
				       "process %d cannot be looked at; raise the limit of open "
				       "files (ulimit -n)",
				       pid);
	return grf_error_create(GRF_ERROR_EXITED, "process %d exited while it was looked at", pid);
}

static struct grf_error *check_status(pid_t pid, const char *status)
{
	pid_t tgid = (pid_t)grf_field_number(status, "Tgid", 0);
	pid_t tracer = (pid_t)grf_field_number(status, "TracerPid", 0);

	if (tgid == getpid())
		return grf_error_create(GRF_ERROR_NO_PROCESS, "process %d is grf-bpf itself", pid);
	if (tgid != pid)
		return grf_error_create(GRF_ERROR_NO_PROCESS,
					"%d is a thread of process %d: use %d", pid, tgid, tgid);
	if (tracer > 0)
		return grf_target_traced(pid, tracer);
	return NULL;
}

/* Whether its first thread has ended and others have not: exec(2) by one of those takes its place
 * in a moment, or the process ends. */
static bool is_between(const char *status, const char *stat)
{
	unsigned int flags;
	char state;

	return parse_stat(stat, &state, &flags) && state == 'Z' &&
	       grf_field_number(status, "Threads", 0) > 1;
}

static struct grf_error *check_stat(pid_t pid, const char *stat)
{
	unsigned int flags;
	char state;

	if (!parse_stat(stat, &state, &flags))
		return grf_error_create(GRF_ERROR_OTHER, "process %d: /proc/%d/stat is unreadable",
					pid, pid);
	if (flags & PF_KTHREAD)
		return grf_error_create(GRF_ERROR_NOT_GO, "process %d is a kernel thread", pid);
	if (state == 'Z' || state == 'X')
		return grf_error_create(
		    GRF_ERROR_NO_PROCESS,
		    "process %d is a zombie: it has exited and only waits for its parent", pid);
	return NULL;
}

static struct grf_error *check_process(pid_t pid, int directory)
{
	const struct timespec moment = {.tv_nsec = 2000000};
	char status[GRF_STATUS_BYTES], stat[1024];
	uint64_t began = grf_now();
	struct grf_error *error;

	for (;;) {
		if (directory < 0 ||
		    grf_small_file_read(directory, "status", status, sizeof(status)) < 0 ||
		    grf_small_file_read(directory, "stat", stat, sizeof(stat)) < 0) {
			if (errno == EACCES || errno == EPERM)
				return grf_target_refused(pid);
			return grf_error_create(GRF_ERROR_NO_PROCESS, "no process %d", pid);
		}
		if (!is_between(status, stat) || grf_now() - began > END_LIMIT)
			break;
		nanosleep(&moment, NULL);
	}
	error = check_status(pid, status);
	return error ? error : check_stat(pid, stat);
}

struct grf_error *grf_target_open(pid_t pid, struct grf_target *ret)
{
	struct grf_error *error;
	char path[32];
	int directory;

	if (pid <= 0)
		return grf_error_create(GRF_ERROR_NO_PROCESS, "%d is no process id", pid);
	snprintf(path, sizeof(path), "/proc/%d", pid);
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	error = check_process(pid, directory);
	if (error) {
		if (directory >= 0)
			close(directory);
		return error;
	}
	ret->pid = pid;
	ret->directory = directory;
	grf_incarnation_take(directory, pid, &ret->program);
	return NULL;
}

void grf_target_close(struct grf_target *target)
{
	grf_incarnation_release(&target->program);
	if (target->directory >= 0)
		close(target->directory);
	target->directory = -1;
}

struct grf_error *grf_target_share(const struct grf_target *target, struct grf_target *ret)
{
	*ret = *target;
	ret->directory = fcntl(target->directory, F_DUPFD_CLOEXEC, 3);
	if (ret->directory >= 0 && target->program.known)
		ret->program.pagemap = fcntl(target->program.pagemap, F_DUPFD_CLOEXEC, 3);
	if (ret->directory >= 0 && (!target->program.known || ret->program.pagemap >= 0))
		return NULL;
	if (ret->directory >= 0)
		close(ret->directory);
	return grf_error_errno(GRF_ERROR_OTHER, errno, "dup");
}

bool grf_target_has_memory(const struct grf_target *target)
{
	return grf_incarnation_has_memory(&target->program);
}

bool grf_target_is_same(const struct grf_target *target)
{
	return grf_incarnation_look(&target->program, target->directory, target->pid) ==
	       GRF_INCARNATION_SAME;
}

struct grf_error *grf_target_check(const struct grf_target *target)
{
	switch (grf_incarnation_look(&target->program, target->directory, target->pid)) {
	case GRF_INCARNATION_SAME:
		/* Where its memory was not seen, because it was about to end or is not for us to
		 * see, its state tells. */
		if (!target->program.known && grf_target_thread_has_ended(target, target->pid))
			return grf_target_exited(target->pid);
		break;
	case GRF_INCARNATION_ANOTHER:
		return grf_error_create(GRF_ERROR_REPLACED,
					"process %d became another program (exec) while it was "
					"looked at; try again",
					target->pid);
	case GRF_INCARNATION_GONE:
		return grf_target_exited(target->pid);
	case GRF_INCARNATION_HIDDEN:
		return grf_target_refused(target->pid);
	}
	return NULL;
}

/* Errors that may have the end of the program as their reason. */
static bool may_be_of_end(enum grf_error_code code)
{
	switch (code) {
	case GRF_ERROR_USAGE:
	case GRF_ERROR_NO_MEMORY:
	case GRF_ERROR_OUTPUT:
	case GRF_ERROR_INTERRUPTED:
	case GRF_ERROR_REPLACED:
		return false;
	default:
		return true;
	}
}

/* How long the end of the program, or its way to another one, may take to show after an error. The
 * threads of one that calls exec(2) end before it is another: it is the same then, and none of them
 * can be held or make a call. */
static uint64_t time_to_show(enum grf_error_code code)
{
	switch (code) {
	case GRF_ERROR_EXITED:
		return END_LIMIT;
	case GRF_ERROR_UNSUPPORTED:
	case GRF_ERROR_TOO_LONG:
	case GRF_ERROR_OTHER:
		return EXEC_LIMIT;
	default:
		return 0;
	}
}

struct grf_error *grf_target_explain(const struct grf_target *target, struct grf_error *error)
{
	const struct timespec moment = {.tv_nsec = 2000000};
	struct grf_error *reason;
	uint64_t began = grf_now();

	if (!error || !may_be_of_end(error->code))
		return error;
	for (;;) {
		reason = grf_target_check(target);
		/* Its threads end, and it does itself, or the last of them is on the way to another
		 * program. */
		if (reason &&
		    (reason->code != GRF_ERROR_EXITED || grf_target_thread_count(target) < 2))
			break;
		if (grf_interrupted() ||
		    grf_now() - began >= (reason ? END_LIMIT : time_to_show(error->code)))
			break;
		grf_error_free(reason);
		nanosleep(&moment, NULL);
	}
	if (!reason)
		return error;
	grf_error_free(error);
	return reason;
}

struct grf_error *grf_target_open_file(const struct grf_target *target, const char *name, int flags,
				       int *ret)
{
	int fd = openat(target->directory, name, flags | O_CLOEXEC);

	if (fd >= 0) {
		*ret = fd;
		return NULL;
	}
	if (errno == EACCES || errno == EPERM)
		return grf_target_refused(target->pid);
	if (errno == ESRCH || (errno == ENOENT && !grf_target_thread_count(target)))
		return grf_target_exited(target->pid);
	return grf_error_errno(GRF_ERROR_OTHER, errno, "open /proc/%d/%s", target->pid, name);
}

bool grf_target_is_stopped(const struct grf_target *target)
{
	return grf_target_thread_state(target, target->pid) == 'T';
}

size_t grf_target_thread_count(const struct grf_target *target)
{
	char status[GRF_STATUS_BYTES];

	if (grf_small_file_read(target->directory, "status", status, sizeof(status)) < 0)
		return 0;
	return grf_field_number(status, "Threads", 0);
}

size_t grf_target_thread_room(const struct grf_target *target)
{
	return 2 * grf_target_thread_count(target) + MORE_THREADS;
}
