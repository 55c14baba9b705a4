/* SPDX-License-Identifier: BSD-2-Clause */
#include "graph/objects.h"

#include <stdlib.h>
#include <string.h>

struct grf_error *grf_object_states_create(const struct grf_heap *heap, uint8_t **ret)
{
	uint8_t *states = malloc(heap->object_ids ? heap->object_ids : 1);

	if (!states)
		return grf_error_no_memory();
	memset(states, GRF_OBJECT_FREE, heap->object_ids);
	for (size_t i = 0; i < heap->span_count; i++) {
		const struct grf_span *span = &heap->spans[i];

		for (uint32_t slot = 0; slot < span->slot_count; slot++)
			if (grf_span_allocated(span, slot))
				states[span->first_object + slot] = 0;
	}
	*ret = states;
	return NULL;
}
