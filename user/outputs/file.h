/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A result file: whole or not at all, for its owner alone (0600), and at no other place than the
 * one that was meant when it was created.
 *
 * The folder is resolved once, by grf_output_create(), and held by a descriptor. What others do in
 * it, or to the names that led to it, cannot lead the result elsewhere: the last component of a
 * path is never followed, and no file that is there is written to or has its mode changed. At both
 * ends of the work, what stands at the name must be a regular file, which is replaced by name, or
 * nothing; a symbolic link, a FIFO, a socket, a device or a folder is refused. Standard output and
 * error, the other open descriptors (/dev/fd/N) and /dev/null are no files: see
 * grf_output_create().
 *
 * grf_output_write() needs the descriptors that are open, and no rights but those: write(2).
 * grf_outputs_commit() makes these calls: fsync, fstat, newfstatat, getrandom, linkat, renameat,
 * unlinkat; where the file system has no nameless files (O_TMPFILE) also openat, pread and write.
 * It needs what anyone needs who makes a file in the folder: write permission there, for root in
 * the folder of another user CAP_DAC_OVERRIDE, and Landlock's MAKE_REG and REMOVE_FILE (WRITE_FILE
 * with openat).
 */
#ifndef GRF_OUTPUTS_FILE_H
#define GRF_OUTPUTS_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/sandbox.h"

struct grf_output;

/*
 * Takes `path` for a result, and finds out that it can be written; leaves nothing there. "-" and
 * names such as /dev/stdout and /dev/fd/3 stand for an open descriptor, which is written to as it
 * is; what is written to the null device is forgotten. GRF_ERROR_OUTPUT. Gives the output to the
 * caller.
 */
struct grf_error *grf_output_create(const char *path, struct grf_output **ret);

/* Frees an output, and what was written to it and not committed; NULL is allowed. */
void grf_output_destroy(struct grf_output *output);

static inline void grf_output_cleanup_fn(struct grf_output **output)
{
	grf_output_destroy(*output);
}
#define _cleanup_output_ __attribute__((cleanup(grf_output_cleanup_fn)))

/* The path as it was given; borrowed. */
const char *grf_output_path(const struct grf_output *output);

/* Whether it is a descriptor that was open: what is written there cannot be taken back. */
bool grf_output_is_stream(const struct grf_output *output);

/* Whether it is standard output. */
bool grf_output_is_standard(const struct grf_output *output);

/* What grf_outputs_commit() needs inside a sandbox. */
struct grf_sandbox_place grf_output_place(const struct grf_output *output);

/* Whether both are the same name in the same folder, however they were spelled. */
bool grf_output_is_same(const struct grf_output *a, const struct grf_output *b);

/* Refuses an output that is the file `input` (NULL: none), under whatever names. */
struct grf_error *grf_output_check_apart(const struct grf_output *output, const char *input);

/* Adds `size` bytes. GRF_ERROR_OUTPUT. */
struct grf_error *grf_output_write(struct grf_output *output, const void *data, size_t size);

/*
 * Puts what was written to `count` outputs at their paths, once: all of it, or nothing.
 * GRF_ERROR_OUTPUT: what was there is there still, unless somebody kept one of the results from its
 * path between the last look at that and the rename.
 */
struct grf_error *grf_outputs_commit(struct grf_output *const *outputs, size_t count);

/* The same of one output. */
static inline struct grf_error *grf_output_commit(struct grf_output *output)
{
	return grf_outputs_commit(&output, 1);
}

#endif
