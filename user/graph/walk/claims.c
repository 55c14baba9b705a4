/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * As what each root word that leads into the heap was followed: the name of a variable, where the
 * word itself is all that the definition of a root has. Kept where places are.
 */
#include "graph/walk/walk.h"

void grf_walk_claim(struct grf_walk *walk, const struct grf_area *area, uint64_t bit, uint32_t spot,
		    uint64_t offset)
{
	struct grf_root_claim *claim;

	if (!grf_places_kept(&walk->places) || !spot ||
	    !grf_heap_span(walk->heap, grf_load_u64(area->memory + bit * GRF_WORD_BYTES)))
		return;
	claim = grf_array_add(&walk->claims);
	if (!claim) {
		grf_walk_fail(walk);
		return;
	}
	claim->address = area->start + bit * GRF_WORD_BYTES;
	claim->kind = spot;
	claim->offset = offset < GRF_CLAIM_ALONE ? (uint32_t)offset : GRF_CLAIM_ALONE;
	claim->order = (uint32_t)walk->claims.count;
}

/* Copies words of pending bits. False: out of memory. */
static bool remember_pending(struct grf_walk *walk, const uint64_t *pending, uint64_t words)
{
	if (words > walk->unclaimed_words) {
		uint64_t *grown = realloc(walk->unclaimed, words * sizeof(*grown));

		if (!grown) {
			grf_walk_fail(walk);
			return false;
		}
		walk->unclaimed = grown;
		walk->unclaimed_words = words;
	}
	memcpy(walk->unclaimed, pending, words * sizeof(*pending));
	return true;
}

void grf_walk_area_value(struct grf_walk *walk, const struct grf_area *area, uint32_t spot,
			 const struct grf_window *view, uint64_t bytes)
{
	uint64_t end = view->first + (bytes + GRF_WORD_BYTES - 1) / GRF_WORD_BYTES;
	const struct grf_type *type = spot ? grf_spot_at(&walk->spots, spot)->type : NULL;
	uint64_t first = view->first / 64, words;
	/* Of a variable in pieces, what is beside a word here is another one's. */
	bool whole = type && bytes >= type->size;

	if (end > view->end)
		end = view->end;
	words = end > view->first ? (end + 63) / 64 - first : 0;
	if (!grf_places_kept(&walk->places) || !words) {
		grf_walker_value(&walk->main, spot, view);
		return;
	}
	if (!remember_pending(walk, view->pending + first, words))
		return;
	grf_walker_value(&walk->main, spot, view);
	for (uint64_t w = 0; w < words; w++) {
		uint64_t taken = walk->unclaimed[w] & ~view->pending[first + w];

		for (; taken; taken &= taken - 1) {
			uint64_t bit = (first + w) * 64 + (uint64_t)__builtin_ctzll(taken);

			grf_walk_claim(walk, area, bit, spot,
				       whole ? (bit - view->first) * GRF_WORD_BYTES
					     : GRF_CLAIM_ALONE);
		}
	}
}
