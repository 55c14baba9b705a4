/* SPDX-License-Identifier: BSD-2-Clause */
/* What an image of a live process is made of; capture fills it in. */
#ifndef GRF_IMAGE_PARTS_H
#define GRF_IMAGE_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "image/image.h"
#include "image/left_out.h"
#include "image/provenance.h"

/* A copied range. `data` is a mapping of our own, page-aligned, to be read only. */
struct grf_image_range {
	uint64_t start;
	uint64_t end;
	uint32_t flags; /* enum grf_segment_flags */
	uint8_t *data;
	uint64_t offset; /* in a snapshot, once that is known */
};

/* Owns all that its pointers lead to. */
struct grf_image_parts {
	struct grf_image_range *ranges; /* ascending, not overlapping */
	size_t range_count;
	struct grf_run *left_out; /* parts of ranges that were not copied; likewise */
	size_t left_out_count;
	struct grf_mapping *mappings; /* paths are owned */
	size_t mapping_count;
	struct grf_thread *threads;
	size_t thread_count;
	struct grf_goroutine_record *goroutines; /* taken at the stop, in any order */
	size_t goroutine_count;
	struct grf_goroutine_fields goroutine_fields; /* by which they were taken */
	uint64_t *auxv;                               /* pairs type, value; ends with AT_NULL */
	size_t auxv_count;                            /* words, two for each pair */
	struct grf_provenance provenance;
	/* Where ranges end in the snapshot that they were copied to, at their offsets; 0: to none,
	 * they are in memory. */
	uint64_t file_end;
};

/* Frees the parts and unmaps the ranges; NULL is allowed. */
void grf_image_parts_destroy(struct grf_image_parts *parts);

/* Makes an image of finished parts, which it takes over (also on failure). Sets the load bias of
 * `executable`, which must outlive the image. Errors: MISMATCH, NO_MEMORY. */
struct grf_error *grf_image_create(struct grf_image_parts *parts, struct grf_executable *executable,
				   struct grf_image **ret);

#endif
