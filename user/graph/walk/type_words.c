/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a word is the type word of an interface whose data word is known. */
#include "graph/inference/type_evidence.h"
#include "graph/plan_mask.h"
#include "graph/walk/walk.h"
#include "model/heap/slot_size.h"

/* Among more words some will fit that are nothing. */
#define RIVALS_SEARCHED 4096u

bool grf_walk_type_word_fits(struct grf_walk *walk, uint64_t word, bool is_itab, uint64_t data)
{
	const struct grf_interface_type *interface;
	const struct grf_span *span;
	uint64_t bits = 0, payload, offset, words;
	uint32_t slot;

	if (!grf_types_by_interface(walk->types, word, is_itab, &interface) ||
	    !interface->pointee || interface->is_func ||
	    !grf_heap_find(walk->heap, data, &span, &slot))
		return false;
	grf_type_plan(walk->types, interface->pointee);
	offset = data - span->base - slot * span->element_size;
	if (offset || interface->pointee->size > span->element_size)
		return false;
	if (grf_span_stored_type(span, slot, &payload))
		return false;
	if (!span->pointer_bits)
		return !interface->pointee->pointer_bytes;
	words = span->element_size / 8;
	if (words > GRF_EVIDENCE_WORDS)
		return false;
	grf_plan_mark(walk->types, interface->pointee, &bits, 0, words);
	return bits == grf_heap_object_mask(walk->heap, grf_evidence_slot_mask(span, slot),
					    interface->pointee->size);
}

/* Whether an interface's data word points to an object whose slot is of the size class of `type`.
 */
static bool is_of_its_size(const struct grf_walk *walk, const struct grf_type *type, uint64_t data)
{
	const struct grf_span *span = grf_heap_span(walk->heap, data);

	return span && grf_heap_slot_size(walk->heap, type->size) == span->element_size;
}

bool grf_walk_type_word_decides(struct grf_walk *walk, uint64_t word, bool is_itab, uint64_t data)
{
	const struct grf_interface_type *interface;

	return grf_walk_type_word_fits(walk, word, is_itab, data) &&
	       grf_types_by_interface(walk->types, word, is_itab, &interface) &&
	       is_of_its_size(walk, interface->pointee, data);
}

bool grf_walk_type_words_rival(struct grf_walk *walk, const struct grf_words *words, uint64_t word,
			       bool is_itab, uint64_t data)
{
	const struct grf_interface_type *interface, *other;

	if (!grf_types_by_interface(walk->types, word, is_itab, &interface))
		return false;
	if (words->count > RIVALS_SEARCHED)
		return true;
	for (uint64_t i = 0; i < words->count; i++) {
		uint64_t rival = grf_load_u64(words->memory + i * GRF_WORD_BYTES);

		for (int kind = 0; rival && rival != word && kind < 2; kind++)
			if (grf_walk_type_word_decides(walk, rival, kind, data) &&
			    grf_types_by_interface(walk->types, rival, kind, &other) &&
			    other->pointee != interface->pointee)
				return true;
	}
	return false;
}
