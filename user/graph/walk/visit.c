/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the visits of all forms: words that no type covers, and objects with such words. */
#include "graph/walk/visit.h"

void grf_visited_defer(struct grf_walk *walk, uint32_t spot, const uint8_t *memory,
		       const uint64_t *bits, uint64_t words)
{
	uint32_t below = 0;

	for (uint64_t w = 0; w < grf_bitmap_words(words); w++) {
		for (uint64_t left = bits[w]; left; left &= left - 1) {
			uint64_t at = w * 64 + (uint64_t)__builtin_ctzll(left), value;

			if (at >= words || !(value = grf_load_u64(memory + at * 8)))
				continue;
			if (!below && !(below = grf_spot_sub_objects(&walk->spots, spot))) {
				grf_walk_fail(walk);
				return;
			}
			grf_walk_defer(walk, value, below);
		}
	}
}

struct grf_partial *grf_visited_partial(struct grf_walk *walk, const struct grf_visited *object,
					bool add)
{
	uint32_t index = grf_pair_map_get(&walk->partial_index, object->id, 0);
	struct grf_place place = {.where = GRF_PLACE_PARTIAL};
	struct grf_partial *partial;

	if (index != GRF_PAIR_MAP_NONE)
		return &walk->partials.items[index];
	if (!add)
		return NULL;
	place.spot = (uint32_t)walk->partials.count;
	partial = grf_array_add(&walk->partials);
	if (!partial || !grf_pair_map_put(&walk->partial_index, object->id, 0, place.spot) ||
	    !grf_frontier_push(&walk->deferred, &place)) {
		grf_walk_fail(walk);
		return NULL;
	}
	partial->address = object->address;
	partial->id = object->id;
	partial->span = (uint32_t)(object->span - walk->heap->spans);
	return partial;
}

void grf_visited_leave(struct grf_walk *walk, const struct grf_visited *object, uint32_t spot,
		       uint64_t pending, bool stored)
{
	struct grf_partial *partial = grf_visited_partial(walk, object, true);

	if (!partial)
		return;
	partial->pending = pending;
	partial->value = object->value;
	partial->spot = spot;
	partial->stored = stored;
	walk->states[object->id] |= GRF_OBJECT_PARTIAL;
	grf_walk_place_wider(walk, object->id);
}
