/* SPDX-License-Identifier: BSD-2-Clause */
/* The units that a copy of a running process is made in, and what its tracker says of their pages.
 */
#ifndef GRF_CAPTURE_PRECOPY_PRECOPY_UNITS_H
#define GRF_CAPTURE_PRECOPY_PRECOPY_UNITS_H

#include "capture/precopy/precopy.h"

/* That a scan is asked for at a time. */
#define GRF_PAGE_RUNS 256
/* What one page of the page tables maps. */
#define GRF_PAGE_TABLE_BYTES (2ull << 20)

/* The units that a plan makes, at most. */
size_t grf_units_count(const struct grf_precopy *precopy, const struct grf_plan *plan);

/* Cuts all of a piece that is not left out into units; *index, 0 at first, is for ascending calls.
 * Allocates nothing. False: no room. */
bool grf_units_add(struct grf_precopy *precopy, const struct grf_piece *piece, size_t *index,
		   bool whole, bool known);

/*
 * Whether the next part of a piece, which begins at `start`, is one that `first` has; *ret_end is
 * where that part ends, or where what `first` has next begins. *at is an index into its pieces, 0
 * at first, which serves for ascending calls.
 */
bool grf_units_part_is_planned(const struct grf_plan *first, const struct grf_piece *piece,
			       size_t *at, uint64_t start, uint64_t *ret_end);

/* Where the copy of an address in a unit lies. */
static inline uint8_t *grf_unit_data(const struct grf_unit *unit, uint64_t address)
{
	return unit->data + (address - unit->start);
}

static inline enum grf_scan_result grf_unit_scan(struct grf_precopy *precopy, enum grf_scan what,
						 uint64_t from, uint64_t to,
						 struct grf_page_run *runs, size_t capacity,
						 size_t *ret_count, uint64_t *ret_next)
{
	return precopy->tracker->kind->scan(precopy->tracker, what, from, to, runs, capacity,
					    ret_count, ret_next);
}

/* Whether the tracker knows what becomes of such a piece. */
static inline bool grf_unit_is_watched(const struct grf_precopy *precopy, enum grf_map_part part)
{
	return part == GRF_MAP_RESIDENT ||
	       (part != GRF_MAP_WRITTEN && !precopy->tracker->kind->only_anonymous);
}

/* Whether it is so large that there may be no page tables for it. */
static inline bool grf_page_run_is_large(const struct grf_page_run *run)
{
	return run->end - run->start >= GRF_PAGE_TABLE_BYTES;
}

/* For what was not looked at, or may be without protection still. */
static inline void grf_units_look_again(struct grf_precopy *precopy, uint64_t start, uint64_t end)
{
	if (precopy->touched)
		grf_touched_mark(precopy->touched, start, end);
}

/* What of a unit is to be looked at; see touched.h. */
static inline const struct grf_touched *grf_unit_touched(const struct grf_precopy *precopy,
							 const struct grf_unit *unit)
{
	return unit->part == GRF_MAP_RESIDENT ? precopy->touched : NULL;
}

#endif
