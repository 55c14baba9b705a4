/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order of the walk: visits typed places first, and deferred ones when no typed one is left.
 * Calls go one way: from here to walk_visit.c, to the visits and walk_value.c, to walk.c.
 */
#include "base/log.h"
#include "graph/walk/batch.h"
#include "graph/walk/walk.h"

/* Places between two looks at interruption and progress. */
#define BREATH 65536

/* A deferred place whose turn has come. */
static void take_deferred(struct grf_walk *walk, struct grf_place *place)
{
	if (place->where == GRF_PLACE_PARTIAL || grf_walk_reach_deferred(walk, place))
		grf_walk_visit_deferred(walk, place);
}

struct grf_error *grf_walk_run(struct grf_walk *walk, bool typed_only)
{
	uint64_t done = 0, breath = BREATH;
	struct grf_place place;

	while (!walk->no_memory) {
		if (!walk->typed.count)
			grf_walk_settle(walk);
		if (walk->typed.count) {
			done += grf_batch_visit(walk->batch);
		} else if (!typed_only && grf_frontier_pop(&walk->deferred, &place)) {
			take_deferred(walk, &place);
			done++;
		} else {
			return NULL;
		}
		if (done < breath)
			continue;
		breath = done + BREATH;
		grf_batch_count(walk->batch);
		if (grf_interrupted())
			return grf_error_interrupted();
		grf_progress("walking the heap", walk->reached, walk->heap->allocated_count);
	}
	return grf_error_no_memory();
}

struct grf_error *grf_walk_run_left(struct grf_walk *walk)
{
	struct grf_place place;

	while (!walk->no_memory && grf_frontier_pop(&walk->left_to_runtime, &place))
		grf_walk_emit(walk, place.address, place.spot);
	return grf_walk_run(walk, false);
}

struct grf_error *grf_walk_run_pools(struct grf_walk *walk)
{
	struct grf_place place;

	walk->pools_followed = true;
	while (!walk->no_memory && grf_frontier_pop(&walk->pools, &place)) {
		uint32_t count = place.where - GRF_PLACE_ARRAY;

		if (place.where >= GRF_PLACE_ARRAY && count <= GRF_PLACE_ARRAY_MAX)
			grf_walker_emit_array(&walk->main, place.address, place.spot, count);
		else
			grf_walk_emit(walk, place.address, place.spot);
	}
	return grf_walk_run(walk, true);
}

void grf_walk_run_stack(struct grf_walk *walk)
{
	struct grf_place place;

	while (!walk->no_memory && grf_frontier_pop(&walk->in_stack, &place))
		grf_walker_visit(&walk->main, &place);
}
