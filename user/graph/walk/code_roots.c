/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks the program's code what root words lead to that the types of variables leave without a type:
 * objects behind an unsafe.Pointer, and what is around the field or element that a pointer leads
 * to.
 */
#include "graph/walk/walk.h"

/* Whether a pointer leads to an object with pointers that is not reached, or to one of which only a
 * part is known. */
static bool lacks_type(const struct grf_walk *walk, uint64_t address)
{
	const struct grf_span *span = grf_heap_span(walk->heap, address);
	uint32_t slot;
	uint8_t state;

	if (!span || !grf_heap_find(walk->heap, address, &span, &slot))
		return false;
	state = walk->states[span->first_object + slot];
	return state ? state & (GRF_OBJECT_PARTIAL | GRF_OBJECT_WIDER) : span->pointer_bits != NULL;
}

static void ask_segment(struct grf_walk *walk, uint64_t start, const uint8_t *mask, uint64_t bits)
{
	const struct grf_area *area = grf_walk_area(walk, start);

	if (!area || !mask)
		return;
	for (uint64_t i = 0; i < bits && i < (area->end - start) / GRF_WORD_BYTES; i++) {
		const uint8_t *memory = area->memory + (start - area->start) + i * GRF_WORD_BYTES;
		struct grf_code_object object;

		if (mask[i >> 3] >> (i & 7) & 1 && lacks_type(walk, grf_load_u64(memory)) &&
		    grf_walk_made_in_data(walk, start + i * GRF_WORD_BYTES,
					  i ? grf_load_u64(memory - GRF_WORD_BYTES) : 0, &object))
			grf_walk_note_made(walk, grf_load_u64(memory), &object);
	}
}

static void ask_goroutine(struct grf_walk *walk, const struct grf_goroutine *goroutine)
{
	for (uint32_t i = 0; goroutine->memory && i < goroutine->word_count; i++) {
		const struct grf_stack_word *word = &goroutine->words[i];
		struct grf_code_object object;
		uint64_t value;

		if (word->address < goroutine->stack_low ||
		    word->address + GRF_WORD_BYTES > goroutine->stack_high)
			continue;
		value = grf_load_u64(goroutine->memory + (word->address - goroutine->stack_low));
		if (lacks_type(walk, value) &&
		    grf_walk_made_in_frame(walk, goroutine, word, &object))
			grf_walk_note_made(walk, value, &object);
	}
}

void grf_walk_ask_code(struct grf_walk *walk, enum grf_root_class root_class)
{
	const struct grf_goroutines *goroutines = walk->model->goroutines;
	const struct grf_modules *modules = walk->model->modules;

	if (root_class == GRF_ROOT_APPLICATION) {
		for (size_t i = 0; i < modules->count && !walk->no_memory; i++) {
			const struct grf_module *module = &modules->items[i];

			ask_segment(walk, module->data, module->data_mask, module->data_mask_bits);
			ask_segment(walk, module->bss, module->bss_mask, module->bss_mask_bits);
		}
	} else if (root_class == GRF_ROOT_GOROUTINE) {
		for (size_t i = 0; i < goroutines->count && !walk->no_memory; i++)
			if (!goroutines->items[i].system)
				ask_goroutine(walk, &goroutines->items[i]);
	}
}
