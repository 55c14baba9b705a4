/* SPDX-License-Identifier: BSD-2-Clause */
/* What the program's code says of objects, held against them; and what it has said. */
#include "graph/walk/walk.h"

struct grf_type_inference *grf_walk_inference(struct grf_walk *walk)
{
	if (!walk->inference && !walk->no_memory) {
		walk->inference = grf_type_inference_create(walk->model);
		if (!walk->inference)
			grf_walk_fail(walk);
	}
	return walk->inference;
}

bool grf_walk_made_fits(struct grf_walk *walk, uint64_t address,
			const struct grf_code_object *object, const struct grf_span **ret_span,
			uint32_t *ret_slot)
{
	const struct grf_inferred made = {object->type, object->array};
	const struct grf_span *span;
	struct grf_type *closure;
	uint64_t offset;

	if (!grf_walk_inference(walk) || !grf_heap_find(walk->heap, address, ret_span, ret_slot))
		return false;
	span = *ret_span;
	offset = *ret_slot * span->element_size;
	if ((address != span->base + offset && !object->inside) ||
	    !grf_type_agrees(walk->inference, span, *ret_slot, made))
		return false;
	if (span->pointer_layout == GRF_POINTERS_NONE)
		return true;
	closure = grf_types_closure_object(walk->types, span->memory + offset, span->element_size);
	return !closure || !closure->slot_count;
}

bool grf_walk_made_in_data(struct grf_walk *walk, uint64_t address, uint64_t before,
			   struct grf_code_object *ret)
{
	const struct grf_interface_type *found;

	if (!grf_types_in_data(walk->types, address, ret))
		return false;
	return !ret->by_use || (!grf_types_by_interface(walk->types, before, false, &found) &&
				!grf_types_by_interface(walk->types, before, true, &found));
}

bool grf_walk_made_in_frame(struct grf_walk *walk, const struct grf_goroutine *goroutine,
			    const struct grf_stack_word *word, struct grf_code_object *ret)
{
	const struct grf_frame *frame;

	if (word->conservative || word->frame >= goroutine->frame_count)
		return false;
	frame = &goroutine->frames[word->frame];
	return !frame->conservative &&
	       grf_types_in_frame(walk->types, frame->lookup_pc, frame->fp, word->address, ret);
}

bool grf_walk_made(const struct grf_walk *walk, uint64_t id, struct grf_inferred *ret)
{
	uint32_t index = grf_pair_map_get(&walk->made_index, id, 0);

	if (index == GRF_PAIR_MAP_NONE || !walk->made.items[index].type)
		return false;
	*ret = walk->made.items[index];
	return true;
}

void grf_walk_note_made(struct grf_walk *walk, uint64_t address,
			const struct grf_code_object *object)
{
	const struct grf_span *span;
	struct grf_inferred *known;
	uint32_t slot, index;
	uint64_t id;

	if (!grf_walk_made_fits(walk, address, object, &span, &slot))
		return;
	id = span->first_object + slot;
	index = grf_pair_map_get(&walk->made_index, id, 0);
	if (index != GRF_PAIR_MAP_NONE) {
		known = &walk->made.items[index];
		if (known->type &&
		    (known->array != object->array || !grf_type_is_same(known->type, object->type)))
			known->type = NULL;
		return;
	}
	index = (uint32_t)walk->made.count;
	known = grf_array_add(&walk->made);
	if (!known || !grf_pair_map_put(&walk->made_index, id, 0, index)) {
		grf_walk_fail(walk);
		return;
	}
	*known = (struct grf_inferred){object->type, object->array};
}
