/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Visits an object: combines what the spot says of it, what the runtime says (pointer mask, stored
 * type), and what earlier visits left over. The runtime has three forms, each with a file:
 * visit_small.c, visit_bitmap.c, visit_stored.c.
 */
#ifndef GRF_GRAPH_WALK_VISIT_H
#define GRF_GRAPH_WALK_VISIT_H

#include "graph/object_pointers.h"
#include "graph/walk/walk.h"

/* Objects whose mask fits one word. Since Go 1.22, all objects with heap bits do. */
#define GRF_SMALL_BYTES 512

/* Objects of more bytes are shared out in parts. */
#define GRF_LONG_BYTES (UINT64_C(128) << 10)

/* One object, found from a place. */
struct grf_visited {
	const struct grf_span *span;
	uint32_t slot;
	uint64_t id;
	uint64_t address; /* of the slot */
	const uint8_t *memory;
	uint64_t size;  /* of the slot, bytes */
	uint64_t value; /* the pointer that leads here */
	bool keep;      /* note what is left over as PARTIAL; false: defer it at once */
};

/* Hangs the words of `bits` below `spot` untyped. */
void grf_visited_defer(struct grf_walker *walker, uint32_t spot, const uint8_t *memory,
		       const uint64_t *bits, uint64_t words);

/* The object's entry in the partial table; `add`: made if missing. NULL: it has none, or memory is
 * out. */
struct grf_partial *grf_visited_partial(struct grf_walker *walker, const struct grf_visited *object,
					bool add);

/* Notes what is left over of an object, for later typed pointers to it. */
void grf_visited_leave(struct grf_walker *walker, const struct grf_visited *object, uint32_t spot,
		       uint64_t pending, bool stored);

/* Finds what an object is as a whole, in which there is the value that `spot` describes: what the
 * code says that it made, else the only type that fits, else what the contents speak for. */
bool grf_visited_whole(struct grf_walker *walker, const struct grf_visited *object,
		       const struct grf_spot *spot, struct grf_inferred *ret);

/* Objects whose mask fits a word. grf_finish_small(): all typed pointers were followed. */
void grf_visit_small(struct grf_walker *walker, const struct grf_visited *object, uint32_t id);
void grf_revisit_small(struct grf_walker *walker, const struct grf_visited *object, uint32_t id,
		       struct grf_partial *partial);
void grf_finish_small(struct grf_walker *walker, const struct grf_visited *object,
		      struct grf_partial *partial);

/* Objects with a larger bitmap: Go before 1.22. */
void grf_visit_bitmap(struct grf_walker *walker, const struct grf_visited *object, uint32_t id);
void grf_revisit_bitmap(struct grf_walker *walker, const struct grf_visited *object, uint32_t id,
			struct grf_partial *partial);
void grf_finish_bitmap(struct grf_walker *walker, const struct grf_visited *object,
		       struct grf_partial *partial);

/* An object for which the runtime stores a type. `finish`: all typed pointers were followed. */
void grf_visit_stored(struct grf_walker *walker, const struct grf_visited *object, uint32_t id,
		      bool revisit, bool finish);

static inline uint64_t grf_low_bits(uint64_t count)
{
	return count >= 64 ? UINT64_MAX : ((uint64_t)1 << count) - 1;
}

/* The spot for the true type of an object whose static type is only its beginning. */
static inline uint32_t grf_visited_variant(struct grf_walker *walker, uint32_t id,
					   const struct grf_visited *object)
{
	const struct grf_spot *spot = grf_spot_at(&walker->walk->spots, id);
	struct grf_type *type = spot->type, *real;
	uint64_t offset = object->value - object->address;

	if (!type || type->variant == GRF_VARIANT_NONE || spot->content != GRF_CONTENT_ONE)
		return id;
	real = grf_type_variant(walker->walk->types, type, object->memory + offset,
				object->size - offset);
	return real ? grf_walker_dynamic(walker, id, real, real, NULL) : id;
}

/* A view of the bytes of an object that a spot's content covers, from byte `payload` on. False: it
 * covers none. */
static inline bool grf_visited_view(const struct grf_spot *spot, const struct grf_visited *object,
				    uint64_t payload, uint64_t *pending, struct grf_window *ret)
{
	uint64_t offset = object->value - object->address, begin = offset;

	if (!spot->type || !spot->type->pointer_bytes || offset < payload)
		return false;
	/* An array fills its object, also before the pointer. */
	if (spot->content == GRF_CONTENT_ARRAY)
		offset = payload + (spot->type->size ? (offset - payload) % spot->type->size : 0);
	else if (spot->content == GRF_CONTENT_POINTERS)
		offset = payload;
	if (offset & 7)
		return false;
	*ret = (struct grf_window){
	    .memory = object->memory + offset,
	    .room = object->size - offset,
	    .before = spot->content == GRF_CONTENT_ARRAY ? begin - offset : 0,
	    .pending = pending,
	    .first = offset / 8,
	    .end = object->size / 8,
	};
	return true;
}

/* The same of the first element alone of the array that a spot describes. False: it is not all in
 * the object. */
static inline bool grf_visited_first_element(const struct grf_spot *spot,
					     const struct grf_visited *object, uint64_t *pending,
					     struct grf_window *ret)
{
	struct grf_spot element = *spot;

	element.content = GRF_CONTENT_ONE;
	if (!grf_visited_view(&element, object, 0, pending, ret) || ret->room < spot->type->size)
		return false;
	ret->room = spot->type->size;
	return true;
}

#endif
