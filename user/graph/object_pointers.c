/* SPDX-License-Identifier: BSD-2-Clause */
/* Visits the pointers of one object by the mask of its stored type. */
#include "graph/object_pointers.h"

/* The mask is repeated to the slot's end. */
bool grf_visit_stored_type(const struct grf_span *span, uint32_t slot, struct grf_types *types,
			   struct grf_stored_types *stored, grf_edge_visit *visit, void *context)
{
	uint64_t payload, address = grf_span_stored_type(span, slot, &payload), word;
	uint64_t start = slot * span->element_size + payload;
	uint64_t words = (span->element_size - payload) / 8;
	const struct grf_stored_type *type;
	struct grf_stored_words state;
	bool no_memory = false;

	if (!address)
		return true;
	type =
	    grf_stored_type_get(stored, types, address, span->element_size - payload, &no_memory);
	if (!type || !type->pointers)
		return !no_memory;
	state = (struct grf_stored_words){.type = type, .words = words};
	while (grf_stored_words_next(&state, &word)) {
		uint64_t offset = start + word * 8, value = grf_load_u64(span->memory + offset);

		if (value)
			visit(context, span->base + offset, value);
	}
	return true;
}
