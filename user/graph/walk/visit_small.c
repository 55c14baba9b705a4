/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects whose pointer mask fits one word. */
#include "graph/walk/visit.h"

/* The heap bits of a small object. */
static uint64_t small_mask(const struct grf_visited *object)
{
	uint64_t bit = (object->address - object->span->base) / 8, words = object->size / 8;
	const uint8_t *bits = object->span->pointer_bits + bit / 8;
	uint64_t shift = bit & 7, mask = 0;
	uint64_t bytes = (shift + words + 7) / 8;

	memcpy(&mask, bits, bytes < 8 ? bytes : 8);
	mask >>= shift;
	if (bytes > 8)
		mask |= (uint64_t)bits[8] << (64 - shift);
	return mask & grf_low_bits(words);
}

/* The words of a small object that a spot's plan covers. */
static uint64_t plan_coverage(struct grf_walk *walk, struct grf_spot *spot,
			      const struct grf_visited *object)
{
	uint64_t key = 1 + (object->size << 16 | (object->value - object->address));
	uint64_t bits = 0, words = object->size / 8;
	struct grf_window view;

	if (spot->coverage_key == key)
		return spot->coverage;
	if (grf_visited_view(spot, object, 0, NULL, &view)) {
		uint64_t stride = spot->type->size;

		if (spot->content == GRF_CONTENT_POINTERS)
			bits = grf_low_bits(words);
		else if (spot->content == GRF_CONTENT_ONE)
			grf_plan_mark(walk->types, spot->type, &bits, view.first, words);
		else if (stride >= 8 && !(stride & 7))
			for (uint64_t at = view.first * 8; at + stride <= object->size;
			     at += stride)
				grf_plan_mark(walk->types, spot->type, &bits, at / 8, words);
	}
	spot->coverage_key = key;
	spot->coverage = bits;
	return bits;
}

void grf_visit_small(struct grf_walk *walk, const struct grf_visited *object, uint32_t id)
{
	uint64_t mask = small_mask(object), pending = mask;
	struct grf_window view;
	struct grf_spot *spot;

	if (!mask)
		return;
	id = grf_visited_variant(walk, id, object);
	if (!id) {
		grf_walk_fail(walk);
		return;
	}
	spot = grf_spot_at(&walk->spots, id);
	if (plan_coverage(walk, spot, object) == mask) {
		if (grf_visited_view(spot, object, 0, NULL, &view))
			grf_walk_value(walk, id, &view);
		return;
	}
	if (grf_visited_view(spot, object, 0, &pending, &view))
		grf_walk_value(walk, id, &view);
	if (!pending)
		return;
	if (object->keep && spot->type)
		grf_visited_leave(walk, object, id, pending, false);
	else
		grf_visited_defer(walk, id, object->memory, &pending, object->size / 8);
}

/* Another typed pointer to a small object with words left over. */
void grf_revisit_small(struct grf_walk *walk, const struct grf_visited *object, uint32_t id,
		       struct grf_partial *partial)
{
	uint64_t pending = partial->pending;
	struct grf_window view;

	id = grf_visited_variant(walk, id, object);
	if (!id) {
		grf_walk_fail(walk);
		return;
	}
	if (!(plan_coverage(walk, grf_spot_at(&walk->spots, id), object) & pending))
		return;
	if (grf_visited_view(grf_spot_at(&walk->spots, id), object, 0, &pending, &view))
		grf_walk_value(walk, id, &view);
	partial->pending = pending;
	if (!pending)
		walk->states[object->id] &= (uint8_t)~GRF_OBJECT_PARTIAL;
}

/* The struct of which the value that `spot` describes may be a field. */
static struct grf_enclosing enclosing_type(struct grf_walk *walk, const struct grf_visited *object,
					   const struct grf_spot *spot)
{
	const struct grf_enclosed enclosed = {
	    .size = object->size,
	    .mask = small_mask(object),
	    .offset = object->value - object->address,
	    .field = spot->type,
	};

	if (!spot->type || spot->content != GRF_CONTENT_ONE)
		return (struct grf_enclosing){0};
	if (!walk->enclosing)
		walk->enclosing = grf_enclosing_types_create(walk->types, walk->heap);
	return walk->enclosing ? grf_enclosing_type(walk->enclosing, &enclosed)
			       : (struct grf_enclosing){0};
}

/* Follows what is left of a small object by the plan of the struct around its known field. */
static void finish_enclosing(struct grf_walk *walk, const struct grf_visited *object, uint32_t id,
			     struct grf_type *type, uint64_t *pending)
{
	uint32_t enclosing = grf_walk_found_spot(walk, id, type, false);
	struct grf_window view = {
	    .memory = object->memory,
	    .room = object->size,
	    .pending = pending,
	    .end = object->size / 8,
	};

	if (enclosing)
		grf_walk_value(walk, enclosing, &view);
	else
		grf_walk_fail(walk);
}

/* Whether a small object has exactly the mask of an array of what `spot` describes. *ret: the
 * object as that array. */
static bool is_like_array(struct grf_walk *walk, const struct grf_visited *object,
			  const struct grf_spot *spot, struct grf_spot *ret)
{
	*ret = *spot;
	ret->content = GRF_CONTENT_ARRAY;
	ret->coverage_key = 0;
	return spot->content == GRF_CONTENT_ONE && spot->type && spot->type->size >= 8 &&
	       object->size >= 2 * spot->type->size &&
	       plan_coverage(walk, ret, object) == small_mask(object);
}

/* Follows what is left of a small object as the other elements of `array`. */
static void finish_array(struct grf_walk *walk, const struct grf_visited *object, uint32_t id,
			 const struct grf_spot *array, uint64_t *pending)
{
	uint64_t stride = array->type->size;
	struct grf_window view;

	if (!grf_visited_view(array, object, 0, pending, &view))
		return;
	for (uint64_t at = 0; at + stride <= view.room; at += stride) {
		struct grf_window element = view;

		element.memory += at;
		element.room = stride;
		element.first += at / 8;
		grf_walk_value(walk, id, &element);
	}
}

/*
 * Follows what is left of a small object when all typed pointers were followed. A pointer to one
 * element of an array, or to a field, looks like a pointer to a lone value. If only one type with
 * such a field fits, or only an array that the code makes, that is taken; else the rest is untyped.
 */
void grf_finish_small(struct grf_walk *walk, const struct grf_visited *object,
		      struct grf_partial *partial)
{
	uint64_t pending = partial->pending;
	uint32_t id = partial->spot;
	const struct grf_spot *spot = grf_spot_at(&walk->spots, id);
	struct grf_enclosing enclosing = enclosing_type(walk, object, spot);
	struct grf_spot array;
	bool like_array = is_like_array(walk, object, spot, &array);

	if (like_array && !enclosing.type && !enclosing.several)
		finish_array(walk, object, id, &array, &pending);
	else if (enclosing.type && !(like_array && enclosing.array))
		finish_enclosing(walk, object, id, enclosing.type, &pending);
	grf_visited_defer(walk, id, object->memory, &pending, object->size / 8);
}
