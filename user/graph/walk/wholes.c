/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What objects are as a whole of which only the beginning is known: what the code says that it
 * made, else the only type that fits and begins so. Objects with words that no pointer's type
 * explains were asked for when those words were followed (visit_small.c); here are those without,
 * such as a struct whose other fields are numbers.
 */
#include "base/log.h"
#include "graph/walk/visit.h"

/* Objects that are looked at between two looks at interruption. */
#define BREATH 65536

static void find_object(struct grf_walk *walk, const struct grf_span *span, uint32_t slot)
{
	const struct grf_visited object = {
	    .span = span,
	    .slot = slot,
	    .id = span->first_object + slot,
	    .address = span->base + slot * span->element_size,
	    .memory = span->memory + slot * span->element_size,
	    .size = span->element_size,
	    .value = span->base + slot * span->element_size,
	};
	uint32_t place = grf_places_get(&walk->places, object.id);
	struct grf_inferred whole;

	if (place & GRF_GRAPH_INSIDE)
		return;
	if (grf_visited_whole(&walk->main, &object, grf_spot_at(&walk->spots, place), &whole))
		grf_walk_place_whole(walk, object.id, whole, true);
	else if (!grf_places_set(&walk->places, object.id, place | GRF_GRAPH_INSIDE))
		grf_walk_fail(walk);
}

struct grf_error *grf_walk_wholes(struct grf_walk *walk)
{
	uint64_t breath = 0;

	for (size_t i = 0; i < walk->heap->span_count && !walk->no_memory; i++) {
		const struct grf_span *span = &walk->heap->spans[i];
		const uint8_t *states = &walk->states[span->first_object];

		for (uint32_t slot = 0; slot < span->slot_count; slot++) {
			if (!(states[slot] & GRF_OBJECT_WIDER))
				continue;
			find_object(walk, span, slot);
			if (!(++breath % BREATH) && grf_interrupted())
				return grf_error_interrupted();
		}
	}
	return NULL;
}
