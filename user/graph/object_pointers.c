/* SPDX-License-Identifier: BSD-2-Clause */
/* Visits the pointers of one object by its heap bits, or by the mask of its stored type. */
#include "graph/object_pointers.h"

static void visit_word(const struct grf_span *span, uint64_t offset, grf_edge_visit *visit,
		       void *context)
{
	uint64_t value = grf_load_u64(span->memory + offset);

	if (value)
		visit(context, span->base + offset, value);
}

static void by_bits(const struct grf_span *span, uint32_t slot, grf_edge_visit *visit,
		    void *context)
{
	uint64_t first = slot * span->element_size / 8, end = first + span->element_size / 8;

	for (; first < end; first += 64) {
		uint64_t words = end - first < 64 ? end - first : 64;

		for (uint64_t left = grf_span_mask(span, first, words); left; left &= left - 1)
			visit_word(span, (first + (uint64_t)__builtin_ctzll(left)) * 8, visit,
				   context);
	}
}

/* The mask of the stored type, repeated to the slot's end. */
static bool by_type(const struct grf_span *span, uint32_t slot, struct grf_types *types,
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
	while (grf_stored_words_next(&state, &word))
		visit_word(span, start + word * 8, visit, context);
	return true;
}

bool grf_object_pointers(const struct grf_span *span, uint32_t slot, struct grf_types *types,
			 struct grf_stored_types *stored, grf_edge_visit *visit, void *context)
{
	if (span->pointer_layout == GRF_POINTERS_NONE)
		return true;
	if (span->pointer_bits) {
		by_bits(span, slot, visit, context);
		return true;
	}
	return by_type(span, slot, types, stored, visit, context);
}
