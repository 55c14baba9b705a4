/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Go code in shared libraries, found among the files that a process has, or had, mapped: as a guest
 * in a C program (go build -buildmode=c-shared), with a runtime of its own, or as plugins of a Go
 * program, which are more modules of the same runtime.
 */
#ifndef GRF_PROGRAM_GO_LIBRARY_H
#define GRF_PROGRAM_GO_LIBRARY_H

#include <sys/types.h>

#include "base/error.h"
#include "image/executable/executable.h"
#include "image/image.h"

struct grf_go_library {
	struct grf_executable *executable; /* placed where it is mapped */
	char *opened;                      /* the path that it was opened by */
	char *path;                        /* what the process calls it */
};

struct grf_go_libraries {
	struct grf_go_library *items; /* in the order of their addresses */
	size_t count;
};

/* Opens a library by its path in the process; NULL: it has none of that path. The caller owns it.
 */
typedef struct grf_executable *grf_open_library(void *context, const char *path);

/* Opens those among the mapped files of a process that is gone: by `open`, or by their names. */
struct grf_error *grf_go_libraries_find(const struct grf_mapping *mappings, size_t count,
					grf_open_library *open, void *context,
					struct grf_go_libraries *ret);

/* The same for a running process, whose mappings it reads. */
struct grf_error *grf_go_libraries_of_process(pid_t pid, struct grf_go_libraries *ret);
void grf_go_libraries_destroy(struct grf_go_libraries *libraries);

/* Which of two errors tells more of a program: that it is none of Go's, which `not_go` says, or
 * that the search for libraries in it failed. Frees the other; NULL: the search did not fail. */
struct grf_error *grf_go_library_error(struct grf_executable *program, struct grf_error *not_go,
				       struct grf_error *search);

/*
 * Takes out the one that is the guest of a C program, which `program` names for messages. `named`,
 * or NULL: a file of the same build as the one that is wanted. Errors: NOT_GO (no library is Go's),
 * MISMATCH (none is of the named build), OTHER (there are several).
 */
struct grf_error *grf_go_library_choose(struct grf_go_libraries *libraries,
					struct grf_executable *named, const char *program,
					struct grf_go_library *ret);

/* Hands all of them to a Go program as its plugins. */
struct grf_error *grf_go_libraries_add(struct grf_go_libraries *libraries,
				       struct grf_executable *executable);

#endif
