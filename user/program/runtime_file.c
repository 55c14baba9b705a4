/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens what the process runs, compares it with what the user named, and looks for a library or an
 * unpacked program where the executable has no Go code.
 */
#include "program/runtime_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "model/code/release_facts.h"
#include "program/go_library.h"
#include "program/process_maps.h"
#include "program/unpacked.h"

/* Opens the executable that the process runs. /proc/PID/exe opens it in any mount namespace, and
 * when it is deleted. */
static struct grf_error *open_running(pid_t pid, struct grf_executable **ret)
{
	struct grf_error *error;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	error = grf_executable_open(path, ret);
	if (!error || error->code != GRF_ERROR_PERMISSION)
		return error;
	grf_error_free(error);
	return grf_error_create(
	    GRF_ERROR_PERMISSION, "cannot read the executable of process %d: %s", pid,
	    geteuid() ? "run as its user, or with CAP_SYS_PTRACE (sudo)"
		      : "root may not here; that needs CAP_SYS_PTRACE in the user "
			"namespace of the process, and a security module's consent");
}

/* Whether an executable that the user named is of the build that runs. */
static struct grf_error *check_same_build(struct grf_executable *running,
					  struct grf_executable *named)
{
	bool known;

	if (grf_executable_same_build(running, named, &known))
		return NULL;
	return grf_error_create(GRF_ERROR_MISMATCH,
				"%s is not what the process runs: its build id or its code is "
				"another",
				grf_executable_path(named));
}

/* So that a probe goes into this file and no other. */
static struct grf_error *hold_file(struct grf_runtime_file *file)
{
	file->fd = open(file->opened, O_PATH | O_CLOEXEC);
	if (file->fd < 0)
		return grf_error_errno(GRF_ERROR_OTHER, errno, "open %s", file->opened);
	snprintf(file->name, sizeof(file->name), "/proc/self/fd/%d", file->fd);
	return NULL;
}

/* Gives a Go program the plugins that it has loaded. */
static struct grf_error *take_plugins(pid_t pid, struct grf_executable *executable)
{
	struct grf_go_libraries libraries;
	struct grf_error *error = grf_go_libraries_of_process(pid, &libraries);

	if (!error)
		error = grf_go_libraries_add(&libraries, executable);
	grf_go_libraries_destroy(&libraries);
	return error;
}

/* Whether the process has that file at this path. */
static bool is_at(pid_t pid, const struct stat *file, const char *path)
{
	_cleanup_free_ char *there = NULL;
	struct stat found;

	if (asprintf(&there, "/proc/%d/root%s", pid, path) < 0) {
		there = NULL;
		return false;
	}
	return !stat(there, &found) && found.st_dev == file->st_dev && found.st_ino == file->st_ino;
}

/* Where the executable of a process is, in its own eyes: the kernel adds to the path of one that is
 * there no longer. */
static void read_link(pid_t pid, const char *link, char *path, size_t size, bool *ret_deleted)
{
	ssize_t got = readlink(link, path, size - 1);
	size_t length = got > 0 ? (size_t)got : 0, whole;
	struct stat status;

	path[length] = '\0';
	whole = grf_path_without_mark(path, length);
	*ret_deleted = whole < length && !stat(link, &status) && !is_at(pid, &status, path);
	if (*ret_deleted)
		path[whole] = '\0';
}

/* The executable that runs, or the one that the user named in its stead. */
static struct grf_error *take_program(const struct grf_process_options *options,
				      struct grf_executable *running, struct grf_executable *named,
				      struct grf_runtime_file *ret)
{
	struct grf_error *error =
	    named && !ret->without_probe ? check_same_build(running, named) : NULL;
	char link[64], path[4096];
	bool deleted;

	if (error)
		return error;
	snprintf(link, sizeof(link), "/proc/%d/exe", options->pid);
	read_link(options->pid, link, path, sizeof(path), &deleted);
	ret->opened = strdup(link);
	ret->path = strdup(named ? options->executable : path);
	if (!ret->opened || !ret->path)
		return grf_error_no_memory();
	ret->executable = named ? named : running;
	if (*path && !grf_executable_set_name(ret->executable, path, deleted))
		return grf_error_no_memory();
	return take_plugins(options->pid, ret->executable);
}

/* A Go library in a C program, of which the user may have named the file with debug information. */
static struct grf_error *take_library(const struct grf_process_options *options,
				      struct grf_executable *named, struct grf_runtime_file *ret)
{
	struct grf_go_libraries libraries;
	struct grf_go_library library;
	struct grf_error *error = grf_go_libraries_of_process(options->pid, &libraries);
	char program[32];

	snprintf(program, sizeof(program), "process %d", options->pid);
	if (!error)
		error = grf_go_library_choose(&libraries, named, program, &library);
	grf_go_libraries_destroy(&libraries);
	if (error)
		return error;
	*ret =
	    (struct grf_runtime_file){library.executable, library.opened, library.path, .fd = -1};
	if (named) {
		grf_executable_place_like(named, library.executable);
		grf_executable_destroy(library.executable);
		ret->executable = named;
	}
	return grf_executable_set_name(ret->executable, library.path, false)
		   ? NULL
		   : grf_error_no_memory();
}

/*
 * What has Go in it where the file that the process runs has not, which `not_go` says and which is
 * taken over: the program that it unpacked, or a library.
 */
static struct grf_error *take_guest(const struct grf_process_options *options,
				    struct grf_executable *running, struct grf_executable *named,
				    struct grf_error *not_go, struct grf_runtime_file *ret)
{
	bool known;

	/* The program itself, which has libraries to choose from. */
	if (named && grf_executable_same_build(running, named, &known) && known)
		named = NULL;
	if (named && grf_unpacked_place(options->pid, named)) {
		grf_error_free(not_go);
		ret->without_probe = "a packer or a loader put the program into memory, not the "
				     "kernel: no probe can wait in its code for the end of a "
				     "garbage collection";
		return take_program(options, running, named, ret);
	}
	if (named && grf_is_packed(running)) {
		grf_error_free(not_go);
		return grf_error_create(GRF_ERROR_MISMATCH,
					"%s is not what process %d unpacked: its code is not there",
					grf_executable_path(named), options->pid);
	}
	return grf_go_library_error(running, not_go, take_library(options, named, ret));
}

/* Whether the user named a library in the stead of the program, which has Go in it too. */
static bool is_other_library(struct grf_executable *running, struct grf_executable *named)
{
	bool known;

	return grf_executable_is_library(named) &&
	       !grf_executable_same_build(running, named, &known);
}

static struct grf_error *open_executable(const struct grf_process_options *options,
					 struct grf_runtime_file *ret)
{
	struct grf_executable *running = NULL, *named = NULL;
	struct grf_error *error = open_running(options->pid, &running);

	if (!error && options->executable)
		error = grf_executable_open(options->executable, &named);
	if (!error) {
		error = grf_check_executable(running);
		if (error && error->code == GRF_ERROR_NOT_GO)
			error = take_guest(options, running, named, error, ret);
		else if (!error && named && is_other_library(running, named))
			error = take_library(options, named, ret);
		else if (!error)
			error = take_program(options, running, named, ret);
	}
	if (running && running != ret->executable)
		grf_executable_destroy(running);
	if (named && named != ret->executable)
		grf_executable_destroy(named);
	return error;
}

struct grf_error *grf_runtime_file_open(const struct grf_process_options *options,
					struct grf_runtime_file *ret)
{
	struct grf_error *error;

	*ret = (struct grf_runtime_file){.fd = -1};
	error = open_executable(options, ret);
	if (!error)
		error = grf_debug_file_find(ret->executable, ret->path, &options->debug);
	if (!error)
		error = hold_file(ret);
	if (error)
		grf_runtime_file_close(ret);
	return error;
}

void grf_runtime_file_close(struct grf_runtime_file *file)
{
	if (file->executable)
		grf_executable_destroy(file->executable);
	free(file->opened);
	free(file->path);
	if (file->fd >= 0)
		close(file->fd);
	*file = (struct grf_runtime_file){.fd = -1};
}
