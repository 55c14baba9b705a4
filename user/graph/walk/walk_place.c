/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * As what each object was reached: by the first pointer to it, or by one that says more of it. A
 * pointer to a struct's first field says of the struct only that it begins so. That the object is
 * more than that shows in its size class, and in pointers that the field does not explain.
 */
#include "graph/object_pointers.h"
#include "graph/walk/walk.h"
#include "model/heap/slot_size.h"

/* Whether objects of that type may be of any size: what a string points to, a type whose beginning
 * alone is known, a channel, whose elements may stand behind it. */
static bool is_of_any_size(const struct grf_walk *walk, const struct grf_type *type)
{
	static const char *const names[] = {"uint8", "runtime.hchan"};

	return !type->size || type->variant ||
	       grf_type_is_one_of(type, names, sizeof(names) / sizeof(*names)) ||
	       grf_type_channel_element(walk->types, type);
}

/* Finds out which slots a spot's type fills. */
static void learn_sizes(const struct grf_walk *walk, struct grf_spot *spot,
			const struct grf_span *span)
{
	if (!spot->type || spot->content != GRF_CONTENT_ONE || is_of_any_size(walk, spot->type)) {
		spot->sizes = GRF_SIZES_ANY;
		return;
	}
	spot->sizes = GRF_SIZES_OWN;
	if (grf_heap_slot_fits(walk->heap, spot->type->size, span->element_size))
		spot->filled = (uint32_t)span->element_size;
}

/* Whether a value of a spot's type fills the slots of a span, as far as their size tells. */
static bool fills_slot(const struct grf_walk *walk, const struct grf_spot *spot,
		       const struct grf_span *span)
{
	return spot->sizes == GRF_SIZES_ANY || spot->filled == span->element_size ||
	       grf_heap_slot_fits(walk->heap, spot->type->size, span->element_size);
}

/* Whether `address` is inside an object, not at its beginning. */
static bool is_inside(const struct grf_span *span, uint64_t id, uint64_t address)
{
	uint32_t slot = (uint32_t)(id - span->first_object);
	uint64_t payload = 0;

	grf_span_stored_type(span, slot, &payload);
	return address != span->base + slot * span->element_size + payload;
}

void grf_walk_place(struct grf_walk *walk, uint64_t id, const struct grf_span *span,
		    uint64_t address, uint32_t spot)
{
	bool inside = is_inside(span, id, address);
	struct grf_spot *at = grf_spot_at(&walk->spots, spot);

	if (!grf_places_set(&walk->places, id, spot | (inside ? GRF_GRAPH_INSIDE : 0)))
		grf_walk_fail(walk);
	/* For tiny blocks too: until then, one thread alone settles what the spot leads to. */
	if (at->sizes == GRF_SIZES_UNKNOWN)
		learn_sizes(walk, at, span);
	/* A block of the tiny allocators has several objects: it is what the first pointer says. */
	if (grf_heap_is_tiny_block(span))
		return;
	if (inside || !fills_slot(walk, at, span))
		walk->states[id] |= GRF_OBJECT_WIDER;
}

/* Sets what an object is; where it stands remains. */
static void set_place(struct grf_walk *walk, uint64_t id, struct grf_type *type,
		      enum grf_content content, bool inferred)
{
	uint32_t known = grf_places_get(&walk->places, id) & ~GRF_GRAPH_INSIDE;
	const struct grf_spot *spot = grf_spot_at(&walk->spots, known);
	uint32_t made = known;

	if (!spot->type || !grf_type_is_same(spot->type, type) || spot->content != content)
		made = inferred ? grf_spot_get_inferred(&walk->spots, spot->node, type, content)
				: grf_spot_get(&walk->spots, spot->node, type, content);
	if (!made || !grf_places_set(&walk->places, id, made))
		grf_walk_fail(walk);
	walk->states[id] &= (uint8_t)~GRF_OBJECT_WIDER;
}

/* Whether a pointer says no more of an object than that it is there. */
static bool says_nothing(const struct grf_spot *spot, const struct grf_span *span, uint64_t id,
			 uint64_t address)
{
	return !spot->type || !spot->type->size || spot->content == GRF_CONTENT_POINTERS ||
	       span->element_size > GRF_MASK_WORDS * GRF_WORD_BYTES || is_inside(span, id, address);
}

bool grf_walk_place_may_grow(const struct grf_walk *walk, uint64_t id, const struct grf_span *span,
			     uint64_t address, uint32_t spot)
{
	return walk->states[id] & GRF_OBJECT_WIDER &&
	       !says_nothing(grf_spot_at(&walk->spots, spot), span, id, address);
}

bool grf_walk_place_changes(const struct grf_walk *walk, uint64_t id, struct grf_inferred whole,
			    bool wider)
{
	enum grf_content content = whole.array ? GRF_CONTENT_ARRAY : GRF_CONTENT_ONE;
	const struct grf_spot *spot;
	uint32_t place;

	if (!grf_places_kept(&walk->places))
		return false;
	if (walk->states[id] & GRF_OBJECT_WIDER)
		return true;
	place = grf_places_get(&walk->places, id);
	spot = grf_spot_at(&walk->spots, place & ~GRF_GRAPH_INSIDE);
	return wider && (place & GRF_GRAPH_INSIDE || !spot->type ||
			 !grf_type_is_same(spot->type, whole.type) || spot->content != content);
}

void grf_walk_place_again(struct grf_walk *walk, uint64_t id, const struct grf_span *span,
			  uint64_t address, uint32_t spot_id)
{
	struct grf_spot *spot = grf_spot_at(&walk->spots, spot_id);
	uint64_t mask = 0, size = span->element_size;
	struct grf_inferred what = {spot->type, spot->content == GRF_CONTENT_ARRAY};

	if (says_nothing(spot, span, id, address))
		return;
	if (span->pointer_layout != GRF_POINTERS_NONE)
		mask = grf_span_mask(span, (id - span->first_object) * size / GRF_WORD_BYTES,
				     size / GRF_WORD_BYTES);
	if (grf_inferred_fits(walk->heap, what, mask, size) ||
	    (what.array && grf_type_is_alone(walk->heap, what.type, mask, size)))
		set_place(walk, id, what.type, (enum grf_content)spot->content, spot->inferred);
}

void grf_walk_place_wider(struct grf_walk *walk, uint64_t id)
{
	if (grf_places_kept(&walk->places))
		walk->states[id] |= GRF_OBJECT_WIDER;
}

void grf_walk_place_whole(struct grf_walk *walk, uint64_t id, struct grf_inferred whole,
			  bool inferred)
{
	if (grf_places_kept(&walk->places) && walk->states[id] & GRF_OBJECT_WIDER)
		set_place(walk, id, whole.type, whole.array ? GRF_CONTENT_ARRAY : GRF_CONTENT_ONE,
			  inferred);
}
