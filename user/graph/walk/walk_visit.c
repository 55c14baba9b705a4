/* SPDX-License-Identifier: BSD-2-Clause */
/* Visits a place: an object, by the form of its mask, or a value outside the heap. */
#include "graph/walk/visit.h"

static void visit_object(struct grf_walker *walker, const struct grf_visited *object, uint32_t spot)
{
	switch (object->span->pointer_layout) {
	case GRF_POINTERS_HEADER:
	case GRF_POINTERS_LARGE:
		grf_visit_stored(walker, object, spot, false, false);
		break;
	case GRF_POINTERS_BITS:
	case GRF_POINTERS_ARENA:
		if (object->size <= GRF_SMALL_BYTES)
			grf_visit_small(walker, object, spot);
		else
			grf_visit_bitmap(walker, object, spot);
		break;
	default:
		break;
	}
}

static void object_at(const struct grf_walk *walk, uint32_t span_index, uint64_t value,
		      struct grf_visited *ret)
{
	const struct grf_span *span = &walk->heap->spans[span_index];
	uint32_t slot = grf_span_slot(span, value);
	uint64_t offset = slot * span->element_size;

	*ret = (struct grf_visited){
	    .span = span,
	    .slot = slot,
	    .id = span->first_object + slot,
	    .address = span->base + offset,
	    .memory = span->memory + offset,
	    .size = span->element_size,
	    .value = value,
	    .keep = true,
	};
}

/* Visits a value in a data segment or on the current stack, reached by a typed pointer. */
static void visit_area(struct grf_walk *walk, const struct grf_place *place)
{
	const struct grf_area *area = walk->stack;
	struct grf_window view;
	uint64_t offset, bytes;

	if (!area || place->address < area->start || place->address >= area->end)
		area = grf_walk_area(walk, place->address);
	if (!area || place->address & 7)
		return;
	offset = place->address - area->start;
	view = (struct grf_window){
	    .memory = area->memory + offset,
	    .room = area->end - place->address,
	    .pending = area->pending,
	    .first = offset / 8,
	    .end = (area->end - area->start) / 8,
	};
	bytes = grf_spot_at(&walk->spots, place->spot)->type->size;
	if (grf_spot_at(&walk->spots, place->spot)->content != GRF_CONTENT_ONE) {
		uint64_t size = bytes;
		/* An array of unknown length has one element at least. */
		uint64_t count =
		    place->where == GRF_PLACE_AREA ? 1 : place->where - GRF_PLACE_ARRAY;

		if (size && view.room / size > count)
			view.room = count * size;
		bytes = view.room;
	}
	grf_walk_area_value(walk, area, place->spot, &view, bytes);
}

void grf_walker_visit(struct grf_walker *walker, const struct grf_place *place)
{
	struct grf_walk *walk = walker->walk;
	struct grf_partial *partial;
	struct grf_visited object;

	if (place->where >= GRF_PLACE_ARRAY && place->where <= GRF_PLACE_AREA) {
		if (grf_walker_may_make(walker))
			visit_area(walk, place);
		return;
	}
	object_at(walk, place->where & ~GRF_PLACE_REVISIT, place->address, &object);
	if (!(place->where & GRF_PLACE_REVISIT)) {
		if (!walker->reads_only)
			walk->states[object.id] |= GRF_OBJECT_VISITED;
		walker->is_long = object.size > GRF_LONG_BYTES && !walker->takes_long;
		if (!walker->is_long)
			visit_object(walker, &object, place->spot);
		return;
	}
	/* What is left over is taken by one after the other. */
	if (!grf_walker_may_make(walker))
		return;
	partial = grf_visited_partial(walker, &object, false);
	if (!partial || !(walk->states[object.id] & GRF_OBJECT_PARTIAL))
		return;
	if (partial->stored)
		grf_visit_stored(walker, &object, place->spot, true, false);
	else if (partial->bits)
		grf_revisit_bitmap(walker, &object, place->spot, partial);
	else
		grf_revisit_small(walker, &object, place->spot, partial);
}

void grf_walk_visit_deferred(struct grf_walk *walk, const struct grf_place *place)
{
	struct grf_partial partial;
	struct grf_visited object;

	if (place->where != GRF_PLACE_PARTIAL) {
		object_at(walk, place->where, place->address, &object);
		object.keep = false;
		walk->states[object.id] |= GRF_OBJECT_VISITED;
		visit_object(&walk->main, &object, place->spot);
		return;
	}
	partial = walk->partials.items[place->spot];
	if (!(walk->states[partial.id] & GRF_OBJECT_PARTIAL))
		return;
	walk->states[partial.id] &= (uint8_t)~GRF_OBJECT_PARTIAL;
	object_at(walk, partial.span, partial.value, &object);
	if (partial.stored) {
		grf_visit_stored(&walk->main, &object, partial.spot, false, true);
	} else if (partial.bits) {
		walk->partials.items[place->spot].bits = NULL;
		grf_finish_bitmap(&walk->main, &object, &partial);
	} else {
		grf_finish_small(&walk->main, &object, &partial);
	}
}

void grf_walk_referents(struct grf_walk *walk, uint64_t address, uint32_t spot)
{
	const struct grf_span *span;
	struct grf_visited object;
	uint32_t slot;

	if (!grf_heap_find(walk->heap, address, &span, &slot))
		return;
	object_at(walk, (uint32_t)(span - walk->heap->spans), address, &object);
	object.keep = false;
	visit_object(&walk->main, &object, spot);
}
