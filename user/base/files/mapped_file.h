/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that are read through a mapping and belong to somebody else: cores, executables, debug
 * files, libraries.
 *
 * Their owner may cut them, or write to them in place, at any time. A page beyond the new end is
 * SIGBUS for whichever thread reads it. Copying whole files would cost as much memory as they have
 * bytes, and a core of many GB is mapped for that reason. So the signal is caught: where it is for
 * a watched mapping, a page of zeros takes the place of the lost one, the reader goes on, and all
 * work is given up with one line (grf_give_up()), which long loops notice as they notice an
 * interruption. What was read by then means nothing; grf_mapped_files_check() stands before all
 * that is put out. It also compares size and time of change with those at the beginning, as a file
 * that was written to in place raises no signal.
 */
#ifndef GRF_BASE_FILES_MAPPED_FILE_H
#define GRF_BASE_FILES_MAPPED_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Maps the whole of an open file, of `size` bytes, to read it; `path` is its name in messages. The
 * descriptor stays the caller's. Errors: the kernel's.
 */
struct grf_error *grf_mapped_file_open(int fd, uint64_t size, const char *path, uint8_t **ret);
/* The same of a part of it, from `offset` on, a multiple of a page. */
struct grf_error *grf_mapped_file_open_part(int fd, uint64_t offset, uint64_t size,
					    const char *path, uint8_t **ret);
/* Ends that; unmaps memory that is no file, too. NULL is allowed. */
void grf_mapped_file_close(uint8_t *memory, uint64_t size);

/* Watches a mapping that somebody else made, and ends. False: out of memory. */
bool grf_mapped_file_watch(const void *memory, uint64_t size, int fd, const char *path);
void grf_mapped_file_forget(const void *memory);

/* BAD_INPUT: one of the files was cut or written to since it was mapped. INTERRUPTED, and for what
 * else work is given up, too: then what was made is not whole. */
struct grf_error *grf_mapped_files_check(void);

#endif
