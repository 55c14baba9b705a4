/* SPDX-License-Identifier: BSD-2-Clause */
/* From the names of an executable and a core to an image: what core and verify do alike. */
#ifndef GRF_CLI_CORE_FILES_H
#define GRF_CLI_CORE_FILES_H

#include "cli/cli.h"
#include "image/executable.h"
#include "image/image.h"

/*
 * Opens both, and debug information where that is elsewhere. Where the executable is a C program,
 * the Go library that it had loaded takes its place, if it is where the core says. On success both
 * results are the caller's.
 */
struct grf_error *grf_core_image(const char *executable, const char *core,
				 const struct grf_debug_options *debug,
				 struct grf_executable **ret_executable, struct grf_image **ret);

#endif
