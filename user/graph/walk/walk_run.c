/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order of the walk: visits typed places first, and deferred ones when no typed one is left.
 * Calls go one way: from here to walk_visit.c, to the visits and walk_value.c, to walk.c.
 */
#include "base/log.h"
#include "graph/walk/walk.h"

/* Visits between the prefetch of an object's memory and its own visit: enough to cover a miss. */
#define PREFETCH_AHEAD 12

/* Visits between two looks at interruption and progress. */
#define BREATH 65536

static void prefetch_objects(const struct grf_walk *walk)
{
	const struct grf_place *place = grf_frontier_peek(&walk->typed, PREFETCH_AHEAD);
	const struct grf_span *span;
	uint64_t offset;
	uint32_t where;

	if (!place)
		return;
	where = place->where & ~GRF_PLACE_REVISIT;
	if (where >= walk->heap->span_count)
		return;
	span = &walk->heap->spans[where];
	offset = place->address - span->base;
	__builtin_prefetch(span->memory + offset);
	if (span->pointer_bits)
		__builtin_prefetch(span->pointer_bits + offset / 64);
}

/* A deferred place whose turn has come. */
static void take_deferred(struct grf_walk *walk, struct grf_place *place)
{
	if (place->where == GRF_PLACE_PARTIAL || grf_walk_reach_deferred(walk, place))
		grf_walk_visit_deferred(walk, place);
}

struct grf_error *grf_walk_run(struct grf_walk *walk, bool typed_only)
{
	struct grf_place place;
	uint64_t breath = 0;

	while (!walk->no_memory) {
		if (!walk->typed.count)
			grf_walk_settle(walk);
		if (walk->typed.count) {
			prefetch_objects(walk);
			grf_frontier_pop(&walk->typed, &place);
			grf_walk_visit(walk, &place);
		} else if (!typed_only && grf_frontier_pop(&walk->deferred, &place)) {
			take_deferred(walk, &place);
		} else {
			return NULL;
		}
		if (++breath % BREATH)
			continue;
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
			grf_walk_emit_array(walk, place.address, place.spot, count);
		else
			grf_walk_emit(walk, place.address, place.spot);
	}
	return grf_walk_run(walk, true);
}

void grf_walk_run_stack(struct grf_walk *walk)
{
	struct grf_place place;

	while (!walk->no_memory && grf_frontier_pop(&walk->in_stack, &place))
		grf_walk_visit(walk, &place);
}
