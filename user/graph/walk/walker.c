/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes pointers down as records, and looks up what walkers share or has it made. */
#include "graph/walk/walker.h"

#include <stdlib.h>
#include <string.h>

#include "graph/walk/walk.h"

/* A walker that settles its own records does so when it has this many. */
#define RECORDS_AT_ONCE 4096u

void grf_walker_free(struct grf_walker *walker)
{
	grf_array_free(&walker->records);
	free(walker->scratch);
	walker->scratch = NULL;
}

void grf_walker_fail(struct grf_walker *walker)
{
	if (!walker->blocked)
		grf_walk_fail(walker->walk);
}

bool grf_walker_scratch(struct grf_walker *walker, uint64_t bits)
{
	uint64_t words = grf_bitmap_words(bits) + 1;

	if (words > walker->scratch_words) {
		uint64_t *grown = realloc(walker->scratch, words * sizeof(*grown));

		if (!grown) {
			grf_walk_fail(walker->walk);
			return false;
		}
		walker->scratch = grown;
		walker->scratch_words = words;
	}
	memset(walker->scratch, 0, words * sizeof(*walker->scratch));
	return true;
}

/* Whether a pointer of a long object is the same as one that was taken down shortly before: it says
 * nothing new then. */
static bool is_repeated(struct grf_walker *walker, uint64_t address, uint32_t spot)
{
	struct grf_recent *recent = &walker->recent[address / 16 % 16];

	if (recent->address == address && recent->spot == spot)
		return true;
	recent->address = address;
	recent->spot = spot;
	return false;
}

static void take_down(struct grf_walker *walker, uint64_t address, uint64_t id, uint32_t spot,
		      uint32_t where)
{
	struct grf_record record = {.address = address, .id = id, .spot = spot, .where = where};

	if (!grf_array_grow((void **)&walker->records.items, walker->records.count,
			    &walker->records.capacity, sizeof(record))) {
		grf_walk_fail(walker->walk);
		return;
	}
	walker->records.items[walker->records.count++] = record;
	if (walker->settles && walker->records.count >= RECORDS_AT_ONCE)
		grf_walker_settle(walker);
}

/* A pointer outside the heap: into the current stack, or into a data segment. Objects that the
 * linker laid out there have no names of their own; their types come from the pointers to them. */
static void emit_outside(struct grf_walker *walker, uint64_t address, uint32_t spot, uint32_t where)
{
	struct grf_walk *walk = walker->walk;
	const struct grf_spot *at = grf_spot_at(&walk->spots, spot);
	const struct grf_place place = {.address = address, .spot = spot, .where = where};

	if (!at->type || !at->type->pointer_bytes)
		return;
	if (walk->stack && address >= walk->stack->start && address < walk->stack->end) {
		if (!grf_frontier_push(&walk->in_stack, &place))
			grf_walk_fail(walk);
	} else if (grf_walk_area(walk, address)) {
		take_down(walker, address, GRF_RECORD_OUTSIDE, spot, where);
	}
}

static void emit_pointer(struct grf_walker *walker, uint64_t address, uint32_t spot, uint32_t where)
{
	const struct grf_walk *walk = walker->walk;
	const struct grf_span *span = grf_heap_span(walk->heap, address);
	const struct grf_spot *at;
	uint32_t slot;

	if (!spot) {
		grf_walker_fail(walker);
		return;
	}
	at = grf_spot_at(&walk->spots, spot);
	if (at->scheduler && !walk->runtime_only) {
		take_down(walker, address, GRF_RECORD_SCHEDULER, spot, 0);
		return;
	}
	if (at->pooled && !walk->pools_followed) {
		take_down(walker, address, GRF_RECORD_POOLED, spot, where);
		return;
	}
	if (!span) {
		emit_outside(walker, address, spot, where);
		return;
	}
	if (!grf_span_find(span, address, &slot))
		return;
	if (walker->takes_long && is_repeated(walker, address, spot))
		return;
	take_down(walker, address, span->first_object + slot, spot,
		  (uint32_t)(span - walk->heap->spans));
}

void grf_walker_emit(struct grf_walker *walker, uint64_t address, uint32_t spot)
{
	emit_pointer(walker, address, spot, GRF_PLACE_AREA);
}

void grf_walker_emit_array(struct grf_walker *walker, uint64_t address, uint32_t spot,
			   uint64_t count)
{
	if (count > GRF_PLACE_ARRAY_MAX)
		count = 1;
	emit_pointer(walker, address, spot, GRF_PLACE_ARRAY + (uint32_t)count);
}

void grf_walker_defer(struct grf_walker *walker, uint64_t address, uint32_t spot)
{
	if (address && spot)
		take_down(walker, address, GRF_RECORD_UNTYPED, spot, 0);
}

uint32_t grf_walker_spot(struct grf_walker *walker, uint32_t node, struct grf_type *type,
			 enum grf_content content)
{
	uint32_t known = grf_spot_known(&walker->walk->spots, node, type, content);

	if (known || !grf_walker_may_make(walker))
		return known;
	return grf_spot_get(&walker->walk->spots, node, type, content);
}

bool grf_walker_prepare(struct grf_walker *walker, uint32_t id)
{
	const struct grf_spot *spot = grf_spot_at(&walker->walk->spots, id);

	if (spot->children || !spot->type)
		return true;
	return grf_walker_may_make(walker) && grf_spot_prepare(&walker->walk->spots, id);
}

uint32_t grf_walker_child(struct grf_walker *walker, uint32_t id, uint32_t child,
			  const struct grf_slot *slot, struct grf_type *type,
			  enum grf_content content)
{
	struct grf_spots *spots = &walker->walk->spots;
	uint32_t known = spots->pool[grf_spot_at(spots, id)->children + child];

	if (known || !grf_walker_may_make(walker))
		return known;
	return grf_spot_make_child(spots, id, child, slot ? slot->path : NULL,
				   slot ? slot->path_length : 0, type, content);
}

uint32_t grf_walker_element(struct grf_walker *walker, uint32_t id, int64_t index)
{
	struct grf_spots *spots = &walker->walk->spots;
	uint32_t known = spots->pool[grf_spot_at(spots, id)->children +
				     grf_spot_element_child(grf_spot_at(spots, id), index)];

	if (known || !grf_walker_may_make(walker))
		return known;
	return grf_spot_element(spots, id, index);
}

uint32_t grf_walker_dynamic(struct grf_walker *walker, uint32_t id, const void *key,
			    struct grf_type *type, const char *name)
{
	struct grf_spots *spots = &walker->walk->spots;
	uint32_t known;

	if (!walker->reads_only)
		return grf_spot_dynamic(spots, id, key, type, name);
	known = grf_spot_dynamic_known(spots, id, key, type, name);
	walker->blocked |= !known;
	return known;
}

uint32_t grf_walker_sub_objects(struct grf_walker *walker, uint32_t id)
{
	struct grf_spots *spots = &walker->walk->spots;
	uint32_t node = grf_tree_known_child(spots->builder, grf_spot_at(spots, id)->node,
					     grf_sub_objects_name);

	if (node != GRF_TREE_NONE)
		return grf_walker_spot(walker, node, NULL, GRF_CONTENT_ONE);
	return grf_walker_may_make(walker) ? grf_spot_sub_objects(spots, id) : 0;
}
