/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where copies go. The target's address space is mirrored: neighbouring mappings are copied to
 * neighbouring memory of our own, so that a heap whose mappings the kernel keeps as several, or
 * that grows between plan and stop, still becomes one range. For each cluster of mappings an area
 * of address space is reserved that also covers the gaps between them and what may grow at both
 * ends: heaps grow up, what the kernel chose the place of grows down. Only pages that are written
 * to cost memory. A page's copy stays where it is, whatever its mapping has become since.
 *
 * The end of an area may be kept in a file (spill.h), or, where the copy is to be a file, all that
 * is known before. Its addresses stay without access until all is copied; then the file is mapped
 * there.
 */
#ifndef GRF_CAPTURE_COPY_SPACE_H
#define GRF_CAPTURE_COPY_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/parts.h"

struct grf_area {
	uint64_t start; /* of the target's addresses that it mirrors */
	uint64_t end;
	uint8_t *base;         /* one page more than end - start, which stays unused */
	uint64_t spilled_from; /* what is from here on is in the file; `end`: nothing */
	uint64_t offset;       /* of `start` in the file */
};

/* What is kept in a file of its own layout. */
struct grf_extent {
	uint64_t start, end; /* of the target's addresses */
	uint64_t offset;     /* of `start` in the file */
};

struct grf_space {
	struct grf_area *areas;
	size_t count;
	size_t capacity;
	uint64_t file_length; /* of all areas */
	/* Ascending; NULL: what areas say holds. */
	struct grf_extent *extents;
	size_t extent_count;
	uint64_t extents_end; /* in the file */
};

/* Covers `runs` (ascending), `get` reading run `index`; leaves room for further areas. */
struct grf_error *grf_space_reserve(struct grf_space *space, size_t count,
				    void (*get)(const void *context, size_t index, uint64_t *start,
						uint64_t *end),
				    const void *context);

/* Memory for [start, *ret_end), where *ret_end is `end`, or less where an area, or the part of it
 * that is in the file, ends or begins;
 * reserved further where no area covers it; not yet accessible. NULL: no address space. Allocates
 * nothing of our own. */
uint8_t *grf_space_find(struct grf_space *space, uint64_t start, uint64_t end, uint64_t *ret_end);

/* Has what an area mirrors from `from` on be in the file; before anything is copied. */
bool grf_space_spill(struct grf_area *area, uint64_t from);

/*
 * Has all of `runs` (ascending) be in the file, from `offset` on, in the order of their addresses,
 * but the longest of those that touch each other comes last, so that it can grow; before anything
 * is copied. False: out of memory or address space.
 */
bool grf_space_spill_all(struct grf_space *space, size_t count,
			 void (*get)(const void *context, size_t index, uint64_t *start,
				     uint64_t *end),
			 const void *context, uint64_t offset);

/* Whether the copy at `data` is in the file, and where. */
bool grf_space_is_spilled(const struct grf_space *space, const uint8_t *data, uint64_t *ret_offset);

/* Makes `length` bytes at `data` readable and writable. */
bool grf_space_open(uint8_t *data, uint64_t length);

/* Gives back everything but `ranges` (ascending, each in one area), or everything. The ranges are
 * the caller's from then on. */
void grf_space_release(struct grf_space *space, const struct grf_image_range *ranges, size_t count);

#endif
