/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of an object that the collector follows, by the runtime's own masks alone. Inferred
 * types are not consulted. The walk takes its masks from here too: this is what an edge is.
 */
#ifndef GRF_GRAPH_OBJECT_POINTERS_H
#define GRF_GRAPH_OBJECT_POINTERS_H

#include <string.h>

#include "graph/graph.h"
#include "graph/plan_mask.h"
#include "model/heap/heap.h"

/* The heap bits of up to 64 words of a span with pointer_bits, from the word with number `first`:
 * bit 0 is that word's. */
static inline uint64_t grf_span_mask(const struct grf_span *span, uint64_t first, uint64_t words)
{
	const uint8_t *bits = span->pointer_bits + first / 8;
	uint64_t shift = first & 7, mask = 0, bytes = (shift + words + 7) / 8;

	memcpy(&mask, bits, bytes < 8 ? bytes : 8);
	mask >>= shift;
	if (bytes > 8)
		mask |= (uint64_t)bits[8] << (64 - shift);
	return words < 64 ? mask & (((uint64_t)1 << words) - 1) : mask;
}

/* Goes through the pointer words of `words` words that begin with a value of a stored type and
 * repeat it to their end. */
struct grf_stored_words {
	const struct grf_stored_type *type;
	uint64_t words;
	uint64_t begin, at; /* the first word of the current element, and the next word in it */
};

/* The number of the next word, from 0, in *ret. False: there are no more. */
static inline bool grf_stored_words_next(struct grf_stored_words *state, uint64_t *ret)
{
	uint64_t period = state->type->size / 8;

	for (; period && state->begin < state->words; state->begin += period, state->at = 0)
		while (state->at < period && state->begin + state->at < state->words) {
			uint64_t at = state->at++;

			if (grf_bit(state->type->mask, at)) {
				*ret = state->begin + at;
				return true;
			}
		}
	return false;
}

/* Calls visit() for each word of a slot with a set heap bit, but for those that are 0. */
static inline __attribute__((always_inline)) void
grf_visit_bits(const struct grf_span *span, uint32_t slot, grf_edge_visit *visit, void *context)
{
	uint64_t first = slot * span->element_size / 8, end = first + span->element_size / 8;

	for (; first < end; first += 64) {
		uint64_t words = end - first < 64 ? end - first : 64;

		for (uint64_t left = grf_span_mask(span, first, words); left; left &= left - 1) {
			uint64_t offset = (first + (uint64_t)__builtin_ctzll(left)) * 8;
			uint64_t value = grf_load_u64(span->memory + offset);

			if (value)
				visit(context, span->base + offset, value);
		}
	}
}

/* The same by the mask of the slot's stored type. `stored` remembers masks between calls. False:
 * out of memory. */
bool grf_visit_stored_type(const struct grf_span *span, uint32_t slot, struct grf_types *types,
			   struct grf_stored_types *stored, grf_edge_visit *visit, void *context);

/* grf_graph_edges() with the loop at the caller: visit() is called for each pointer of an allocated
 * slot. False: out of memory. */
static inline __attribute__((always_inline)) bool
grf_object_pointers(const struct grf_graph *graph, const struct grf_span *span, uint32_t slot,
		    grf_edge_visit *visit, void *context)
{
	if (span->pointer_layout == GRF_POINTERS_NONE)
		return true;
	if (!span->pointer_bits)
		return grf_visit_stored_type(span, slot, graph->model->types, graph->stored, visit,
					     context);
	grf_visit_bits(span, slot, visit, context);
	return true;
}

#endif
