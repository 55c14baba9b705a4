/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing a result file: whole or not at all. */
#ifndef GRF_OUTPUTS_FILE_H
#define GRF_OUTPUTS_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Whether `path` stands for standard output: "-", or a name such as /dev/stdout. */
bool grf_output_is_standard(const char *path);

/* Checks that `path` can be written, without leaving anything there. */
struct grf_error *grf_output_check(const char *path);

/* Refuses a `path` that is the file `input` (NULL: none), under whatever names. */
struct grf_error *grf_output_check_apart(const char *path, const char *input);

/* Writes `size` bytes: beside `path`, then renamed over it; standard output, and what exists and is
 * no regular file (a pipe), are written to directly. GRF_ERROR_OUTPUT; nothing is left behind. */
struct grf_error *grf_output_write(const char *path, const void *data, size_t size);

#endif
