/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files in the seekable format of zstd: frames that can be unpacked each by itself, and behind them
 * a table of their sizes in a frame that others skip. `zstd -d' unpacks them too.
 * See contrib/seekable_format/zstd_seekable_compression_format.md of zstd.
 */
#ifndef GRF_BASE_FILES_PACKED_FILE_H
#define GRF_BASE_FILES_PACKED_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Where packed bytes go. Errors are passed on. */
typedef struct grf_error *grf_packed_write(void *context, const void *data, size_t size);

struct grf_packer;

/* Packs with so many threads. The caller destroys it. Errors: NO_MEMORY. */
struct grf_error *grf_packer_create(unsigned int threads, grf_packed_write *write, void *context,
				    struct grf_packer **ret);
void grf_packer_destroy(struct grf_packer *packer);

/* Adds bytes, or zeros. Errors: those of `write`, OTHER (libzstd). */
struct grf_error *grf_packer_add(struct grf_packer *packer, const void *data, size_t size);
struct grf_error *grf_packer_skip(struct grf_packer *packer, uint64_t size);

/* Writes what is left, and the table. Errors: the same. */
struct grf_error *grf_packer_finish(struct grf_packer *packer);

/* Whether an open file begins as one that zstd packed. */
bool grf_file_is_packed(int fd);

/**
 * Unpacks one into a file in memory, in which pages of zeros are holes.
 *
 * @param fd stays the caller's
 * @param path its name, for messages
 * @param limit as many bytes, without holes, may there be
 * @param[out] ret a descriptor of the file in memory, the caller's
 * Errors: BAD_INPUT (also for what zstd packed without the table), NO_MEMORY (also for more than
 * the limit), INTERRUPTED.
 */
struct grf_error *grf_file_unpack(int fd, const char *path, uint64_t limit, int *ret);

#endif
