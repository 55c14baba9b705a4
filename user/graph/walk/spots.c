/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stores spots in blocks that never move, and creates the children of a spot when the walk first
 * needs them.
 */
#include "graph/walk/spots.h"

#include <stdlib.h>
#include <string.h>

void grf_spots_init(struct grf_spots *spots, struct grf_types *types,
		    struct grf_tree_builder *builder)
{
	*spots = (struct grf_spots){.types = types, .builder = builder, .count = 1};
}

void grf_spots_free(struct grf_spots *spots)
{
	for (uint32_t i = 0; i < spots->block_count; i++)
		free(spots->blocks[i]);
	free(spots->blocks);
	free(spots->pool);
	grf_pair_map_free(&spots->index);
	grf_pair_map_free(&spots->typed);
}

static bool add_block(struct grf_spots *spots)
{
	struct grf_spot **blocks, *block;

	if (spots->block_count > UINT32_MAX / GRF_SPOT_BLOCK / 2)
		return false;
	block = malloc(GRF_SPOT_BLOCK * sizeof(*block));
	blocks = realloc(spots->blocks, (spots->block_count + 1) * sizeof(struct grf_spot *));
	if (blocks)
		spots->blocks = blocks;
	if (!block || !blocks) {
		free(block);
		return false;
	}
	spots->blocks[spots->block_count++] = block;
	return true;
}

/*
 * Whether a type is runtime.g, m or p. All of them are in runtime.allgs, allm and allp, and each
 * leads to the others. A channel that a goroutine waits for, or a timer, points to one of them
 * without keeping it alive. So they are reached from the runtime's own roots alone.
 */
static bool is_scheduler_type(const struct grf_type *type)
{
	static const char *const names[] = {"runtime.g", "runtime.m", "runtime.p",
					    "runtime.timers"};

	return grf_type_is_one_of(type, names, sizeof(names) / sizeof(*names));
}

/* Whether a type is that of the lists in which a sync.Pool has its items. */
static bool is_pool_type(const struct grf_type *type)
{
	return type && !strcmp(type->name, "sync.poolLocal");
}

static uint64_t spot_place(uint32_t node, enum grf_content content, bool inferred)
{
	return (uint64_t)node << 3 | (uint64_t)inferred << 2 | content;
}

static uint32_t known_spot(const struct grf_spots *spots, uint64_t place,
			   const struct grf_type *type)
{
	uint32_t id = grf_pair_map_get(&spots->index, place, (uintptr_t)type);

	return id == GRF_PAIR_MAP_NONE ? 0 : id;
}

uint32_t grf_spot_known(const struct grf_spots *spots, uint32_t node, const struct grf_type *type,
			enum grf_content content)
{
	return known_spot(spots, spot_place(node, content, false), type);
}

static uint32_t get_spot(struct grf_spots *spots, uint32_t node, struct grf_type *type,
			 enum grf_content content, bool inferred)
{
	uint64_t place = spot_place(node, content, inferred);
	uint32_t id = known_spot(spots, place, type);

	if (id)
		return id;
	if (spots->count / GRF_SPOT_BLOCK >= spots->block_count && !add_block(spots))
		return 0;
	id = spots->count;
	spots->blocks[id / GRF_SPOT_BLOCK][id % GRF_SPOT_BLOCK] = (struct grf_spot){
	    .type = type,
	    .node = node,
	    .content = (uint8_t)content,
	    .scheduler = is_scheduler_type(type),
	    .pooled = is_pool_type(type),
	    .timer = type && content == GRF_CONTENT_ONE && grf_type_is_timer(type),
	    .inferred = inferred,
	};
	if (!grf_pair_map_put(&spots->index, place, (uintptr_t)type, id))
		return 0;
	spots->count++;
	if (type)
		grf_type_plan(spots->types, type);
	return id;
}

uint32_t grf_spot_get(struct grf_spots *spots, uint32_t node, struct grf_type *type,
		      enum grf_content content)
{
	return get_spot(spots, node, type, content, false);
}

uint32_t grf_spot_get_inferred(struct grf_spots *spots, uint32_t node, struct grf_type *type,
			       enum grf_content content)
{
	return get_spot(spots, node, type, content, true);
}

static uint32_t children_of(struct grf_spots *spots, const struct grf_spot *spot)
{
	switch (spot->content) {
	case GRF_CONTENT_ARRAY:
		if (!spot->type->array_unnamed)
			grf_type_element_names(spots->types, spot->type);
		return spot->type->array_unnamed ? 1 : GRF_ELEMENT_NAMES;
	case GRF_CONTENT_POINTERS:
		return 1;
	default:
		return spot->type->child_count;
	}
}

bool grf_spot_prepare(struct grf_spots *spots, uint32_t id)
{
	struct grf_spot *spot = grf_spot_at(spots, id);
	uint32_t wanted;

	if (spot->children || !spot->type)
		return true;
	wanted = children_of(spots, spot);
	if (!spots->pool_count)
		spots->pool_count = 1;
	if (wanted >= UINT32_MAX / 2 - spots->pool_count)
		return false;
	if (spots->pool_count + wanted > spots->pool_capacity) {
		uint32_t capacity = (spots->pool_count + wanted) * 2;
		uint32_t *pool = realloc(spots->pool, capacity * sizeof(*pool));

		if (!pool)
			return false;
		spots->pool = pool;
		spots->pool_capacity = capacity;
	}
	memset(&spots->pool[spots->pool_count], 0, wanted * sizeof(*spots->pool));
	spot->children = spots->pool_count;
	spots->pool_count += wanted;
	return true;
}

/* What a nameless element below a node is called after. NULL: nothing. */
static const char *named_above(const struct grf_spots *spots, uint32_t node)
{
	const struct grf_tree_node *nodes = spots->builder->tree->nodes;

	for (; nodes[node].parent != GRF_TREE_NONE; node = nodes[node].parent) {
		const struct grf_element *about = grf_element_of(spots->types, nodes[node].name);

		if (about && (about->renamed || about->named))
			return about->renamed || about->nameless ? NULL : about->named;
	}
	return nodes[node].name;
}

/* The element that a step of a path adds below a node. NULL: out of memory. */
static const char *element_below(struct grf_spots *spots, uint32_t node, const char *element)
{
	const struct grf_element *about = grf_element_of(spots->types, element);
	const char *above = about && about->nameless ? named_above(spots, node) : NULL;

	return above ? grf_element_below(spots->types, element, above) : element;
}

uint32_t grf_spot_make_child(struct grf_spots *spots, uint32_t id, uint32_t child,
			     const char *const *path, uint32_t path_length, struct grf_type *type,
			     enum grf_content content)
{
	uint32_t node = grf_spot_at(spots, id)->node, made;

	for (uint32_t i = 0; i < path_length; i++) {
		const char *element = element_below(spots, node, path[i]);

		node = element ? grf_tree_child(spots->builder, node, element) : GRF_TREE_NONE;
		if (node == GRF_TREE_NONE)
			return 0;
	}
	made = grf_spot_get(spots, node, type, content);
	if (made)
		spots->pool[grf_spot_at(spots, id)->children + child] = made;
	return made;
}

uint32_t grf_spot_element(struct grf_spots *spots, uint32_t id, int64_t index)
{
	const struct grf_spot *spot = grf_spot_at(spots, id);
	uint32_t child = grf_spot_element_child(spot, index);
	const char *const *names = spot->type->array_unnamed ? NULL : spot->type->element_names;

	return grf_spot_make_child(spots, id, child, names ? &names[child] : NULL, names ? 1 : 0,
				   spot->type, GRF_CONTENT_ONE);
}

/* The node in place of `node` whose element has the type in it. GRF_TREE_NONE: out of memory. */
static uint32_t typed_node(struct grf_spots *spots, uint32_t node, const char *type)
{
	const struct grf_tree_node *at = &spots->builder->tree->nodes[node];
	uint32_t known, typed = node;
	const char *name;

	if (!type || at->parent == GRF_TREE_NONE)
		return node;
	known = grf_pair_map_get(&spots->typed, node, (uintptr_t)type);
	if (known != GRF_PAIR_MAP_NONE)
		return known;
	name = grf_element_with_type(spots->types, at->name, type);
	if (name)
		typed = grf_tree_child(spots->builder, at->parent, name);
	if (typed == GRF_TREE_NONE ||
	    !grf_pair_map_put(&spots->typed, node, (uintptr_t)type, typed))
		return GRF_TREE_NONE;
	return typed;
}

uint32_t grf_spot_dynamic(struct grf_spots *spots, uint32_t id, const void *key,
			  struct grf_type *type, const char *name)
{
	struct grf_spot *spot = grf_spot_at(spots, id);

	if (!type && !name)
		return id;
	if (spot->dynamic_key != key || !spot->dynamic_spot) {
		uint32_t node = typed_node(spots, spot->node, name), made = id;

		if (type || node != spot->node)
			made = node == GRF_TREE_NONE
				   ? 0
				   : grf_spot_get(spots, node, type, GRF_CONTENT_ONE);
		if (!made)
			return 0;
		spot = grf_spot_at(spots, id);
		spot->dynamic_key = key;
		spot->dynamic_spot = made;
	}
	return spot->dynamic_spot;
}

uint32_t grf_spot_dynamic_known(const struct grf_spots *spots, uint32_t id, const void *key,
				const struct grf_type *type, const char *name)
{
	const struct grf_spot *spot = grf_spot_at(spots, id);
	uint32_t node = spot->node;

	if (!type && !name)
		return id;
	if (spot->dynamic_key == key && spot->dynamic_spot)
		return spot->dynamic_spot;
	if (name && spots->builder->tree->nodes[node].parent != GRF_TREE_NONE)
		node = grf_pair_map_get(&spots->typed, node, (uintptr_t)name);
	if (node == GRF_TREE_NONE)
		return 0;
	return type || node != spot->node ? grf_spot_known(spots, node, type, GRF_CONTENT_ONE) : id;
}

uint32_t grf_spot_sub_objects(struct grf_spots *spots, uint32_t id)
{
	uint32_t node =
	    grf_tree_child(spots->builder, grf_spot_at(spots, id)->node, grf_sub_objects_name);

	return node == GRF_TREE_NONE ? 0 : grf_spot_get(spots, node, NULL, GRF_CONTENT_ONE);
}
