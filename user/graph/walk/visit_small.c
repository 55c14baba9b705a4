/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects whose pointer mask fits one word. */
#include "graph/walk/visit.h"

/* The heap bits of a small object. */
static uint64_t small_mask(const struct grf_visited *object)
{
	if (object->span->pointer_layout == GRF_POINTERS_NONE)
		return 0;
	return grf_span_mask(object->span, (object->address - object->span->base) / 8,
			     object->size / 8);
}

/* The words of a small object that a spot's plan covers. */
static uint64_t plan_coverage(struct grf_walker *walker, struct grf_spot *spot,
			      const struct grf_visited *object)
{
	uint64_t key = 1 + (object->size << 16 | (object->value - object->address));
	uint64_t bits = 0, words = object->size / 8;
	struct grf_window view;

	if (spot->coverage_key == key)
		return spot->coverage;
	/* What is worked out once is remembered. */
	if (!spot->coverage_key && !grf_walker_may_make(walker))
		return 0;
	if (grf_visited_view(spot, object, 0, NULL, &view)) {
		uint64_t stride = spot->type->size;

		if (spot->content == GRF_CONTENT_POINTERS)
			bits = grf_low_bits(words);
		else if (spot->content == GRF_CONTENT_ONE)
			grf_plan_mark(walker->walk->types, spot->type, &bits, view.first, words);
		else if (stride >= 8 && !(stride & 7))
			for (uint64_t at = view.first * 8; at + stride <= object->size;
			     at += stride)
				grf_plan_mark(walker->walk->types, spot->type, &bits, at / 8,
					      words);
	}
	if (!walker->reads_only) {
		spot->coverage_key = key;
		spot->coverage = bits;
	}
	return bits;
}

static struct grf_enclosing enclosing_type(struct grf_walker *walker,
					   const struct grf_visited *object,
					   const struct grf_spot *spot)
{
	const struct grf_enclosed enclosed = {
	    .size = object->size,
	    .mask = small_mask(object),
	    .offset = object->value - object->address,
	    .field = spot->type,
	};

	if (!grf_walker_may_make(walker))
		return (struct grf_enclosing){0};
	if (!walker->walk->enclosing)
		walker->walk->enclosing =
		    grf_enclosing_types_create(walker->walk->types, walker->walk->heap);
	return walker->walk->enclosing ? grf_enclosing_type(walker->walk->enclosing, &enclosed)
				       : (struct grf_enclosing){0};
}

/* Whether an object is an array of the type of `spot`, to which a slice of it leads. A slice of an
 * array that is a field has that type too: then the mask is another one, or, behind the object's
 * beginning, a struct that the code makes fits as well. */
static bool is_whole_array(struct grf_walker *walker, const struct grf_visited *object,
			   struct grf_spot *spot)
{
	uint64_t mask = small_mask(object), offset = object->value - object->address;
	const struct grf_type *type = spot->type;
	struct grf_enclosing enclosing;

	if (!type->size || offset % type->size ||
	    (plan_coverage(walker, spot, object) != mask &&
	     !grf_type_repeats(walker->walk->heap, type, mask, object->size) &&
	     !grf_type_is_alone(walker->walk->heap, type, mask, object->size)))
		return false;
	if (!offset)
		return true;
	enclosing = enclosing_type(walker, object, spot);
	return !enclosing.several && (!enclosing.whole.type || enclosing.whole.array);
}

/* Follows the pending words of a small object as what `id` describes: of an array that may be but a
 * field of it, the first element. */
static void follow_small(struct grf_walker *walker, const struct grf_visited *object, uint32_t id,
			 uint64_t *pending)
{
	struct grf_spot *spot = grf_spot_at(&walker->walk->spots, id);
	struct grf_window view;

	if (!grf_visited_view(spot, object, 0, pending, &view))
		return;
	if (spot->content == GRF_CONTENT_ARRAY && !is_whole_array(walker, object, spot)) {
		if (!grf_visited_first_element(spot, object, pending, &view))
			return;
		id = grf_walker_prepare(walker, id) ? grf_walker_element(walker, id, 0) : 0;
		if (!id) {
			grf_walker_fail(walker);
			return;
		}
	}
	grf_walker_value(walker, id, &view);
}

void grf_visit_small(struct grf_walker *walker, const struct grf_visited *object, uint32_t id)
{
	uint64_t mask = small_mask(object), pending = mask;
	struct grf_spot *spot;

	if (!mask)
		return;
	id = grf_visited_variant(walker, id, object);
	if (!id) {
		grf_walker_fail(walker);
		return;
	}
	spot = grf_spot_at(&walker->walk->spots, id);
	if (plan_coverage(walker, spot, object) == mask &&
	    (spot->content != GRF_CONTENT_ARRAY || object->value == object->address)) {
		follow_small(walker, object, id, NULL);
		return;
	}
	follow_small(walker, object, id, &pending);
	if (!pending)
		return;
	if (object->keep && spot->type)
		grf_visited_leave(walker, object, id, pending, false);
	else
		grf_visited_defer(walker, id, object->memory, &pending, object->size / 8);
}

/* Another typed pointer to a small object with words left over. */
void grf_revisit_small(struct grf_walker *walker, const struct grf_visited *object, uint32_t id,
		       struct grf_partial *partial)
{
	uint64_t pending = partial->pending;

	id = grf_visited_variant(walker, id, object);
	if (!id) {
		grf_walker_fail(walker);
		return;
	}
	if (!(plan_coverage(walker, grf_spot_at(&walker->walk->spots, id), object) & pending))
		return;
	follow_small(walker, object, id, &pending);
	partial->pending = pending;
	if (!pending)
		walker->walk->states[object->id] &= (uint8_t)~GRF_OBJECT_PARTIAL;
}

bool grf_visited_whole(struct grf_walker *walker, const struct grf_visited *object,
		       const struct grf_spot *spot, struct grf_inferred *ret)
{
	const struct grf_known_field field = {spot->type, object->value - object->address};
	struct grf_enclosing enclosing;

	if (!spot->type || spot->content == GRF_CONTENT_POINTERS)
		return false;
	if (grf_walk_made(walker->walk, object->id, ret) &&
	    grf_inferred_holds(walker->walk->types, *ret, field.type, field.offset))
		return true;
	if (object->size > GRF_SMALL_BYTES)
		return false;
	enclosing = enclosing_type(walker, object, spot);
	if (enclosing.several)
		return grf_walk_inference(walker->walk) &&
		       grf_type_infer(walker->walk->inference, object->span, object->slot, &field,
				      ret);
	*ret = enclosing.whole;
	if (ret->type)
		return true;
	*ret = (struct grf_inferred){spot->type, true};
	return spot->type->size && !(field.offset % spot->type->size) &&
	       grf_type_repeats(walker->walk->heap, spot->type, small_mask(object), object->size);
}

/* Follows what is left of a small object as the elements of an array, to one of which, or to
 * several, the pointer of spot `id` leads. */
static void finish_array(struct grf_walker *walker, const struct grf_visited *object, uint32_t id,
			 uint64_t *pending)
{
	struct grf_spot array = *grf_spot_at(&walker->walk->spots, id);
	uint64_t stride = array.type->size;
	struct grf_window view;

	array.content = GRF_CONTENT_ARRAY;
	if (!grf_visited_view(&array, object, 0, pending, &view))
		return;
	if (grf_spot_at(&walker->walk->spots, id)->content == GRF_CONTENT_ARRAY) {
		grf_walker_value(walker, id, &view);
		return;
	}
	for (uint64_t at = 0; at + stride <= view.room; at += stride) {
		struct grf_window element = view;

		element.memory += at;
		element.room = stride;
		element.first += at / 8;
		grf_walker_value(walker, id, &element);
	}
}

/* Follows what is left of a small object by the plan of what it is as a whole. */
static void finish_whole(struct grf_walker *walker, const struct grf_visited *object, uint32_t id,
			 struct grf_inferred whole, uint64_t *pending)
{
	const struct grf_window view = {
	    .memory = object->memory,
	    .room = object->size,
	    .pending = pending,
	    .end = object->size / 8,
	};
	uint32_t found;

	if (whole.array &&
	    grf_type_is_same(whole.type, grf_spot_at(&walker->walk->spots, id)->type)) {
		finish_array(walker, object, id, pending);
		return;
	}
	grf_type_plan(walker->walk->types, whole.type);
	found = grf_walk_found_spot(walker->walk, id, whole.type, whole.array);
	if (found)
		grf_walker_value(walker, found, &view);
	else
		grf_walker_fail(walker);
}

/*
 * Follows what is left of a small object when all typed pointers were followed. A pointer to one
 * element of an array, or to a field, looks like a pointer to a lone value. Where nothing tells
 * what is around it, the rest is untyped.
 */
void grf_finish_small(struct grf_walker *walker, const struct grf_visited *object,
		      struct grf_partial *partial)
{
	uint64_t pending = partial->pending;
	uint32_t id = partial->spot;
	struct grf_inferred whole;

	if (grf_visited_whole(walker, object, grf_spot_at(&walker->walk->spots, id), &whole)) {
		finish_whole(walker, object, id, whole, &pending);
		grf_walk_place_whole(walker->walk, object->id, whole, true);
	}
	grf_visited_defer(walker, id, object->memory, &pending, object->size / 8);
}
