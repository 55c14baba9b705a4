/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is to be copied: made from the target's mappings once before the stop, at leisure, and once
 * more at the stop, when it must be quick and must not allocate. The second takes from the first
 * what has not changed.
 */
#ifndef GRF_CAPTURE_COPY_PLAN_H
#define GRF_CAPTURE_COPY_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "capture/copy/copy.h"
#include "capture/copy/maps.h"
#include "capture/copy/space.h"

struct grf_plan {
	char *text; /* of /proc/PID/maps; the lines point into it */
	size_t text_length;
	size_t text_room;
	struct grf_map_line *lines;
	size_t line_count;
	size_t line_room;
	struct grf_piece *pieces; /* ascending, not overlapping */
	size_t piece_count;
	size_t piece_room;
};

enum grf_plan_result {
	GRF_PLAN_DONE,
	GRF_PLAN_GONE,    /* no mappings: the process exited, or runs another program now */
	GRF_PLAN_NO_ROOM, /* more mappings than there is room for */
	GRF_PLAN_NO_SPACE /* no address space for the copy */
};

/* Reads `maps` (a descriptor of /proc/PID/maps) and plans; reserves and opens the destination. */
struct grf_error *grf_plan_make(struct grf_plan *plan, int maps, struct grf_resident *resident,
				struct grf_space *space);

/* The bounds of a piece of a struct grf_plan, for grf_space_reserve() and grf_space_spill_all(). */
void grf_plan_bounds(const void *context, size_t index, uint64_t *start, uint64_t *end);

/* Gives the pieces new destinations, after grf_space_spill(): none is in memory and in the
 * file as well. */
struct grf_error *grf_plan_place(struct grf_plan *plan, struct grf_space *space);

/* Makes room for a plan somewhat larger than `first`, and touches it. */
struct grf_error *grf_plan_make_room(struct grf_plan *plan, const struct grf_plan *first);

/* The same as grf_plan_make() at the stop, with `first` to compare with. */
enum grf_plan_result grf_plan_again(struct grf_plan *plan, const struct grf_plan *first, int maps,
				    struct grf_resident *resident, struct grf_space *space);

/* The piece that holds an address, or NULL. */
const struct grf_piece *grf_plan_find(const struct grf_plan *plan, uint64_t address);

void grf_plan_free(struct grf_plan *plan);

#endif
