/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks the program's code what root words lead to that the types of variables leave without a type:
 * objects behind an unsafe.Pointer, and what is around the field or element that a pointer leads
 * to.
 */
#include "graph/root_words.h"
#include "graph/walk/walk.h"

/* Whether a pointer leads to an object with pointers that is not reached, or to one of which only a
 * part is known. */
static bool lacks_type(const struct grf_walk *walk, uint64_t address)
{
	const struct grf_span *span;
	uint32_t slot;
	uint8_t state;

	if (!grf_heap_find(walk->heap, address, &span, &slot))
		return false;
	state = walk->states[span->first_object + slot];
	return state ? state & (GRF_OBJECT_PARTIAL | GRF_OBJECT_WIDER) : span->pointer_bits != NULL;
}

struct asking {
	struct grf_walk *walk;
	const struct grf_area *area;           /* a segment's */
	const struct grf_goroutine *goroutine; /* the current one */
};

static void ask_segment_word(void *context, uint64_t address)
{
	const struct asking *asking = context;
	const struct grf_area *area = asking->area;
	const uint8_t *memory = area->memory + (address - area->start);
	struct grf_code_object object;

	if (lacks_type(asking->walk, grf_load_u64(memory)) &&
	    grf_walk_made_in_data(asking->walk, address,
				  address > area->start ? grf_load_u64(memory - GRF_WORD_BYTES) : 0,
				  &object))
		grf_walk_note_made(asking->walk, grf_load_u64(memory), &object);
}

static void ask_stack_word(void *context, const struct grf_stack_word *word)
{
	const struct asking *asking = context;
	const struct grf_goroutine *goroutine = asking->goroutine;
	uint64_t value = grf_load_u64(goroutine->memory + (word->address - goroutine->stack_low));
	struct grf_code_object object;

	if (lacks_type(asking->walk, value) &&
	    grf_walk_made_in_frame(asking->walk, goroutine, word, &object))
		grf_walk_note_made(asking->walk, value, &object);
}

static void ask_segments(struct asking *asking)
{
	const struct grf_model *model = asking->walk->model;

	for (size_t i = 0; i < grf_root_segment_count(model) && !asking->walk->no_memory; i++) {
		struct grf_root_segment segment = grf_root_segment(model, i);

		asking->area = grf_walk_area(asking->walk, segment.start);
		if (asking->area)
			grf_root_segment_words(&segment, ask_segment_word, asking);
	}
}

static void ask_goroutines(struct asking *asking)
{
	const struct grf_goroutines *goroutines = asking->walk->model->goroutines;

	for (size_t i = 0; i < goroutines->count && !asking->walk->no_memory; i++) {
		asking->goroutine = &goroutines->items[i];
		if (!asking->goroutine->system && asking->goroutine->memory)
			grf_root_stack_words(asking->goroutine, ask_stack_word, asking);
	}
}

void grf_walk_ask_code(struct grf_walk *walk, enum grf_root_class root_class)
{
	struct asking asking = {.walk = walk};

	if (root_class == GRF_ROOT_APPLICATION)
		ask_segments(&asking);
	else if (root_class == GRF_ROOT_GOROUTINE)
		ask_goroutines(&asking);
}
