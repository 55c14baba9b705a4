/* SPDX-License-Identifier: BSD-2-Clause */
/* The executable that a core or snapshot is of, where the user does not name it. */
#ifndef GRF_PROGRAM_CORE_EXECUTABLE_H
#define GRF_PROGRAM_CORE_EXECUTABLE_H

#include "image/core_file.h"
#include "image/executable/debug_file.h"

/**
 * Finds and opens it, by what the core says of it: in the snapshot itself; at the path that it had;
 * by build id in the user's folder and in /usr/lib/debug; by its path and by its name in the
 * former; from a debuginfod server. What has another build id is passed over. The caller owns it.
 * Errors: BAD_INPUT (not found, and what to name), those of grf_core_program_read().
 */
struct grf_error *grf_core_executable_find(struct grf_core_file *core,
					   const struct grf_debug_options *debug,
					   struct grf_executable **ret);

/* A library that a snapshot, which says that of itself, has in it, by the path that it had in the
 * process; NULL: it has none. The caller owns it. */
struct grf_core_program;
struct grf_executable *grf_core_library_find(struct grf_core_file *core,
					     const struct grf_core_program *program,
					     const char *path);

#endif
