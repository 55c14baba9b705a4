/* SPDX-License-Identifier: BSD-2-Clause */
/* The image as its makers fill it in; private to the stage. */
#ifndef GRF_IMAGE_IMAGE_PRIVATE_H
#define GRF_IMAGE_IMAGE_PRIVATE_H

#include "base/array.h"
#include "base/pages.h"
#include "image/core_file.h"
#include "image/executable/executable.h"
#include "image/image.h"
#include "image/provenance.h"

/* Our memory that an image lets go of at its end. */
struct grf_image_backing {
	void *memory;
	size_t size;
};

/* A run of held bytes, and how many are held before it. */
struct grf_held_run {
	struct grf_run run;
	uint64_t before;
};

struct grf_image {
	const struct grf_arch *arch;
	GRF_ARRAY(struct grf_segment) segments;
	GRF_ARRAY(struct grf_mapping) mappings;
	GRF_ARRAY(struct grf_thread) threads;
	GRF_ARRAY(uint64_t) auxv; /* pairs */
	GRF_ARRAY(struct grf_image_backing) backings;
	GRF_ARRAY(struct grf_held_run) held; /* ascending; each in one segment */
	uint64_t held_bytes;
	struct grf_core_file *file; /* that segments are in; NULL: none */
	struct grf_provenance provenance;
	struct grf_image_parts *parts; /* owned; NULL: of a core that is no snapshot */
};

struct grf_image *grf_image_new(const struct grf_arch *arch);

static inline bool grf_segment_is_claimed(const struct grf_segment *segment)
{
	return segment->flags & GRF_SEGMENT_CLAIMED;
}

/* Lists what is held of the segments, which are sorted. False: out of memory. */
bool grf_image_list_held(struct grf_image *image);

/* Adds a segment; empty ones and ones that wrap around are left out. False: out of memory. */
bool grf_image_add(struct grf_image *image, uint64_t start, uint64_t end, uint32_t flags,
		   const uint8_t *data);

/* The same for memory that reads as zero. */
bool grf_image_add_zero(struct grf_image *image, uint64_t start, uint64_t end, uint32_t flags);

/*
 * Sorts the segments, cuts overlaps (what starts lower stays, of equal starts what was added
 * first), and fills what the executable's file-backed pages cover and nothing else does from the
 * executable, whose bias must be set.
 */
struct grf_error *grf_image_finish(struct grf_image *image, struct grf_executable *executable);

/* Works the load bias out from AT_ENTRY, and sets it. */
struct grf_error *grf_image_set_bias(const struct grf_image *image,
				     struct grf_executable *executable);

#endif
