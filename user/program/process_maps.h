/* SPDX-License-Identifier: BSD-2-Clause */
/* The mappings of a running process as the kernel lists them. */
#ifndef GRF_PROGRAM_PROCESS_MAPS_H
#define GRF_PROGRAM_PROCESS_MAPS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/**
 * Reads /proc/PID/maps, for grf_map_parse().
 *
 * @param[out] ret its text, not terminated; the caller's, also on failure
 */
struct grf_error *grf_process_maps_read(pid_t pid, char **ret, size_t *ret_length);

/* How much of a path of `length` bytes is the file's: the kernel adds " (deleted)" to that of one
 * that no name leads to any more. */
size_t grf_path_without_mark(const char *path, size_t length);

#endif
