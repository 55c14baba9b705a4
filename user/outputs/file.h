/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A result file. It is written as a whole or not at all, is readable by its owner alone (0600), and
 * is put only at the place that was meant when it was created.
 *
 * grf_output_create() resolves the folder once and holds it by a descriptor. Other processes that
 * change the folder, or a name that led to it, cannot redirect the result: the last component of a
 * path is never followed, and no existing file is written to or has its mode changed. At the
 * beginning and at the end, the name must be free or be that of a regular file, which is replaced
 * by rename. A symbolic link, FIFO, socket, device or folder is refused. Standard output and error,
 * other open descriptors (/dev/fd/N) and /dev/null are not files: see grf_output_create().
 *
 * grf_output_write() needs the open descriptors and one system call: write(2). grf_outputs_commit()
 * calls fsync, fstat, newfstatat, getrandom, linkat, renameat and unlinkat; where the file system
 * has no nameless files (O_TMPFILE), also openat, pread and write. It needs write permission in the
 * folder (for root in another user's folder: CAP_DAC_OVERRIDE), and Landlock's MAKE_REG and
 * REMOVE_FILE (WRITE_FILE with openat).
 */
#ifndef GRF_OUTPUTS_FILE_H
#define GRF_OUTPUTS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/sandbox/sandbox.h"

struct grf_output;

/*
 * Reserves `path` for a result and checks that it can be written; leaves nothing there. "-" and
 * names such as /dev/stdout and /dev/fd/3 stand for an open descriptor, which is written to as it
 * is. What is written to the null device is discarded. The caller owns the output. Errors: OUTPUT.
 */
struct grf_error *grf_output_create(const char *path, struct grf_output **ret);

/*
 * The same for a result that may be too large for memory: where the file system has no nameless
 * files it has a name of its own in the folder meanwhile, which stays there if this process is
 * killed.
 */
struct grf_error *grf_output_create_large(const char *path, struct grf_output **ret);

/* Frees an output, and what was written to it and not committed; NULL is allowed. */
void grf_output_destroy(struct grf_output *output);

static inline void grf_output_cleanup_fn(struct grf_output **output)
{
	grf_output_destroy(*output);
}
#define _cleanup_output_ __attribute__((cleanup(grf_output_cleanup_fn)))

/* The path as it was given; borrowed. */
const char *grf_output_path(const struct grf_output *output);

/* Whether it is an open descriptor: what is written to it cannot be taken back. */
bool grf_output_is_stream(const struct grf_output *output);

/* Whether it is standard output. */
bool grf_output_is_standard(const struct grf_output *output);

/* What grf_outputs_commit() needs inside a sandbox. */
struct grf_sandbox_place grf_output_place(const struct grf_output *output);

/* Whether both are the same name in the same folder, in whatever spelling. */
bool grf_output_is_same(const struct grf_output *a, const struct grf_output *b);

/* Refuses an output that is the file `input` (NULL: none), under any name. Errors: OUTPUT. */
struct grf_error *grf_output_check_apart(const struct grf_output *output, const char *input);

/* Adds `size` bytes. Errors: OUTPUT. */
struct grf_error *grf_output_write(struct grf_output *output, const void *data, size_t size);

/* The descriptor of a file that others may write to as well, for reading and writing; what is
 * skipped stays as they wrote it. -1: what is written does not go to a file, or not yet. */
int grf_output_descriptor(const struct grf_output *output);

/* How much room a result takes on the disk by now, as far as that is known; 0: none. */
uint64_t grf_output_room(const struct grf_output *output);

/* Adds `size` zeros: in a file, as a hole. Errors: OUTPUT. */
struct grf_error *grf_output_skip(struct grf_output *output, uint64_t size);

/*
 * Puts what was written to `count` outputs at their paths, once: all of them or none. Errors:
 * OUTPUT; existing files are unchanged then, unless another process took a path between the last
 * look at it and the rename.
 */
struct grf_error *grf_outputs_commit(struct grf_output *const *outputs, size_t count);

/* As grf_outputs_commit(), for one output. */
static inline struct grf_error *grf_output_commit(struct grf_output *output)
{
	return grf_outputs_commit(&output, 1);
}

#endif
