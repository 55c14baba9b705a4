/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Go as a guest: a C program that loads a shared library with Go's runtime in it (go build
 * -buildmode=c-shared). Finds that library among the files that a process has, or had, mapped.
 */
#ifndef GRF_CLI_GO_LIBRARY_H
#define GRF_CLI_GO_LIBRARY_H

#include <sys/types.h>

#include "base/error.h"
#include "image/executable.h"
#include "image/image.h"

struct grf_go_library {
	struct grf_executable *executable; /* placed where it is mapped */
	char *opened;                      /* the path that it was opened by */
	char *path;                        /* what the process calls it */
};

/*
 * Looks through the mapped files for those with a Go runtime. `pid` 0: of a process that is gone,
 * whose files are looked for by their names. `named`, or NULL: a file of the same build as the one
 * that is wanted. `program` is for messages. Errors: NOT_GO (there is none), MISMATCH (none is of
 * the named build), USAGE-like OTHER (there are several: which?).
 */
struct grf_error *grf_go_library_find(const struct grf_mapping *mappings, size_t count, pid_t pid,
				      const struct grf_executable *named, const char *program,
				      struct grf_go_library *ret);

/* The same for a running process, whose mappings it reads. */
struct grf_error *grf_go_library_of_process(pid_t pid, const struct grf_executable *named,
					    struct grf_go_library *ret);

/* Frees the names; the executable is the caller's. */
void grf_go_library_release(struct grf_go_library *library);

#endif
