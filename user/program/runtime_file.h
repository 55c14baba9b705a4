/* SPDX-License-Identifier: BSD-2-Clause */
/* The file with Go's runtime in a process: its executable, a library in it, or what it unpacked. */
#ifndef GRF_PROGRAM_RUNTIME_FILE_H
#define GRF_PROGRAM_RUNTIME_FILE_H

#include "program/source.h"

/* The executable of the target, or the library in it, that has Go's runtime. */
struct grf_runtime_file {
	struct grf_executable *executable;
	char *opened; /* the path by which it can be opened */
	char *path;   /* where it stands for the process; may be gone */
	int fd;       /* of it, once it is held, with a path that stays: the process may become
		       * another program, to which `opened` leads then */
	char name[32];
	const char *without_probe; /* why there can be none in its code, or NULL */
};

/**
 * Finds and opens it, with its debug information and its plugins. On success the caller closes it.
 * Errors: NOT_GO, UNSUPPORTED, MISMATCH, PERMISSION, BAD_INPUT.
 */
struct grf_error *grf_runtime_file_open(const struct grf_process_options *options,
					struct grf_runtime_file *ret);

/* Frees what it owns: all but an `executable` that was taken out of it (NULL). */
void grf_runtime_file_close(struct grf_runtime_file *file);

#endif
