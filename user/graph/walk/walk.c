/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Settles pointers: counts the object that one leads to once, and queues its place. walk_run.c
 * takes places out again; the pointers of what is there come back here.
 */
#include "graph/walk/walk.h"
#include "model/types/flow/code_types.h"
#include "model/variables/variables.h"

#include <stdlib.h>
#include <string.h>

static void push_place(struct grf_walk *walk, struct grf_frontier *frontier, uint64_t address,
		       uint32_t spot, uint32_t where)
{
	struct grf_place place = {.address = address, .spot = spot, .where = where};

	if (!grf_frontier_push(frontier, &place))
		grf_walk_fail(walk);
}

/* Notes that an object is reached, and by the pointer to `address` that `spot` describes. */
static void mark_reached(struct grf_walk *walk, uint64_t id, const struct grf_span *span,
			 uint64_t address, uint32_t spot)
{
	walk->states[id] = GRF_OBJECT_REACHED;
	if (span->pointer_layout == GRF_POINTERS_NONE)
		walk->states[id] |= GRF_OBJECT_VISITED;
	if (grf_places_kept(&walk->places))
		grf_walk_place(walk, id, span, address, spot);
}

static void end_tally_node(struct grf_tally_node *tally, struct grf_walk *walk)
{
	struct grf_tree_node *node = &walk->builder.tree->nodes[tally->node];

	if (!tally->objects)
		return;
	__atomic_fetch_add(&node->objects, tally->objects, __ATOMIC_RELAXED);
	__atomic_fetch_add(&node->bytes, tally->bytes, __ATOMIC_RELAXED);
	__atomic_fetch_add(&walk->reached, tally->objects, __ATOMIC_RELAXED);
	*tally = (struct grf_tally_node){0};
}

void grf_tally_add(struct grf_tally *tally, struct grf_walk *walk, const struct grf_record *record)
{
	uint32_t node = grf_spot_at(&walk->spots, record->spot)->node;
	struct grf_tally_node *at = &tally->nodes[node % GRF_TALLY_NODES];

	if (at->node != node)
		end_tally_node(at, walk);
	at->node = node;
	at->objects++;
	at->bytes += walk->heap->spans[record->where].element_size;
}

void grf_tally_end(struct grf_tally *tally, struct grf_walk *walk)
{
	for (unsigned int i = 0; i < GRF_TALLY_NODES; i++)
		end_tally_node(&tally->nodes[i], walk);
}

/* Reaches an object, alone: counts it at the node of the spot by whose pointer to `address` it was
 * reached. */
static void reach_object(struct grf_walk *walk, uint64_t id, const struct grf_span *span,
			 uint64_t address, uint32_t spot_id)
{
	const struct grf_spot *spot = grf_spot_at(&walk->spots, spot_id);
	struct grf_tree *tree = walk->builder.tree;

	mark_reached(walk, id, span, address, spot_id);
	walk->reached++;
	tree->nodes[spot->node].objects++;
	tree->nodes[spot->node].bytes += span->element_size;
	/* A nameless root or an unsafe.Pointer leads to it, so it counts at that element. */
	if (!spot->type && !tree->nodes[spot->node].untyped &&
	    span->pointer_layout != GRF_POINTERS_NONE) {
		tree->untyped_objects++;
		tree->untyped_bytes += span->element_size;
	}
}

/* Whether an object is one of the scheduler's structures, to which a pointer of unknown type, such
 * as one in a register, may lead. */
static bool is_schedulers(const struct grf_walk *walk, uint64_t id)
{
	return !walk->runtime_only &&
	       grf_pair_map_get(&walk->scheduler, id, 0) != GRF_PAIR_MAP_NONE;
}

/* Finds the type of an object that an untyped pointer leads to: the stored type, that of a closure
 * by its code, what the code stored, or an inferred one. */
static bool find_type(struct grf_walk *walk, const struct grf_span *span, uint32_t slot,
		      struct grf_inferred *ret)
{
	uint64_t payload, address = grf_span_stored_type(span, slot, &payload);
	const uint8_t *memory = span->memory + slot * span->element_size;
	struct grf_type *variant;

	*ret = (struct grf_inferred){0};
	if (address) {
		ret->type = grf_types_by_descriptor(walk->types, address);
		ret->array = ret->type && ret->type->size &&
			     ret->type->size * 2 <= span->element_size - payload;
		return ret->type != NULL;
	}
	if (span->pointer_layout == GRF_POINTERS_NONE)
		return false;
	ret->type = grf_types_closure_object(walk->types, memory, span->element_size);
	if (ret->type && ret->type->slot_count)
		return true;
	if (!grf_walk_made(walk, span->first_object + slot, ret) &&
	    (!grf_walk_inference(walk) || !grf_type_infer(walk->inference, span, slot, NULL, ret)))
		return false;
	grf_type_plan(walk->types, ret->type);
	variant = ret->array ? NULL
			     : grf_type_variant(walk->types, ret->type, memory, span->element_size);
	if (variant)
		ret->type = variant;
	return true;
}

uint32_t grf_walk_found_spot(struct grf_walk *walk, uint32_t id, struct grf_type *type, bool array)
{
	uint32_t node = grf_spot_at(&walk->spots, id)->node;
	const struct grf_tree_node *nodes = walk->builder.tree->nodes;
	const char *name = NULL;

	if (nodes[node].name == grf_sub_objects_name && nodes[node].parent != GRF_TREE_NONE)
		node = nodes[node].parent;
	if (nodes[node].parent != GRF_TREE_NONE)
		name = grf_element_with_target(walk->types, nodes[node].name, type->name, array);
	if (name)
		node = nodes[node].parent;
	else
		name = grf_type_found_name(walk->types, type);
	node = name ? grf_tree_child(&walk->builder, node, name) : GRF_TREE_NONE;
	if (node == GRF_TREE_NONE) {
		grf_walk_fail(walk);
		return 0;
	}
	walk->builder.tree->nodes[node].inferred = true;
	return grf_spot_get(&walk->spots, node, type, array ? GRF_CONTENT_ARRAY : GRF_CONTENT_ONE);
}

/* The spot for an object that an untyped pointer leads to, if its type can be found: the element
 * "?. (type)" in place of "$sub_objects$". 0: it cannot. */
static uint32_t found_spot(struct grf_walk *walk, uint32_t id, const struct grf_span *span,
			   uint32_t slot)
{
	struct grf_inferred found;

	if (grf_spot_at(&walk->spots, id)->type || !find_type(walk, span, slot, &found))
		return 0;
	return grf_walk_found_spot(walk, id, found.type, found.array);
}

/* Whether an object may be larger than the shape which a pointer gives it, and none of whose
 * pointers the shape explains. An example is a node of a HashTrieMap, whose own types are known
 * only as shapes. */
static bool may_be_larger(const struct grf_spot *spot, const struct grf_span *span,
			  uint64_t address)
{
	return spot->type && spot->type->planned && !spot->type->pointer_bytes &&
	       !spot->type->variant && spot->content == GRF_CONTENT_ONE && span->pointer_bits &&
	       grf_type_is_bare_shape(spot->type) &&
	       address == span->base + grf_span_slot(span, address) * span->element_size;
}

/* The spot for such an object, by its true type. It keeps its node. 0: the type is not found. */
static uint32_t larger_spot(struct grf_walk *walk, uint32_t id, const struct grf_span *span,
			    uint32_t slot)
{
	const struct grf_spot *spot = grf_spot_at(&walk->spots, id);
	struct grf_inferred found;

	if (!grf_walk_inference(walk) ||
	    !grf_type_infer(walk->inference, span, slot, NULL, &found) || found.array)
		return 0;
	grf_type_plan(walk->types, found.type);
	return grf_spot_get(&walk->spots, spot->node, found.type, GRF_CONTENT_ONE);
}

/* Another pointer to an object that was reached. */
static uint64_t judge_reached(const struct grf_walk *walk, const struct grf_record *record,
			      uint8_t state)
{
	const struct grf_spot *spot = grf_spot_at(&walk->spots, record->spot);
	const struct grf_span *span = &walk->heap->spans[record->where];
	/* It waits for its visit, or has words left over. */
	bool again = (!(state & GRF_OBJECT_VISITED) || state & GRF_OBJECT_PARTIAL) &&
		     span->pointer_layout != GRF_POINTERS_NONE && spot->type &&
		     spot->type->pointer_bytes;

	if (state & GRF_OBJECT_UNSETTLED)
		return again ? GRF_RECORD_GROWS_AGAIN : GRF_RECORD_GROWS;
	if (state & GRF_OBJECT_WIDER &&
	    grf_walk_place_may_grow(walk, record->id, span, record->address, record->spot))
		return again ? GRF_RECORD_GROWS_AGAIN : GRF_RECORD_GROWS;
	return again ? GRF_RECORD_AGAIN : GRF_RECORD_NOTHING;
}

/* What becomes of a pointer to an object. */
static uint64_t judge_object(struct grf_walk *walk, const struct grf_record *record)
{
	const uint8_t seen = GRF_OBJECT_VISITED | GRF_OBJECT_PARTIAL | GRF_OBJECT_WIDER;
	uint8_t state = walk->states[record->id];
	const struct grf_span *span;
	const struct grf_spot *spot;
	uint64_t payload;
	bool leaf;

	/* Most pointers lead to what was visited and is known. */
	if (state & GRF_OBJECT_FREE || (state & seen) == GRF_OBJECT_VISITED)
		return GRF_RECORD_NOTHING;
	if (state)
		return judge_reached(walk, record, state);
	spot = grf_spot_at(&walk->spots, record->spot);
	span = &walk->heap->spans[record->where];
	leaf = span->pointer_layout == GRF_POINTERS_NONE;
	if (!spot->type && is_schedulers(walk, record->id))
		return GRF_RECORD_SCHEDULER;
	/* An untyped pointer waits for typed ones, unless the object itself has a stored type. */
	if (!spot->type &&
	    !grf_span_stored_type(span, grf_span_slot(span, record->address), &payload))
		return GRF_RECORD_UNTYPED;
	if (!spot->type || may_be_larger(spot, span, record->address) ||
	    (grf_places_kept(&walk->places) && spot->sizes == GRF_SIZES_UNKNOWN)) {
		walk->states[record->id] = GRF_OBJECT_REACHED | GRF_OBJECT_UNSETTLED;
		return leaf ? GRF_RECORD_FIND_LEAF : GRF_RECORD_FIND_TYPE;
	}
	mark_reached(walk, record->id, span, record->address, record->spot);
	return leaf ? GRF_RECORD_LEAF : GRF_RECORD_VISIT;
}

/* Whether a value in a data segment has no word left that was not followed. Millions of pointers
 * may lead to one. */
static bool is_followed(struct grf_walk *walk, const struct grf_record *record)
{
	const struct grf_spot *spot = grf_spot_at(&walk->spots, record->spot);
	const struct grf_area *area = grf_walk_area(walk, record->address);
	uint64_t first, end;

	if (!area || record->address & 7 || spot->content != GRF_CONTENT_ONE)
		return false;
	first = (record->address - area->start) / GRF_WORD_BYTES;
	end = first + (spot->type->pointer_bytes + GRF_WORD_BYTES - 1) / GRF_WORD_BYTES;
	if (end > (area->end - area->start) / GRF_WORD_BYTES)
		end = (area->end - area->start) / GRF_WORD_BYTES;
	while (first < end && !grf_bit(area->pending, first))
		first++;
	return first == end;
}

void grf_walk_judge(struct grf_walk *walk, struct grf_record *record)
{
	if (record->id < GRF_RECORD_MARKS)
		record->id = judge_object(walk, record);
	else if (record->id == GRF_RECORD_OUTSIDE && is_followed(walk, record))
		record->id = GRF_RECORD_NOTHING;
}

/* Reaches the object to which a record leads, once more is known of it. */
static void find_record_type(struct grf_walk *walk, struct grf_record *record)
{
	const struct grf_span *span = &walk->heap->spans[record->where];
	const struct grf_spot *spot = grf_spot_at(&walk->spots, record->spot);
	uint32_t slot = grf_span_slot(span, record->address), known = 0;
	uint64_t payload;

	if (!spot->type) {
		known = found_spot(walk, record->spot, span, slot);
		grf_span_stored_type(span, slot, &payload);
		if (known)
			record->address = span->base + slot * span->element_size + payload;
	} else if (may_be_larger(spot, span, record->address)) {
		known = larger_spot(walk, record->spot, span, slot);
	}
	if (known)
		record->spot = known;
	reach_object(walk, span->first_object + slot, span, record->address, record->spot);
}

static void grow_place(struct grf_walk *walk, const struct grf_record *record)
{
	const struct grf_span *span = &walk->heap->spans[record->where];
	uint64_t id = span->first_object + grf_span_slot(span, record->address);

	if (walk->states[id] & GRF_OBJECT_WIDER)
		grf_walk_place_again(walk, id, span, record->address, record->spot);
}

void grf_walk_settle_special(struct grf_walk *walk, struct grf_record *record)
{
	switch (record->id) {
	case GRF_RECORD_FIND_TYPE:
	case GRF_RECORD_FIND_LEAF:
		find_record_type(walk, record);
		break;
	case GRF_RECORD_GROWS:
	case GRF_RECORD_GROWS_AGAIN:
		grow_place(walk, record);
		break;
	case GRF_RECORD_UNTYPED:
		push_place(walk, &walk->deferred, record->address, record->spot, 0);
		break;
	case GRF_RECORD_SCHEDULER:
		push_place(walk, &walk->left_to_runtime, record->address, record->spot, 0);
		break;
	default:
		push_place(walk, &walk->pools, record->address, record->spot, record->where);
	}
}

static void settle_record(struct grf_walk *walk, struct grf_record *record)
{
	grf_walk_judge(walk, record);
	if (grf_record_is_counted(record))
		grf_tally_add(&walk->tally, walk, record);
	if (grf_record_is_special(record))
		grf_walk_settle_special(walk, record);
	if (grf_record_is_visited(record))
		push_place(walk, &walk->typed, record->address, record->spot,
			   grf_record_where(record));
}

void grf_walk_settle_records(struct grf_walk *walk, struct grf_record *records, size_t count)
{

	for (size_t i = 0; i < count; i++) {
		if (i + GRF_STATES_AHEAD < count &&
		    records[i + GRF_STATES_AHEAD].id < GRF_RECORD_MARKS)
			grf_walk_prefetch(walk, records[i + GRF_STATES_AHEAD].id);
		settle_record(walk, &records[i]);
	}
}

void grf_walker_settle(struct grf_walker *walker)
{
	grf_walk_settle_records(walker->walk, walker->records.items, walker->records.count);
	walker->records.count = 0;
}

bool grf_walk_reach_deferred(struct grf_walk *walk, struct grf_place *place)
{
	const struct grf_span *span;
	uint64_t id, payload;
	uint32_t slot, known;

	if (!grf_heap_find(walk->heap, place->address, &span, &slot))
		return false;
	id = span->first_object + slot;
	if (walk->states[id])
		return false;
	if (is_schedulers(walk, id)) {
		push_place(walk, &walk->left_to_runtime, place->address, place->spot, 0);
		return false;
	}
	grf_span_stored_type(span, slot, &payload);
	known = found_spot(walk, place->spot, span, slot);
	if (known) {
		place->spot = known;
		place->address = span->base + slot * span->element_size + payload;
	}
	reach_object(walk, id, span, place->address, place->spot);
	if (span->pointer_layout == GRF_POINTERS_NONE)
		return false;
	place->where = (uint32_t)(span - walk->heap->spans);
	if (!grf_span_stored_type(span, slot, &payload) && !known)
		return true;
	push_place(walk, &walk->typed, place->address, place->spot, place->where);
	return false;
}

struct grf_area *grf_walk_area(struct grf_walk *walk, uint64_t address)
{
	for (size_t i = 0; i < walk->areas.count; i++) {
		struct grf_area *area = &walk->areas.items[i];

		if (address >= area->start && address < area->end)
			return area;
	}
	return NULL;
}
