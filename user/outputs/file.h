/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing a result file: whole or not at all. */
#ifndef GRF_OUTPUTS_FILE_H
#define GRF_OUTPUTS_FILE_H

#include <stddef.h>

#include "base/error.h"

/* Checks that `path` can be written, without leaving anything there. */
struct grf_error *grf_output_check(const char *path);

/* Writes `size` bytes: beside `path`, then renamed over it; what exists and is no regular file (a
 * pipe, /dev/stdout) is written to directly. GRF_ERROR_OUTPUT; nothing is left behind. */
struct grf_error *grf_output_write(const char *path, const void *data, size_t size);

#endif
