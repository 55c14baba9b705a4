/* SPDX-License-Identifier: BSD-2-Clause */
/* What a sparse file really has: its bytes without the holes, which read as zero and cost nothing.
 */
#ifndef GRF_BASE_FILES_FILE_DATA_H
#define GRF_BASE_FILES_FILE_DATA_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Moves *at to the first byte of [*at, end) that is in no hole. Returns where that run of data
 * ends, at most `end`; 0: nothing of it is held. Where the file system does not tell, all is data.
 * Moves the offset of `fd`.
 */
uint64_t grf_file_next_data(int fd, uint64_t *at, uint64_t end);

/*
 * The CRC (crc32() of zlib) of a whole file, as long as it has no more bytes than `limit`. Holes of
 * some size are not read: what they do to it is calculated. False: the file is larger, it cannot be
 * read, or the user interrupted. Moves the offset of `fd`.
 */
bool grf_file_checksum(int fd, uint64_t limit, uint32_t *ret);

#endif
