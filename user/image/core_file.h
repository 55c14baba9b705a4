/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A core or snapshot file, open and mapped, for as many as use it. Its holes cost nothing and are
 * not held by an image of it. One that is packed (base/files/packed_file.h) is unpacked into
 * memory.
 */
#ifndef GRF_IMAGE_CORE_FILE_H
#define GRF_IMAGE_CORE_FILE_H

#include <stdint.h>

#include "base/array.h"
#include "base/error.h"
#include "base/pages.h"

struct grf_core_file {
	char *path; /* as it was given */
	int fd;
	uint8_t *memory; /* all of it, mapped to be read */
	uint64_t size;
	GRF_ARRAY(struct grf_run) data; /* offsets that are in no hole, ascending */
	uint64_t data_bytes;
	/* Private. */
	unsigned int users;
};

/* Opens and maps one, for one user. Errors: those of grf_named_file_open() and grf_file_unpack(),
 * BAD_INPUT (empty). */
struct grf_error *grf_core_file_open(const char *path, struct grf_core_file **ret);

/* Adds a user, and takes one away; the last one closes it. NULL is allowed. */
struct grf_core_file *grf_core_file_use(struct grf_core_file *file);
void grf_core_file_leave(struct grf_core_file *file);

static inline void grf_core_file_cleanup_fn(struct grf_core_file **file)
{
	grf_core_file_leave(*file);
}
#define _cleanup_core_file_ __attribute__((cleanup(grf_core_file_cleanup_fn)))

#endif
