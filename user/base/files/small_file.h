/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that fit a buffer, as those of /proc and /sys. */
#ifndef GRF_BASE_FILES_SMALL_FILE_H
#define GRF_BASE_FILES_SMALL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads a file that is whole in one read, up to `size` - 1 bytes, by its name under an open folder
 * (or AT_FDCWD), and ends them with NUL. Returns their number; -1 with errno. */
ssize_t grf_small_file_read(int directory, const char *name, char *buffer, size_t size);

/* Reads up to `size` - 1 bytes of an open file from its beginning, in as many reads as it takes,
 * and ends them with NUL. False: it cannot be read; also for -1. */
bool grf_open_file_read(int fd, char *buffer, size_t size);

#endif
