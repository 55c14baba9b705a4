/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects for which the runtime stores a type. The stored type covers the whole object; the spot's
 * type may have better names, or cover less.
 */
#include "graph/walk/visit.h"

/* Whether one or more elements of `spot`'s type have just (`*ret_exact`), or at least, the
 * pointers of one element of the stored type. */
static bool static_covers(struct grf_walker *walker, const struct grf_spot *spot,
			  const struct grf_stored_type *stored, uint64_t payload, bool *ret_exact)
{
	uint64_t bits = stored->size / 8, stride = spot->type->size;
	bool array = spot->content == GRF_CONTENT_ARRAY;

	/* One value must stand for the whole payload; an array must repeat as the stored type does.
	 */
	if (!array && stored->size * 2 <= payload)
		return false;
	if (array && (stride < 8 || stride & 7 || stored->size % stride))
		return false;
	if (!grf_walker_scratch(walker, bits))
		return false;
	for (uint64_t at = 0; at < stored->size; at += stride) {
		grf_plan_mark(walker->walk->types, spot->type, walker->scratch, at / 8, bits);
		if (!array)
			break;
	}
	*ret_exact = array || stride <= payload;
	for (uint64_t w = 0; w < grf_bitmap_words(bits); w++) {
		if (stored->mask[w] & ~walker->scratch[w])
			return false;
		if (stored->mask[w] != walker->scratch[w])
			*ret_exact = false;
	}
	return true;
}

static uint8_t choose_plan(struct grf_walker *walker, struct grf_spot *spot,
			   const struct grf_visited *object, const struct grf_stored_type *stored,
			   uint64_t payload)
{
	uint64_t offset = object->value - object->address;
	bool exact = false;

	if (!spot->type)
		return GRF_CHOICE_STORED;
	if (!spot->type->pointer_bytes)
		return GRF_CHOICE_NEITHER;
	if (spot->content == GRF_CONTENT_POINTERS)
		return GRF_CHOICE_STATIC_FILTERED;
	if (spot->content == GRF_CONTENT_ONE && offset != payload)
		return GRF_CHOICE_STORED;
	if (spot->content == GRF_CONTENT_ARRAY &&
	    (!spot->type->size || (offset - payload) % spot->type->size))
		return GRF_CHOICE_STORED;
	if (!static_covers(walker, spot, stored, object->size - payload, &exact))
		return GRF_CHOICE_STORED;
	return exact ? GRF_CHOICE_STATIC : GRF_CHOICE_STATIC_FILTERED;
}

/* As choose_plan(), remembered in the spot for the next object of the stored type. */
static uint8_t stored_choice(struct grf_walker *walker, struct grf_spot *spot,
			     const struct grf_visited *object, const struct grf_stored_type *stored,
			     uint64_t payload, uint64_t address)
{
	uint64_t key = object->size << 16 ^ (object->value - object->address);

	if (spot->stored_address == address && spot->stored_key == key)
		return spot->stored_choice;
	if (walker->reads_only) {
		/* The first choice of a spot is remembered: it is that of most objects. */
		if (!spot->stored_address && !grf_walker_may_make(walker))
			return GRF_CHOICE_STORED;
		return choose_plan(walker, spot, object, stored, payload);
	}
	spot->stored_choice = choose_plan(walker, spot, object, stored, payload);
	spot->stored_address = address;
	spot->stored_key = key;
	return spot->stored_choice;
}

/* Sets walker->scratch to the mask of a whole object that repeats its stored type. */
static bool expand_mask(struct grf_walker *walker, const struct grf_visited *object,
			const struct grf_stored_type *stored, uint64_t payload)
{
	uint64_t words = object->size / 8, first = payload / 8, word;
	struct grf_stored_words state = {.type = stored, .words = words - first};

	if (grf_walker_lacks_whole(walker) || !grf_walker_scratch(walker, words))
		return false;
	while (grf_stored_words_next(&state, &word))
		grf_bit_set(walker->scratch, first + word);
	return true;
}

/* The bytes of an array of the stored type that are before the beginning of a slice of it. */
static uint64_t before_slice(const struct grf_visited *object, const struct grf_spot *spot,
			     const struct grf_stored_type *stored, uint64_t payload)
{
	uint64_t offset = object->value - object->address;

	if (spot->content != GRF_CONTENT_ARRAY || !spot->type || !stored->size ||
	    spot->type->size != stored->size || offset < payload ||
	    (offset - payload) % stored->size)
		return 0;
	return offset - payload;
}

/* Whether an object is an array of its stored type. */
static bool is_array_of(const struct grf_visited *object, const struct grf_spot *spot,
			const struct grf_stored_type *stored, uint64_t payload)
{
	return stored->size * 2 <= object->size - payload ||
	       (spot->content == GRF_CONTENT_ARRAY && spot->type == stored->type);
}

/* Follows an object by the plan of its stored type, under the node of `id`. */
static void follow_stored(struct grf_walker *walker, const struct grf_visited *object, uint32_t id,
			  const struct grf_stored_type *stored, uint64_t payload)
{
	const struct grf_spot *spot = grf_spot_at(&walker->walk->spots, id);
	bool array = is_array_of(object, spot, stored, payload);
	struct grf_window view = {
	    .memory = object->memory + payload,
	    .room = object->size - payload,
	    .before = before_slice(object, spot, stored, payload),
	    .first = payload / 8,
	    .end = object->size / 8,
	};
	bool exact = stored->exact;
	uint32_t real = id;

	if (stored->type) {
		real = grf_walker_spot(walker, spot->node, stored->type,
				       array ? GRF_CONTENT_ARRAY : GRF_CONTENT_ONE);
		if (!real) {
			grf_walker_fail(walker);
			return;
		}
	}
	if (exact) {
		grf_walker_value(walker, real, &view);
		return;
	}
	if (!expand_mask(walker, object, stored, payload))
		return;
	view.pending = walker->scratch;
	if (stored->type)
		grf_walker_value(walker, real, &view);
	grf_visited_defer(walker, real, object->memory, walker->scratch, object->size / 8);
}

static void follow_static(struct grf_walker *walker, const struct grf_visited *object, uint32_t id,
			  const struct grf_stored_type *stored, uint64_t payload, bool filtered)
{
	struct grf_window view;

	if (filtered && !expand_mask(walker, object, stored, payload))
		return;
	if (grf_visited_view(grf_spot_at(&walker->walk->spots, id), object, payload,
			     filtered ? walker->scratch : NULL, &view))
		grf_walker_value(walker, id, &view);
	if (filtered)
		grf_visited_defer(walker, id, object->memory, walker->scratch, object->size / 8);
}

/* Notes that an object is what its stored type says, where the pointer's type says another thing,
 * or less. */
static void place_stored(struct grf_walker *walker, const struct grf_visited *object, uint32_t id,
			 const struct grf_stored_type *stored, uint8_t choice)
{
	const struct grf_spot *spot = grf_spot_at(&walker->walk->spots, id);
	struct grf_inferred whole = {stored->type, false};
	bool wider = choice == GRF_CHOICE_STORED || choice == GRF_CHOICE_NEITHER;
	uint64_t payload;

	if (!stored->type)
		return;
	grf_span_stored_type(object->span, object->slot, &payload);
	whole.array = is_array_of(object, spot, stored, payload);
	if (walker->reads_only && !grf_walk_place_changes(walker->walk, object->id, whole, wider))
		return;
	if (!grf_walker_may_make(walker))
		return;
	if (wider)
		grf_walk_place_wider(walker->walk, object->id);
	grf_walk_place_whole(walker->walk, object->id, whole, false);
}

void grf_visit_stored(struct grf_walker *walker, const struct grf_visited *object, uint32_t id,
		      bool revisit, bool finish)
{
	uint64_t payload, address = grf_span_stored_type(object->span, object->slot, &payload);
	const struct grf_stored_type *found;
	struct grf_stored_type stored;
	uint8_t choice;

	/* The object was allocated and its type is not set yet: it has no pointers. */
	if (!address)
		return;
	found = grf_stored_type_known(&walker->walk->stored, address, object->size - payload);
	if (!found && grf_walker_may_make(walker))
		found = grf_stored_type_get(&walker->walk->stored, walker->walk->types, address,
					    object->size - payload, &walker->walk->no_memory);
	if (!found) {
		if (!walker->blocked)
			walker->walk->implausible++;
		return;
	}
	stored = *found;
	if (!stored.pointers)
		return;
	id = grf_visited_variant(walker, id, object);
	if (!id) {
		grf_walker_fail(walker);
		return;
	}
	choice = stored_choice(walker, grf_spot_at(&walker->walk->spots, id), object, &stored,
			       payload, address);
	if (choice == GRF_CHOICE_NEITHER && object->keep && !finish) {
		if (!revisit)
			grf_visited_leave(walker, object, id, 0, true);
		return;
	}
	if (revisit)
		walker->walk->states[object->id] &= (uint8_t)~GRF_OBJECT_PARTIAL;
	place_stored(walker, object, id, &stored, choice);
	if (choice == GRF_CHOICE_STORED || choice == GRF_CHOICE_NEITHER) {
		follow_stored(walker, object, id, &stored, payload);
	} else {
		follow_static(walker, object, id, &stored, payload,
			      choice == GRF_CHOICE_STATIC_FILTERED);
	}
}
