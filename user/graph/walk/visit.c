/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the visits of all forms: words that no type covers, and objects with such words. */
#include "graph/walk/visit.h"

void grf_visited_defer(struct grf_walker *walker, uint32_t spot, const uint8_t *memory,
		       const uint64_t *bits, uint64_t words)
{
	uint32_t below = 0;

	for (uint64_t w = 0; w < grf_bitmap_words(words); w++) {
		for (uint64_t left = bits[w]; left; left &= left - 1) {
			uint64_t at = w * 64 + (uint64_t)__builtin_ctzll(left), value;

			if (at >= words || !(value = grf_load_u64(memory + at * 8)))
				continue;
			if (!below && !(below = grf_walker_sub_objects(walker, spot))) {
				grf_walker_fail(walker);
				return;
			}
			grf_walker_defer(walker, value, below);
		}
	}
}

struct grf_partial *grf_visited_partial(struct grf_walker *walker, const struct grf_visited *object,
					bool add)
{
	uint32_t index = grf_pair_map_get(&walker->walk->partial_index, object->id, 0);
	struct grf_place place = {.where = GRF_PLACE_PARTIAL};
	struct grf_partial *partial;

	if (index != GRF_PAIR_MAP_NONE)
		return &walker->walk->partials.items[index];
	if (!add)
		return NULL;
	place.spot = (uint32_t)walker->walk->partials.count;
	partial = grf_array_add(&walker->walk->partials);
	if (!partial ||
	    !grf_pair_map_put(&walker->walk->partial_index, object->id, 0, place.spot) ||
	    !grf_frontier_push(&walker->walk->deferred, &place)) {
		grf_walker_fail(walker);
		return NULL;
	}
	partial->address = object->address;
	partial->id = object->id;
	partial->span = (uint32_t)(object->span - walker->walk->heap->spans);
	return partial;
}

void grf_visited_leave(struct grf_walker *walker, const struct grf_visited *object, uint32_t spot,
		       uint64_t pending, bool stored)
{
	struct grf_partial *partial = !grf_walker_lacks_whole(walker) && grf_walker_may_make(walker)
					  ? grf_visited_partial(walker, object, true)
					  : NULL;

	if (!partial)
		return;
	partial->pending = pending;
	partial->value = object->value;
	partial->spot = spot;
	partial->stored = stored;
	walker->walk->states[object->id] |= GRF_OBJECT_PARTIAL;
	grf_walk_place_wider(walker->walk, object->id);
}
