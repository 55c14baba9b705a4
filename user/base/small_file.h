/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that fit a buffer and are whole in one read, as those of /proc and /sys are. */
#ifndef GRF_BASE_SMALL_FILE_H
#define GRF_BASE_SMALL_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* Reads the first `size` - 1 bytes of a file, by its name under an open folder (or AT_FDCWD), and
 * ends them with NUL. Returns their number; -1 with errno. */
ssize_t grf_small_file_read(int directory, const char *name, char *buffer, size_t size);

#endif
