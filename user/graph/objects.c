/* SPDX-License-Identifier: BSD-2-Clause */
/* Creates the states of all objects, and marks each slot that holds none as free. */
#include "graph/objects.h"

#include <stdlib.h>
#include <string.h>

static void span_states(const struct grf_span *span, uint8_t *states)
{
	uint32_t slot = 0;

	/* Most spans are full: eight slots at a time. */
	while (slot < span->slot_count) {
		if (!(slot & 7) && slot + 8 <= span->slot_count &&
		    span->allocated[slot >> 3] == 0xff) {
			memset(&states[slot], 0, 8);
			slot += 8;
			continue;
		}
		states[slot] = grf_span_allocated(span, slot) ? 0 : GRF_OBJECT_FREE;
		slot++;
	}
}

struct grf_error *grf_object_states_create(const struct grf_heap *heap, uint8_t **ret)
{
	uint8_t *states = malloc(heap->object_ids ? heap->object_ids : 1);

	if (!states)
		return grf_error_no_memory();
	for (size_t i = 0; i < heap->span_count; i++)
		span_states(&heap->spans[i], &states[heap->spans[i].first_object]);
	*ret = states;
	return NULL;
}
