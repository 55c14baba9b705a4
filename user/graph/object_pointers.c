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

	for (uint64_t i = first; i < end; i++) {
		unsigned int left = span->pointer_bits[i >> 3] >> (i & 7);

		if (!left) {
			i |= 7;
			continue;
		}
		i += (unsigned int)__builtin_ctz(left);
		if (i < end)
			visit_word(span, i * 8, visit, context);
	}
}

/* The mask of the stored type, repeated to the slot's end. */
static bool by_type(const struct grf_span *span, uint32_t slot, struct grf_types *types,
		    struct grf_stored_types *stored, grf_edge_visit *visit, void *context)
{
	uint64_t payload, address = grf_span_stored_type(span, slot, &payload), period;
	uint64_t start = slot * span->element_size + payload;
	uint64_t words = (span->element_size - payload) / 8;
	const struct grf_stored_type *type;
	bool no_memory = false;

	if (!address)
		return true;
	type =
	    grf_stored_type_get(stored, types, address, span->element_size - payload, &no_memory);
	if (!type || !type->pointers)
		return !no_memory;
	period = type->size / 8;
	for (uint64_t at = 0; period && at < words; at += period)
		for (uint64_t i = 0; i < period && at + i < words; i++)
			if (grf_bit(type->mask, i))
				visit_word(span, start + (at + i) * 8, visit, context);
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
