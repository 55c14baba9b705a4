/* SPDX-License-Identifier: BSD-2-Clause */
/* Goes through the edges of the core. */
#include "graph/owners/owner_search.h"

#include "base/log.h"

/* Spans between two looks at interruption. */
#define BREATH 1024

struct grf_error *grf_owner_search_edges(struct grf_owner_search *search, grf_holder_name *name,
					 grf_held_visit *visit, void *context)
{
	const struct grf_heap *heap = search->retained->graph->model->heap;
	struct grf_holding_stream stream = grf_owner_search_stream(search, visit, context);

	for (size_t i = 0; i < heap->span_count; i++) {
		const struct grf_span *span = &heap->spans[i];

		if (!(i % BREATH) && grf_interrupted())
			return grf_error_interrupted();
		if (span->pointer_layout == GRF_POINTERS_NONE)
			continue;
		for (uint32_t slot = 0; slot < span->slot_count && !search->no_memory; slot++) {
			uint64_t id = span->first_object + slot;

			if (grf_ranked_set_has(&search->core, id) &&
			    !grf_holding_stream_add(&stream, span, slot, name(search, id)))
				search->no_memory = true;
		}
	}
	grf_holding_stream_end(&stream);
	return search->no_memory ? grf_error_no_memory() : NULL;
}
