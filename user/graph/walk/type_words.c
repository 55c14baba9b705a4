/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a word is the type word of an interface whose data word is known. */
#include <string.h>

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

/* Whether `word` is the itab of a reflect.Type: the word behind it is a type descriptor, and no
 * type word. */
static bool is_type_itab(struct grf_walk *walk, uint64_t word)
{
	const struct grf_interface_type *interface;

	/* reflect/type.go; the only type with methods that the runtime's descriptors are taken for.
	 */
	return grf_types_by_interface(walk->types, word, true, &interface) && interface->pointee &&
	       interface->pointee->name && !strcmp(interface->pointee->name, "reflect.rtype");
}

/* Whether the word before a stack word may be another one's type word. The compiler spills the
 * words of two interfaces in any order, such as both type words and then both data words, and of
 * one whose type it knows the data word alone. A reflect.Type is in two such words as well. */
static bool is_undecided(struct grf_walk *walk, const struct grf_word_beside *word, bool is_itab)
{
	if (!word->frame.count)
		return false;
	if ((word->after != word->value &&
	     grf_walk_type_word_decides(walk, word->before, is_itab, word->after)) ||
	    grf_walk_type_words_rival(walk, &word->frame, word->before, is_itab, word->value))
		return true;
	for (uint64_t i = 0; !is_itab && i < word->frame.count; i++)
		if (is_type_itab(walk, grf_load_u64(word->frame.memory + i * GRF_WORD_BYTES)))
			return true;
	return false;
}

bool grf_walk_emit_interface(struct grf_walk *walk, const struct grf_word_beside *word,
			     uint32_t spot)
{
	const struct grf_interface_type *interface;

	if (!walk->inference || !word->before || is_type_itab(walk, word->ahead))
		return false;
	for (int is_itab = 0; is_itab < 2; is_itab++) {
		if (!grf_walk_type_word_decides(walk, word->before, is_itab, word->value) ||
		    !grf_types_by_interface(walk->types, word->before, is_itab, &interface) ||
		    is_undecided(walk, word, is_itab))
			continue;
		grf_walk_emit(walk, word->value,
			      grf_walk_found_spot(walk, spot, interface->pointee, false));
		return true;
	}
	return false;
}
