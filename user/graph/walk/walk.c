/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queues and the ring of the walk: takes a pointer, finds its object, counts it once and
 * queues its place. walk_run.c takes places out again; their pointers come back here.
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

void grf_walk_defer(struct grf_walk *walk, uint64_t address, uint32_t spot)
{
	if (address && spot)
		push_place(walk, &walk->deferred, address, spot, 0);
}

/* Counts an object at the node of the spot by whose pointer to `address` it was reached. */
static void reach_object(struct grf_walk *walk, uint64_t id, const struct grf_span *span,
			 uint64_t address, uint32_t spot_id)
{
	const struct grf_spot *spot = grf_spot_at(&walk->spots, spot_id);
	struct grf_tree_node *node = &walk->builder.tree->nodes[spot->node];

	walk->states[id] = GRF_OBJECT_REACHED;
	if (span->pointer_layout == GRF_POINTERS_NONE)
		walk->states[id] |= GRF_OBJECT_VISITED;
	if (grf_places_kept(&walk->places))
		grf_walk_place(walk, id, span, address, spot_id);
	walk->reached++;
	node->objects++;
	node->bytes += span->element_size;
	/* A nameless root or an unsafe.Pointer leads to it, so it counts at that element. */
	if (!spot->type && !node->untyped && span->pointer_layout != GRF_POINTERS_NONE) {
		walk->builder.tree->untyped_objects++;
		walk->builder.tree->untyped_bytes += span->element_size;
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

bool grf_walk_emit_made(struct grf_walk *walk, uint64_t address,
			const struct grf_code_object *object, uint32_t spot)
{
	const struct grf_span *span;
	uint32_t slot;

	if (!grf_walk_made_fits(walk, address, object, &span, &slot))
		return false;
	grf_walk_emit(walk, span->base + slot * span->element_size,
		      grf_walk_found_spot(walk, spot, object->type, object->array));
	return true;
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

/* The spot for an object that is larger than the shape which a pointer gives it, and none of whose
 * pointers the shape explains. An example is a node of a HashTrieMap, whose own types are known
 * only as shapes. The object keeps its node. 0: the object is none such, or its type is not found.
 */
static uint32_t larger_spot(struct grf_walk *walk, uint32_t id, const struct grf_span *span,
			    uint64_t address)
{
	const struct grf_spot *spot = grf_spot_at(&walk->spots, id);
	uint32_t slot = grf_span_slot(span, address);
	struct grf_inferred found;

	if (!spot->type || !spot->type->planned || spot->type->pointer_bytes ||
	    spot->type->variant || spot->content != GRF_CONTENT_ONE || !span->pointer_bits ||
	    !grf_type_is_bare_shape(spot->type) ||
	    address != span->base + slot * span->element_size || !grf_walk_inference(walk) ||
	    !grf_type_infer(walk->inference, span, slot, NULL, &found) || found.array)
		return 0;
	grf_type_plan(walk->types, found.type);
	return grf_spot_get(&walk->spots, spot->node, found.type, GRF_CONTENT_ONE);
}

/* Handles a found object when its turn in the ring has come. */
static void settle_found(struct grf_walk *walk, const struct grf_found *found)
{
	const struct grf_span *span = &walk->heap->spans[found->span];
	const struct grf_spot *spot = grf_spot_at(&walk->spots, found->spot);
	uint8_t state = walk->states[found->id];
	uint64_t payload = 0, address = found->address;
	uint32_t id = found->spot, known;

	if (state & GRF_OBJECT_WIDER)
		grf_walk_place_again(walk, found->id, span, address, id);
	/* Another pointer to an object that waits for its visit, or has words left over. */
	if ((state & ~GRF_OBJECT_WIDER) == GRF_OBJECT_REACHED || state & GRF_OBJECT_PARTIAL) {
		if (spot->type && spot->type->pointer_bytes)
			push_place(walk, &walk->typed, found->address, found->spot,
				   found->span | GRF_PLACE_REVISIT);
		return;
	}
	if (state)
		return;
	if (!spot->type && is_schedulers(walk, found->id)) {
		push_place(walk, &walk->left_to_runtime, found->address, found->spot, 0);
		return;
	}
	/* An untyped pointer waits for typed ones, unless the object itself has a stored type. */
	if (!spot->type &&
	    !grf_span_stored_type(span, grf_span_slot(span, found->address), &payload)) {
		push_place(walk, &walk->deferred, found->address, found->spot, 0);
		return;
	}
	known = larger_spot(walk, id, span, address);
	if (known)
		id = known;
	known = found_spot(walk, id, span, grf_span_slot(span, address));
	if (known) {
		id = known;
		address = span->base + grf_span_slot(span, address) * span->element_size + payload;
	}
	reach_object(walk, found->id, span, address, id);
	if (span->pointer_layout != GRF_POINTERS_NONE)
		push_place(walk, &walk->typed, address, id, found->span);
}

/* A pointer outside the heap: into the current stack, or into a data segment. Objects that the
 * linker laid out there have no names of their own; their types come from the pointers to them. */
static void emit_outside(struct grf_walk *walk, uint64_t address, uint32_t spot, uint32_t where)
{
	const struct grf_spot *at = grf_spot_at(&walk->spots, spot);

	if (!at->type || !at->type->pointer_bytes)
		return;
	if (walk->stack && address >= walk->stack->start && address < walk->stack->end)
		push_place(walk, &walk->in_stack, address, spot, where);
	else if (grf_walk_area(walk, address))
		push_place(walk, &walk->typed, address, spot, where);
}

static void emit_pointer(struct grf_walk *walk, uint64_t address, uint32_t spot, uint32_t where)
{
	const struct grf_span *span = grf_heap_span(walk->heap, address);
	struct grf_found *found;
	uint32_t slot;

	if (!spot) {
		grf_walk_fail(walk);
		return;
	}
	if (grf_spot_at(&walk->spots, spot)->scheduler && !walk->runtime_only) {
		push_place(walk, &walk->left_to_runtime, address, spot, 0);
		return;
	}
	if (grf_spot_at(&walk->spots, spot)->pooled && !walk->pools_followed) {
		push_place(walk, &walk->pools, address, spot, where);
		return;
	}
	if (!span) {
		emit_outside(walk, address, spot, where);
		return;
	}
	if (address < span->base || (slot = grf_span_slot(span, address)) >= span->slot_count ||
	    (!span->division && address >= span->limit))
		return;
	if (walk->ring_written - walk->ring_read == GRF_RING_SIZE)
		settle_found(walk, &walk->ring[walk->ring_read++ % GRF_RING_SIZE]);
	found = &walk->ring[walk->ring_written++ % GRF_RING_SIZE];
	found->address = address;
	found->id = span->first_object + slot;
	found->spot = spot;
	found->span = (uint32_t)(span - walk->heap->spans);
	__builtin_prefetch(&walk->states[found->id], 1);
	grf_places_prefetch(&walk->places, found->id);
}

void grf_walk_emit(struct grf_walk *walk, uint64_t address, uint32_t spot)
{
	emit_pointer(walk, address, spot, GRF_PLACE_AREA);
}

void grf_walk_emit_array(struct grf_walk *walk, uint64_t address, uint32_t spot, uint64_t count)
{
	if (count > GRF_PLACE_ARRAY_MAX)
		count = 1;
	emit_pointer(walk, address, spot, GRF_PLACE_ARRAY + (uint32_t)count);
}

void grf_walk_settle(struct grf_walk *walk)
{
	while (walk->ring_read != walk->ring_written)
		settle_found(walk, &walk->ring[walk->ring_read++ % GRF_RING_SIZE]);
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

bool grf_walk_scratch(struct grf_walk *walk, uint64_t bits)
{
	uint64_t words = grf_bitmap_words(bits) + 1;

	if (words > walk->scratch_words) {
		uint64_t *grown = realloc(walk->scratch, words * sizeof(*grown));

		if (!grown) {
			grf_walk_fail(walk);
			return false;
		}
		walk->scratch = grown;
		walk->scratch_words = words;
	}
	memset(walk->scratch, 0, words * sizeof(*walk->scratch));
	return true;
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
