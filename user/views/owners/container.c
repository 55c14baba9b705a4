/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads what maps and slices say of themselves. */
#include "views/owners/container.h"

#include <string.h>

/* Arrays inside of arrays; Go programs have two or three. */
#define NESTED 8
/* Both designs of maps begin with the number of their entries, a word that the compiler reads for
 * len(): runtime.hmap.count, internal/runtime/maps.Map.used. */
#define MAP_COUNT    0
#define SLICE_LENGTH 8

uint64_t grf_container_address(const struct grf_retained *retained, uint32_t node)
{
	uint64_t id = grf_retained_object(retained, node);
	const struct grf_span *span = grf_retained_span(retained, node);

	return span->base + (id - span->first_object) * span->element_size;
}

bool grf_container_find(const struct grf_retained *retained, uint64_t pointer, uint32_t *ret)
{
	const struct grf_span *span;
	uint32_t slot;

	if (!grf_heap_find(retained->graph->model->heap, pointer, &span, &slot) ||
	    !grf_graph_reached(retained->graph, span->first_object + slot))
		return false;
	*ret = grf_retained_node(retained, span->first_object + slot);
	return true;
}

const uint8_t *grf_container_value(const struct grf_retained *retained, uint32_t node,
				   uint64_t *ret_room)
{
	uint64_t id = grf_retained_object(retained, node), payload;
	const struct grf_span *span = grf_retained_span(retained, node);
	uint32_t slot = (uint32_t)(id - span->first_object);

	if (grf_graph_kind(retained->graph, id).inside)
		return NULL;
	grf_span_stored_type(span, slot, &payload);
	*ret_room = span->element_size - payload;
	return span->memory + slot * span->element_size + payload;
}

uint32_t grf_container_slot_index(const struct grf_type *type, uint64_t offset)
{
	uint32_t inner = type->slot_count;

	for (uint32_t i = 0; i < type->slot_count; i++) {
		const struct grf_slot *slot = &type->slots[i];
		bool pair = slot->kind == GRF_SLOT_EFACE || slot->kind == GRF_SLOT_IFACE;

		if (slot->kind == GRF_SLOT_INLINE_ARRAY) {
			if (slot->stride && offset >= slot->offset &&
			    (offset - slot->offset) / slot->stride < slot->count)
				inner = i;
		} else if (slot->offset + (pair ? 8 : 0) == offset) {
			return i;
		}
	}
	return inner;
}

const struct grf_slot *grf_container_slot(const struct grf_type *type, uint64_t offset)
{
	for (int depth = 0; depth < NESTED && type; depth++) {
		uint32_t index = grf_container_slot_index(type, offset);
		const struct grf_slot *slot;

		if (index == type->slot_count)
			return NULL;
		slot = &type->slots[index];
		if (slot->kind != GRF_SLOT_INLINE_ARRAY)
			return slot;
		offset = (offset - slot->offset) % slot->stride;
		type = slot->target;
	}
	return NULL;
}

const struct grf_slot *grf_container_field(const struct grf_type *type, const char *name)
{
	size_t length = strlen(name);

	for (uint32_t i = 0; type && i < type->slot_count; i++)
		for (uint16_t k = 0; k < type->slots[i].field_count; k++) {
			const char *element = type->slots[i].fields[k];

			if (!strncmp(element, name, length) && !strncmp(element + length, ". (", 3))
				return &type->slots[i];
		}
	return NULL;
}

/* --- maps ------------------------------------------------------------------------------------- */

/* The type of what a map points to has the map's name and the size of its structure; a variable of
 * the map is a word, and the parts of the structure have other sizes. */
static bool is_map(const struct grf_retained *retained, const struct grf_object_kind *kind)
{
	const struct grf_layout *layout = &retained->graph->model->layout;
	int64_t size = layout->version.experiments.swiss_map ? grf_offset(layout, swiss_map, _size)
							     : grf_offset(layout, hmap, _size);

	return kind->type && kind->type->name && !kind->inside &&
	       kind->content == GRF_CONTENT_ONE && !strncmp(kind->type->name, "map[", 4) &&
	       size > 8 && kind->type->size == (uint64_t)size;
}

/* Parts have the map's name, but for groups and buckets, which are called as the compiler does. */
bool grf_container_is_map_part(const struct grf_retained *retained, uint32_t node)
{
	static const char *const names[] = {"map[", "map.group[", "map.bucket[", "group<",
					    "bucket<"};
	struct grf_object_kind kind;

	if (grf_retained_is_root(retained, node))
		return false;
	kind = grf_graph_kind(retained->graph, grf_retained_object(retained, node));
	if (kind.type && grf_type_is_part(retained->graph->model->types, kind.type))
		return true;
	/* A word alone is a variable. */
	if (!kind.type || !kind.type->name || is_map(retained, &kind) ||
	    (kind.content == GRF_CONTENT_ONE && kind.type->size == 8))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(kind.type->name, names[i], strlen(names[i])))
			return true;
	return false;
}

/* An entry takes a byte at the least: of the few values that a smaller type has, a map holds no
 * more than memory has bytes either. */
bool grf_container_map(const struct grf_retained *retained, uint32_t node,
		       struct grf_container *ret)
{
	const uint8_t *memory;
	struct grf_object_kind kind;
	uint64_t room, entries;

	if (grf_retained_is_root(retained, node))
		return false;
	kind = grf_graph_kind(retained->graph, grf_retained_object(retained, node));
	if (!is_map(retained, &kind))
		return false;
	memory = grf_container_value(retained, node, &room);
	if (!memory || room < kind.type->size)
		return false;
	entries = grf_load_u64(memory + MAP_COUNT);
	if (entries > grf_retained_of(retained, node).bytes)
		return false;
	*ret = (struct grf_container){.kind = GRF_CONTAINER_MAP, .node = node, .entries = entries};
	return true;
}

/* --- slices ----------------------------------------------------------------------------------- */

bool grf_container_slice(const struct grf_slot *slot, const uint8_t *memory, uint64_t address,
			 uint64_t size, struct grf_container_slice *ret)
{
	*ret = (struct grf_container_slice){
	    .pointer = grf_load_u64(memory),
	    .length = grf_load_u64(memory + SLICE_LENGTH),
	    .capacity = grf_load_u64(memory + GRF_SLICE_CAPACITY),
	    .element = slot->target ? slot->target->size : 0,
	};
	return slot->kind == GRF_SLOT_ARRAY_POINTER && slot->count && ret->element &&
	       ret->pointer >= address && ret->pointer - address < size &&
	       ret->length <= ret->capacity &&
	       ret->capacity <= (size - (ret->pointer - address)) / ret->element;
}

/* Pointers to one array, from what holds it. */
struct search {
	const struct grf_retained *retained;
	uint32_t node; /* the array */
	uint64_t address, size;
	const struct grf_type *type; /* of the holder's values, which stand from `value` on */
	uint64_t value;
	bool repeated; /* to the end of the holder */
	struct grf_container *ret;
};

/* Takes the longest of several slices of the array. */
static void take_slice(struct search *search, const struct grf_slot *slot, const uint8_t *memory)
{
	struct grf_container *ret = search->ret;
	struct grf_container_slice slice;
	bool first = ret->kind != GRF_CONTAINER_SLICE;

	if (!grf_container_slice(slot, memory, search->address, search->size, &slice))
		return;
	if (first || slice.pointer < ret->begin)
		ret->begin = slice.pointer;
	if (first || slice.pointer + slice.length * slice.element > ret->end)
		ret->end = slice.pointer + slice.length * slice.element;
	if (!first && ret->entries >= slice.length)
		return;
	ret->kind = GRF_CONTAINER_SLICE;
	ret->node = search->node;
	ret->entries = slice.length;
	ret->capacity = slice.capacity;
}

static void visit_edge(void *context, uint64_t address, uint64_t value)
{
	struct search *search = context;
	const struct grf_span *span = grf_heap_span(search->retained->graph->model->heap, address);
	const struct grf_slot *slot;
	uint64_t offset = address - search->value;

	if (value < search->address || value - search->address >= search->size || !span ||
	    address < search->value)
		return;
	if (search->repeated)
		offset %= search->type->size;
	slot = grf_container_slot(search->type, offset);
	if (slot && address - span->base + GRF_SLICE_SIZE <= span->slot_count * span->element_size)
		take_slice(search, slot, span->memory + (address - span->base));
}

static void search_object(struct search *search, uint32_t owner)
{
	const struct grf_graph *graph = search->retained->graph;
	uint64_t id = grf_retained_object(search->retained, owner), payload;
	const struct grf_span *span = grf_retained_span(search->retained, owner);
	uint32_t slot = (uint32_t)(id - span->first_object);
	struct grf_object_kind kind = grf_graph_kind(graph, id);

	if (kind.inside || !kind.type || !kind.type->size || kind.content == GRF_CONTENT_POINTERS)
		return;
	grf_span_stored_type(span, slot, &payload);
	search->type = kind.type;
	search->value = span->base + slot * span->element_size + payload;
	search->repeated = kind.content == GRF_CONTENT_ARRAY;
	/* Out of memory, there is no slice to be told of. */
	(void)grf_graph_edges(graph, span, slot, visit_edge, search);
}

/* What a word is as a part of the variable that it belongs to, or of the value in a data segment
 * that one leads to. */
static const struct grf_slot *root_slot(const struct grf_graph *graph,
					const struct grf_root_word *word)
{
	const struct grf_root_claim *claim = grf_graph_claim(graph, word->address);
	const struct grf_type *type = claim ? graph->kinds[claim->kind].type : NULL;

	if (!type || claim->offset == GRF_CLAIM_ALONE)
		return NULL;
	return grf_container_slot(type, claim->offset);
}

static void visit_root(void *context, const struct grf_root_word *word)
{
	struct search *search = context;
	const struct grf_graph *graph = search->retained->graph;
	const struct grf_slot *slot;
	const uint8_t *memory;

	if (!word->address || word->conservative || word->value < search->address ||
	    word->value - search->address >= search->size)
		return;
	slot = root_slot(graph, word);
	memory = slot ? grf_image_at(graph->model->image, word->address, GRF_SLICE_SIZE) : NULL;
	if (memory)
		take_slice(search, slot, memory);
}

/* The slice of an array that one thing holds. */
static void find_slice(const struct grf_retained *retained, uint32_t node,
		       struct grf_container *ret)
{
	const struct grf_span *span = grf_retained_span(retained, node);
	struct search search = {
	    .retained = retained,
	    .node = node,
	    .address = grf_container_address(retained, node),
	    .size = span->element_size,
	    .ret = ret,
	};
	uint32_t owner = grf_retained_owner(retained, node);

	if (grf_retained_is_shared(retained, node))
		return;
	if (grf_retained_is_root(retained, owner))
		grf_graph_roots(retained->graph, visit_root, &search);
	else
		search_object(&search, owner);
}

/* ---------------------------------------------------------------------------------------------- */

struct grf_container grf_container_at_end(const struct grf_retained *retained,
					  const uint32_t *nodes, size_t count)
{
	struct grf_container found = {.kind = GRF_CONTAINER_NONE};
	uint32_t last = count ? nodes[count - 1] : GRF_ROOT_ALL, place;

	if (grf_retained_is_root(retained, last))
		return found;
	place = grf_graph_kind(retained->graph, grf_retained_object(retained, last)).node;
	/* What a map is made of stands where the map does in the tree. */
	for (size_t i = count; i-- > 0 && !grf_retained_is_root(retained, nodes[i]);) {
		if (grf_graph_kind(retained->graph, grf_retained_object(retained, nodes[i])).node !=
		    place)
			break;
		if (grf_container_map(retained, nodes[i], &found))
			return found;
	}
	find_slice(retained, last, &found);
	return found;
}
