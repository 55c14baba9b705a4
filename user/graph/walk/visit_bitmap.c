/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects with a bitmap of more than a word: Go before 1.22. */
#include <stdlib.h>

#include "graph/walk/visit.h"

/* A large object with words left over is followed as a whole so many times at most. */
#define LONG_VISITS 16

static bool load_bitmap(struct grf_walker *walker, const struct grf_visited *object)
{
	uint64_t first = (object->address - object->span->base) / 8, words = object->size / 8;

	if (grf_walker_lacks_whole(walker) || !grf_walker_scratch(walker, words))
		return false;
	for (uint64_t at = 0; at < words; at += 64)
		walker->scratch[at / 64] =
		    grf_span_mask(object->span, first + at, words - at < 64 ? words - at : 64);
	return true;
}

static bool is_clear(const uint64_t *bits, uint64_t count)
{
	for (uint64_t w = 0; w < grf_bitmap_words(count); w++)
		if (bits[w])
			return false;
	return true;
}

/* Whether the object's mask, in walker->scratch, repeats that of `type` from the object's beginning
 * to its last pointer. */
static bool is_repeated(struct grf_walker *walker, const struct grf_visited *object,
			struct grf_type *type)
{
	uint64_t words = object->size / 8, last, *marks, top;
	bool same;

	if (!words)
		return false;
	last = grf_bitmap_words(words) - 1;
	marks = calloc(last + 1, sizeof(*marks));
	same = marks != NULL;
	for (uint64_t at = 0; same && at + type->size <= object->size; at += type->size)
		grf_plan_mark(walker->walk->types, type, marks, at / 8, words);
	while (last && !walker->scratch[last])
		last--;
	for (uint64_t w = 0; same && w < last; w++)
		same = marks[w] == walker->scratch[w];
	top = walker->scratch[last];
	if (same && top)
		same = (marks[last] & (UINT64_MAX >> __builtin_clzll(top))) == top;
	free(marks);
	return same;
}

/* The view of what `id` describes of an object. Of an array that is but a field of the object, as
 * the mask in walker->scratch shows, it is the first element; *id is its spot then. False: it
 * describes nothing. */
static bool proven_view(struct grf_walker *walker, const struct grf_visited *object,
			uint64_t *pending, uint32_t *id, struct grf_window *ret)
{
	const struct grf_spot *spot = grf_spot_at(&walker->walk->spots, *id);

	if (!grf_visited_view(spot, object, 0, pending, ret))
		return false;
	if (spot->content != GRF_CONTENT_ARRAY || !spot->type->size ||
	    (!((object->value - object->address) % spot->type->size) &&
	     is_repeated(walker, object, spot->type)))
		return true;
	if (!grf_visited_first_element(spot, object, pending, ret))
		return false;
	*id = grf_walker_prepare(walker, *id) ? grf_walker_element(walker, *id, 0) : 0;
	if (!*id)
		grf_walker_fail(walker);
	return *id;
}

void grf_visit_bitmap(struct grf_walker *walker, const struct grf_visited *object, uint32_t id)
{
	uint64_t words = object->size / 8, bytes = grf_bitmap_words(words) * sizeof(uint64_t);
	struct grf_partial *partial;
	struct grf_window view;
	uint32_t proven;

	id = grf_visited_variant(walker, id, object);
	if (!id) {
		grf_walker_fail(walker);
		return;
	}
	if (!load_bitmap(walker, object))
		return;
	proven = id;
	if (proven_view(walker, object, walker->scratch, &proven, &view))
		grf_walker_value(walker, proven, &view);
	if (is_clear(walker->scratch, words))
		return;
	if (!object->keep || !grf_spot_at(&walker->walk->spots, id)->type) {
		grf_visited_defer(walker, id, object->memory, walker->scratch, words);
		return;
	}
	grf_visited_leave(walker, object, id, 0, false);
	partial = grf_visited_partial(walker, object, false);
	if (!partial)
		return;
	partial->bits = malloc(bytes);
	if (partial->bits)
		memcpy(partial->bits, walker->scratch, bytes);
	else
		grf_walker_fail(walker);
}

/* Another typed pointer to such an object. The words left over are not counted. An element is
 * followed quickly; an array as a whole only LONG_VISITS times, as a million slices may share it.
 */
void grf_revisit_bitmap(struct grf_walker *walker, const struct grf_visited *object, uint32_t id,
			struct grf_partial *partial)
{
	const struct grf_spot *spot;
	struct grf_window view;

	id = grf_visited_variant(walker, id, object);
	if (!id) {
		grf_walker_fail(walker);
		return;
	}
	spot = grf_spot_at(&walker->walk->spots, id);
	if (!spot->type)
		return;
	if ((spot->content != GRF_CONTENT_ONE || spot->type->size > GRF_SMALL_BYTES) &&
	    partial->long_visits++ >= LONG_VISITS)
		return;
	if (spot->content == GRF_CONTENT_ARRAY && !load_bitmap(walker, object))
		return;
	if (proven_view(walker, object, partial->bits, &id, &view))
		grf_walker_value(walker, id, &view);
}

/* Follows what is left of an object by the plan of what the code says that it is as a whole. */
static void finish_made(struct grf_walker *walker, const struct grf_visited *object,
			const struct grf_partial *partial)
{
	const struct grf_spot *spot = grf_spot_at(&walker->walk->spots, partial->spot);
	const struct grf_window view = {
	    .memory = object->memory,
	    .room = object->size,
	    .pending = partial->bits,
	    .end = object->size / 8,
	};
	struct grf_inferred made;
	uint32_t found;

	if (!spot->type || !grf_walk_made(walker->walk, object->id, &made) ||
	    !grf_inferred_holds(walker->walk->types, made, spot->type,
				object->value - object->address))
		return;
	grf_type_plan(walker->walk->types, made.type);
	found = grf_walk_found_spot(walker->walk, partial->spot, made.type, made.array);
	if (found)
		grf_walker_value(walker, found, &view);
	else
		grf_walker_fail(walker);
	grf_walk_place_whole(walker->walk, object->id, made, true);
}

/* Follows what is left of such an object in the end; see grf_finish_small(). */
void grf_finish_bitmap(struct grf_walker *walker, const struct grf_visited *object,
		       struct grf_partial *partial)
{
	struct grf_spot repeated = *grf_spot_at(&walker->walk->spots, partial->spot);
	struct grf_type *type = repeated.type;
	struct grf_window view;

	repeated.content = GRF_CONTENT_ARRAY;
	if (grf_spot_at(&walker->walk->spots, partial->spot)->content == GRF_CONTENT_ONE && type &&
	    type->size >= 8 && !(type->size & 7) && object->size >= 2 * type->size &&
	    grf_visited_view(&repeated, object, 0, partial->bits, &view) && !view.first &&
	    load_bitmap(walker, object) && is_repeated(walker, object, type)) {
		for (uint64_t at = 0; at + type->size <= object->size; at += type->size) {
			struct grf_window element = view;

			element.memory += at;
			element.room = type->size;
			element.first = at / 8;
			grf_walker_value(walker, partial->spot, &element);
		}
		grf_walk_place_whole(walker->walk, object->id, (struct grf_inferred){type, true},
				     true);
	}
	finish_made(walker, object, partial);
	grf_visited_defer(walker, partial->spot, object->memory, partial->bits, object->size / 8);
	free(partial->bits);
}
