/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Visiting an object: bringing together what the spot says of it, what the runtime says of it
 * (pointer mask, stored type), and what earlier visits left over.
 */
#include <stdlib.h>

#include "graph/walk.h"

/* The objects whose mask fits one word; all that carry heap bits since Go 1.22 do. */
#define SMALL_BYTES 512
/* How often a large object of which something is left over is gone through as a whole. */
#define LONG_VISITS 16

/* One object, worked out from a place. */
struct object {
	const struct grf_span *span;
	uint32_t slot;
	uint64_t id;
	uint64_t address; /* of the slot */
	const uint8_t *memory;
	uint64_t size;  /* of the slot, bytes */
	uint64_t value; /* the pointer that leads here */
	bool keep;      /* note what is left over as PARTIAL, rather than defer it at once */
};

static uint64_t low_bits(uint64_t count)
{
	return count >= 64 ? UINT64_MAX : ((uint64_t)1 << count) - 1;
}

/* The heap bits of a small object. */
static uint64_t small_mask(const struct object *object)
{
	uint64_t bit = (object->address - object->span->base) / 8, words = object->size / 8;
	const uint8_t *bits = object->span->pointer_bits + bit / 8;
	uint64_t shift = bit & 7, mask = 0;
	uint64_t bytes = (shift + words + 7) / 8;

	memcpy(&mask, bits, bytes < 8 ? bytes : 8);
	mask >>= shift;
	if (bytes > 8)
		mask |= (uint64_t)bits[8] << (64 - shift);
	return mask & low_bits(words);
}

/* Hangs the words of `bits` below `spot` untyped. */
static void defer_words(struct grf_walk *walk, uint32_t spot, const uint8_t *memory,
			const uint64_t *bits, uint64_t words)
{
	uint32_t below = 0;

	for (uint64_t w = 0; w < grf_bitmap_words(words); w++) {
		for (uint64_t left = bits[w]; left; left &= left - 1) {
			uint64_t at = w * 64 + (uint64_t)__builtin_ctzll(left), value;

			if (at >= words || !(value = grf_load_u64(memory + at * 8)))
				continue;
			if (!below && !(below = grf_spot_sub_objects(&walk->spots, spot))) {
				grf_walk_fail(walk);
				return;
			}
			grf_walk_defer(walk, value, below);
		}
	}
}

/* The index of an object's entry in the partial table; made if the object has none and `add` is
 * set. */
static struct grf_partial *partial_entry(struct grf_walk *walk, const struct object *object,
					 bool add)
{
	uint32_t index = grf_pair_map_get(&walk->partial_index, object->id, 0);
	struct grf_place place = {.where = GRF_PLACE_PARTIAL};
	struct grf_partial *partial;

	if (index != GRF_PAIR_MAP_NONE)
		return &walk->partials.items[index];
	if (!add)
		return NULL;
	place.spot = (uint32_t)walk->partials.count;
	partial = grf_array_add(&walk->partials);
	if (!partial || !grf_pair_map_put(&walk->partial_index, object->id, 0, place.spot) ||
	    !grf_frontier_push(&walk->deferred, &place)) {
		grf_walk_fail(walk);
		return NULL;
	}
	partial->address = object->address;
	partial->id = object->id;
	partial->span = (uint32_t)(object->span - walk->heap->spans);
	return partial;
}

static void leave_partial(struct grf_walk *walk, const struct object *object, uint32_t spot,
			  uint64_t pending, bool stored)
{
	struct grf_partial *partial = partial_entry(walk, object, true);

	if (!partial)
		return;
	partial->pending = pending;
	partial->value = object->value;
	partial->spot = spot;
	partial->stored = stored;
	walk->states[object->id] |= GRF_OBJECT_PARTIAL;
}

/* The spot for the type that an object really has, where the static type is only its beginning. */
static uint32_t resolve_variant(struct grf_walk *walk, uint32_t id, const struct object *object)
{
	const struct grf_spot *spot = grf_spot_at(&walk->spots, id);
	struct grf_type *type = spot->type, *real;
	uint64_t offset = object->value - object->address;

	if (!type || type->variant == GRF_VARIANT_NONE || spot->content != GRF_CONTENT_ONE)
		return id;
	real = grf_type_variant(walk->types, type, object->memory + offset, object->size - offset);
	return real ? grf_spot_dynamic(&walk->spots, id, real, real) : id;
}

/* A view of what a spot's content covers in an object, from byte `payload` on. False: nothing. */
static bool view_of(const struct grf_spot *spot, const struct object *object, uint64_t payload,
		    uint64_t *pending, struct grf_view *ret)
{
	uint64_t offset = object->value - object->address, begin = offset;

	if (!spot->type || !spot->type->pointer_bytes || offset < payload)
		return false;
	/* An array fills its object: what stands before the pointer is of it, too. */
	if (spot->content == GRF_CONTENT_ARRAY)
		offset = payload + (spot->type->size ? (offset - payload) % spot->type->size : 0);
	else if (spot->content == GRF_CONTENT_POINTERS)
		offset = payload;
	if (offset & 7)
		return false;
	*ret = (struct grf_view){
	    .memory = object->memory + offset,
	    .room = object->size - offset,
	    .before = spot->content == GRF_CONTENT_ARRAY ? begin - offset : 0,
	    .pending = pending,
	    .first = offset / 8,
	    .end = object->size / 8,
	};
	return true;
}

/* The words of a small object that a spot's plan covers. */
static uint64_t coverage(struct grf_walk *walk, struct grf_spot *spot, const struct object *object)
{
	uint64_t key = 1 + (object->size << 16 | (object->value - object->address));
	uint64_t bits = 0, words = object->size / 8;
	struct grf_view view;

	if (spot->coverage_key == key)
		return spot->coverage;
	if (view_of(spot, object, 0, NULL, &view)) {
		uint64_t stride = spot->type->size;

		if (spot->content == GRF_CONTENT_POINTERS)
			bits = low_bits(words);
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

static void visit_small(struct grf_walk *walk, const struct object *object, uint32_t id)
{
	uint64_t mask = small_mask(object), pending = mask;
	struct grf_view view;
	struct grf_spot *spot;

	if (!mask)
		return;
	id = resolve_variant(walk, id, object);
	if (!id) {
		grf_walk_fail(walk);
		return;
	}
	spot = grf_spot_at(&walk->spots, id);
	if (coverage(walk, spot, object) == mask) {
		if (view_of(spot, object, 0, NULL, &view))
			grf_walk_value(walk, id, &view);
		return;
	}
	if (view_of(spot, object, 0, &pending, &view))
		grf_walk_value(walk, id, &view);
	if (!pending)
		return;
	if (object->keep && spot->type)
		leave_partial(walk, object, id, pending, false);
	else
		defer_words(walk, id, object->memory, &pending, object->size / 8);
}

/* Another typed way to a small object of which something is left over. */
static void revisit_small(struct grf_walk *walk, const struct object *object, uint32_t id,
			  struct grf_partial *partial)
{
	uint64_t pending = partial->pending;
	struct grf_view view;

	id = resolve_variant(walk, id, object);
	if (!id) {
		grf_walk_fail(walk);
		return;
	}
	if (!(coverage(walk, grf_spot_at(&walk->spots, id), object) & pending))
		return;
	if (view_of(grf_spot_at(&walk->spots, id), object, 0, &pending, &view))
		grf_walk_value(walk, id, &view);
	partial->pending = pending;
	if (!pending)
		walk->states[object->id] &= (uint8_t)~GRF_OBJECT_PARTIAL;
}

/* What a small object may be of which what `spot` says is a part. */
static struct grf_enclosing enclosing_type(struct grf_walk *walk, const struct object *object,
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
		walk->enclosing = grf_enclosing_types_create(walk->types);
	return walk->enclosing ? grf_enclosing_type(walk->enclosing, &enclosed)
			       : (struct grf_enclosing){0};
}

/* Follows what is left of a small object by the plan of the struct around what is known of it. */
static void finish_enclosing(struct grf_walk *walk, const struct object *object, uint32_t id,
			     struct grf_type *type, uint64_t *pending)
{
	uint32_t enclosing = grf_walk_found_spot(walk, id, type, false);
	struct grf_view view = {
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

/* Whether a small object has just the mask of an array of what `spot` says; *ret: as such. */
static bool is_like_array(struct grf_walk *walk, const struct object *object,
			  const struct grf_spot *spot, struct grf_spot *ret)
{
	*ret = *spot;
	ret->content = GRF_CONTENT_ARRAY;
	ret->coverage_key = 0;
	return spot->content == GRF_CONTENT_ONE && spot->type && spot->type->size >= 8 &&
	       object->size >= 2 * spot->type->size &&
	       coverage(walk, ret, object) == small_mask(object);
}

/* Follows what is left of a small object as the other elements of `array`. */
static void finish_array(struct grf_walk *walk, const struct object *object, uint32_t id,
			 const struct grf_spot *array, uint64_t *pending)
{
	uint64_t stride = array->type->size;
	struct grf_view view;

	if (!view_of(array, object, 0, pending, &view))
		return;
	for (uint64_t at = 0; at + stride <= view.room; at += stride) {
		struct grf_view element = view;

		element.memory += at;
		element.room = stride;
		element.first += at / 8;
		grf_walk_value(walk, id, &element);
	}
}

/*
 * What is left of a small object when no typed way to it is left. A pointer to one element of an
 * array looks like a pointer to a lone value, and so does one to a field. Of the types that have
 * such a field, and arrays where the code makes them, what alone may be there is believed. All else
 * is untyped.
 */
static void finish_small(struct grf_walk *walk, const struct object *object,
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
	defer_words(walk, id, object->memory, &pending, object->size / 8);
}

/* Whether one or more elements of `spot`'s type have just (`*ret_exact`), or at least, the
 * pointers of one element of the stored type. */
static bool static_covers(struct grf_walk *walk, const struct grf_spot *spot,
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
	if (!grf_walk_scratch(walk, bits))
		return false;
	for (uint64_t at = 0; at < stored->size; at += stride) {
		grf_plan_mark(walk->types, spot->type, walk->scratch, at / 8, bits);
		if (!array)
			break;
	}
	*ret_exact = array || stride <= payload;
	for (uint64_t w = 0; w < grf_bitmap_words(bits); w++) {
		if (stored->mask[w] & ~walk->scratch[w])
			return false;
		if (stored->mask[w] != walk->scratch[w])
			*ret_exact = false;
	}
	return true;
}

static uint8_t choose(struct grf_walk *walk, struct grf_spot *spot, const struct object *object,
		      const struct grf_stored_type *stored, uint64_t payload)
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
	if (!static_covers(walk, spot, stored, object->size - payload, &exact))
		return GRF_CHOICE_STORED;
	return exact ? GRF_CHOICE_STATIC : GRF_CHOICE_STATIC_FILTERED;
}

/* The same, remembered in the spot for the next object of the kind. */
static uint8_t stored_choice(struct grf_walk *walk, struct grf_spot *spot,
			     const struct object *object, const struct grf_stored_type *stored,
			     uint64_t payload, uint64_t address)
{
	uint64_t key = object->size << 16 ^ (object->value - object->address);

	if (spot->stored_address != address || spot->stored_key != key) {
		spot->stored_choice = choose(walk, spot, object, stored, payload);
		spot->stored_address = address;
		spot->stored_key = key;
	}
	return spot->stored_choice;
}

/* Sets walk->scratch to the mask of a whole object that repeats its stored type. */
static bool expand_mask(struct grf_walk *walk, const struct object *object,
			const struct grf_stored_type *stored, uint64_t payload)
{
	uint64_t words = object->size / 8, period = stored->size / 8, first = payload / 8;

	if (!grf_walk_scratch(walk, words))
		return false;
	for (uint64_t at = first; period && at < words; at += period)
		for (uint64_t i = 0; i < period && at + i < words; i++)
			if (grf_bit(stored->mask, i))
				grf_bit_set(walk->scratch, at + i);
	return true;
}

/* How many bytes of an array of the stored type stand before where a slice of it begins. */
static uint64_t before_slice(const struct object *object, const struct grf_spot *spot,
			     const struct grf_stored_type *stored, uint64_t payload)
{
	uint64_t offset = object->value - object->address;

	if (spot->content != GRF_CONTENT_ARRAY || !spot->type || !stored->size ||
	    spot->type->size != stored->size || offset < payload ||
	    (offset - payload) % stored->size)
		return 0;
	return offset - payload;
}

/* Follows an object by the plan of its stored type, under the node of `id`. */
static void follow_stored(struct grf_walk *walk, const struct object *object, uint32_t id,
			  const struct grf_stored_type *stored, uint64_t payload)
{
	const struct grf_spot *spot = grf_spot_at(&walk->spots, id);
	bool array = stored->size * 2 <= object->size - payload ||
		     (spot->content == GRF_CONTENT_ARRAY && spot->type == stored->type);
	struct grf_view view = {
	    .memory = object->memory + payload,
	    .room = object->size - payload,
	    .before = before_slice(object, spot, stored, payload),
	    .first = payload / 8,
	    .end = object->size / 8,
	};
	bool exact = stored->exact;
	uint32_t real = id;

	if (stored->type) {
		real = grf_spot_get(&walk->spots, spot->node, stored->type,
				    array ? GRF_CONTENT_ARRAY : GRF_CONTENT_ONE);
		if (!real) {
			grf_walk_fail(walk);
			return;
		}
	}
	if (exact) {
		grf_walk_value(walk, real, &view);
		return;
	}
	if (!expand_mask(walk, object, stored, payload))
		return;
	view.pending = walk->scratch;
	if (stored->type)
		grf_walk_value(walk, real, &view);
	defer_words(walk, real, object->memory, walk->scratch, object->size / 8);
}

static void follow_static(struct grf_walk *walk, const struct object *object, uint32_t id,
			  const struct grf_stored_type *stored, uint64_t payload, bool filtered)
{
	struct grf_view view;

	if (filtered && !expand_mask(walk, object, stored, payload))
		return;
	if (view_of(grf_spot_at(&walk->spots, id), object, payload, filtered ? walk->scratch : NULL,
		    &view))
		grf_walk_value(walk, id, &view);
	if (filtered)
		defer_words(walk, id, object->memory, walk->scratch, object->size / 8);
}

/* An object for which the runtime stores a type. `finish`: no typed way to it is left. */
static void visit_stored(struct grf_walk *walk, const struct object *object, uint32_t id,
			 bool revisit, bool finish)
{
	uint64_t payload, address = grf_span_stored_type(object->span, object->slot, &payload);
	const struct grf_stored_type *found;
	struct grf_stored_type stored;
	uint8_t choice;

	/* None: the object was allocated, but its type not yet set; it has no pointers. */
	if (!address)
		return;
	found = grf_stored_type_get(&walk->stored, walk->types, address, object->size - payload,
				    &walk->no_memory);
	if (!found) {
		walk->implausible++;
		return;
	}
	stored = *found;
	if (!stored.pointers)
		return;
	id = resolve_variant(walk, id, object);
	if (!id) {
		grf_walk_fail(walk);
		return;
	}
	choice =
	    stored_choice(walk, grf_spot_at(&walk->spots, id), object, &stored, payload, address);
	if (choice == GRF_CHOICE_NEITHER && object->keep && !finish) {
		if (!revisit)
			leave_partial(walk, object, id, 0, true);
		return;
	}
	if (revisit)
		walk->states[object->id] &= (uint8_t)~GRF_OBJECT_PARTIAL;
	if (choice == GRF_CHOICE_NEITHER) {
		if (expand_mask(walk, object, &stored, payload))
			defer_words(walk, id, object->memory, walk->scratch, object->size / 8);
	} else if (choice == GRF_CHOICE_STORED) {
		follow_stored(walk, object, id, &stored, payload);
	} else {
		follow_static(walk, object, id, &stored, payload,
			      choice == GRF_CHOICE_STATIC_FILTERED);
	}
}

/* --- objects with a bitmap of more than a word: Go before 1.22 -------------------------------- */

static bool load_bitmap(struct grf_walk *walk, const struct object *object)
{
	uint64_t first = (object->address - object->span->base) / 8, words = object->size / 8;

	if (!grf_walk_scratch(walk, words))
		return false;
	for (uint64_t i = 0; i < words; i++) {
		uint64_t bit = first + i;

		if (object->span->pointer_bits[bit >> 3] >> (bit & 7) & 1)
			grf_bit_set(walk->scratch, i);
	}
	return true;
}

static bool is_clear(const uint64_t *bits, uint64_t count)
{
	for (uint64_t w = 0; w < grf_bitmap_words(count); w++)
		if (bits[w])
			return false;
	return true;
}

static void visit_bitmap(struct grf_walk *walk, const struct object *object, uint32_t id)
{
	uint64_t words = object->size / 8, bytes = grf_bitmap_words(words) * sizeof(uint64_t);
	struct grf_partial *partial;
	struct grf_view view;

	id = resolve_variant(walk, id, object);
	if (!id) {
		grf_walk_fail(walk);
		return;
	}
	if (!load_bitmap(walk, object))
		return;
	if (view_of(grf_spot_at(&walk->spots, id), object, 0, walk->scratch, &view))
		grf_walk_value(walk, id, &view);
	if (is_clear(walk->scratch, words))
		return;
	if (!object->keep || !grf_spot_at(&walk->spots, id)->type) {
		defer_words(walk, id, object->memory, walk->scratch, words);
		return;
	}
	leave_partial(walk, object, id, 0, false);
	partial = partial_entry(walk, object, false);
	if (!partial)
		return;
	partial->bits = malloc(bytes);
	if (partial->bits)
		memcpy(partial->bits, walk->scratch, bytes);
	else
		grf_walk_fail(walk);
}

/* Another typed way to such an object. Nobody counts what is left: an element is looked at quickly,
 * an array as a whole only so often, since a million slices may share it. */
static void revisit_bitmap(struct grf_walk *walk, const struct object *object, uint32_t id,
			   struct grf_partial *partial)
{
	const struct grf_spot *spot;
	struct grf_view view;

	id = resolve_variant(walk, id, object);
	if (!id) {
		grf_walk_fail(walk);
		return;
	}
	spot = grf_spot_at(&walk->spots, id);
	if (!spot->type)
		return;
	if ((spot->content != GRF_CONTENT_ONE || spot->type->size > SMALL_BYTES) &&
	    partial->long_visits++ >= LONG_VISITS)
		return;
	if (view_of(spot, object, 0, partial->bits, &view))
		grf_walk_value(walk, id, &view);
}

/* Whether the object's mask, in walk->scratch, is that of elements of `type` from its beginning on,
 * up to its last pointer. */
static bool is_repeated(struct grf_walk *walk, const struct object *object, struct grf_type *type)
{
	uint64_t words = object->size / 8, last = grf_bitmap_words(words) - 1;
	uint64_t *marks = calloc(last + 1, sizeof(*marks)), top;
	bool same = marks != NULL;

	for (uint64_t at = 0; same && at + type->size <= object->size; at += type->size)
		grf_plan_mark(walk->types, type, marks, at / 8, words);
	while (last && !walk->scratch[last])
		last--;
	for (uint64_t w = 0; same && w < last; w++)
		same = marks[w] == walk->scratch[w];
	top = walk->scratch[last];
	if (same && top)
		same = (marks[last] & (UINT64_MAX >> __builtin_clzll(top))) == top;
	free(marks);
	return same;
}

/* What is left of such an object in the end; see finish_small(). */
static void finish_bitmap(struct grf_walk *walk, const struct object *object,
			  struct grf_partial *partial)
{
	struct grf_spot repeated = *grf_spot_at(&walk->spots, partial->spot);
	struct grf_type *type = repeated.type;
	struct grf_view view;

	repeated.content = GRF_CONTENT_ARRAY;
	if (grf_spot_at(&walk->spots, partial->spot)->content == GRF_CONTENT_ONE && type &&
	    type->size >= 8 && !(type->size & 7) && object->size >= 2 * type->size &&
	    view_of(&repeated, object, 0, partial->bits, &view) && !view.first &&
	    load_bitmap(walk, object) && is_repeated(walk, object, type)) {
		for (uint64_t at = 0; at + type->size <= object->size; at += type->size) {
			struct grf_view element = view;

			element.memory += at;
			element.room = type->size;
			element.first = at / 8;
			grf_walk_value(walk, partial->spot, &element);
		}
	}
	defer_words(walk, partial->spot, object->memory, partial->bits, object->size / 8);
	free(partial->bits);
}

static void visit_object(struct grf_walk *walk, const struct object *object, uint32_t spot)
{
	switch (object->span->pointer_layout) {
	case GRF_POINTERS_HEADER:
	case GRF_POINTERS_LARGE:
		visit_stored(walk, object, spot, false, false);
		break;
	case GRF_POINTERS_BITS:
	case GRF_POINTERS_ARENA:
		if (object->size <= SMALL_BYTES)
			visit_small(walk, object, spot);
		else
			visit_bitmap(walk, object, spot);
		break;
	default:
		break;
	}
}

static void object_at(const struct grf_walk *walk, uint32_t span_index, uint64_t value,
		      struct object *ret)
{
	const struct grf_span *span = &walk->heap->spans[span_index];
	uint32_t slot = grf_span_slot(span, value);
	uint64_t offset = slot * span->element_size;

	*ret = (struct object){
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

/* A value in a data segment or on the stack at hand, reached through a typed pointer. */
static void visit_area(struct grf_walk *walk, const struct grf_place *place)
{
	const struct grf_area *area = walk->stack;
	struct grf_view view;
	uint64_t offset;

	if (!area || place->address < area->start || place->address >= area->end)
		area = grf_walk_area(walk, place->address);
	if (!area || place->address & 7)
		return;
	offset = place->address - area->start;
	view = (struct grf_view){
	    .memory = area->memory + offset,
	    .room = area->end - place->address,
	    .pending = area->pending,
	    .first = offset / 8,
	    .end = (area->end - area->start) / 8,
	};
	if (grf_spot_at(&walk->spots, place->spot)->content != GRF_CONTENT_ONE) {
		uint64_t size = grf_spot_at(&walk->spots, place->spot)->type->size;
		/* Where nobody knows how long an array is, its first element is there. */
		uint64_t count =
		    place->where == GRF_PLACE_AREA ? 1 : place->where - GRF_PLACE_ARRAY;

		if (size && view.room / size > count)
			view.room = count * size;
	}
	grf_walk_value(walk, place->spot, &view);
}

void grf_walk_visit(struct grf_walk *walk, const struct grf_place *place)
{
	struct grf_partial *partial;
	struct object object;

	if (place->where >= GRF_PLACE_ARRAY && place->where <= GRF_PLACE_AREA) {
		visit_area(walk, place);
		return;
	}
	object_at(walk, place->where & ~GRF_PLACE_REVISIT, place->address, &object);
	if (!(place->where & GRF_PLACE_REVISIT)) {
		walk->states[object.id] |= GRF_OBJECT_VISITED;
		visit_object(walk, &object, place->spot);
		return;
	}
	partial = partial_entry(walk, &object, false);
	if (!partial || !(walk->states[object.id] & GRF_OBJECT_PARTIAL))
		return;
	if (partial->stored)
		visit_stored(walk, &object, place->spot, true, false);
	else if (partial->bits)
		revisit_bitmap(walk, &object, place->spot, partial);
	else
		revisit_small(walk, &object, place->spot, partial);
}

void grf_walk_visit_deferred(struct grf_walk *walk, const struct grf_place *place)
{
	struct grf_partial partial;
	struct object object;

	if (place->where != GRF_PLACE_PARTIAL) {
		object_at(walk, place->where, place->address, &object);
		object.keep = false;
		walk->states[object.id] |= GRF_OBJECT_VISITED;
		visit_object(walk, &object, place->spot);
		return;
	}
	partial = walk->partials.items[place->spot];
	if (!(walk->states[partial.id] & GRF_OBJECT_PARTIAL))
		return;
	walk->states[partial.id] &= (uint8_t)~GRF_OBJECT_PARTIAL;
	object_at(walk, partial.span, partial.value, &object);
	if (partial.stored) {
		visit_stored(walk, &object, partial.spot, false, true);
	} else if (partial.bits) {
		walk->partials.items[place->spot].bits = NULL;
		finish_bitmap(walk, &object, &partial);
	} else {
		finish_small(walk, &object, &partial);
	}
}

void grf_walk_referents(struct grf_walk *walk, uint64_t address, uint32_t spot)
{
	const struct grf_span *span;
	struct object object;
	uint32_t slot;

	if (!grf_heap_find(walk->heap, address, &span, &slot))
		return;
	object_at(walk, (uint32_t)(span - walk->heap->spans), address, &object);
	object.keep = false;
	visit_object(walk, &object, spot);
}
