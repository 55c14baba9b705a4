/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accumulations: something owns a large part of the heap, and from there the way down comes to a
 * point where the size spreads out over many things of one kind. Where that point is a container
 * with very many entries, the suspect is the container.
 */
#include <string.h>

#include "base/log.h"
#include "base/units.h"
#include "graph/pair_map.h"
#include "views/suspects/suspects_private.h"
#include "views/owners/way_down.h"

/* A list that is owned element by element: no program nests one structure so deep otherwise. */
#define MANY_IN_CHAIN 1000u
/* They are of one kind where they have this share of the point. */
#define LIKE_SHARE 0.5
/* A tree has few children at each of its nodes, all of one type, and very many objects. */
#define TREE_SHARE   0.7
#define TREE_OBJECTS 10000u
/* Containers that are meant to hold few things hold no more, and one that grows comes to it soon.
 */
#define VERY_MANY 10000u

struct kind {
	const struct grf_type *type;
	uint64_t count, bytes;
};

/* What one node owns directly. */
struct below {
	struct looking *looking;
	uint32_t largest;
	uint64_t largest_bytes;
	uint64_t bytes; /* of the node */
	struct grf_pair_map index;
	GRF_ARRAY(struct kind) kinds;
	uint32_t latest;                /* 1 + index of that of the node before; 0: none */
	struct grf_container container; /* of them, the map with most entries */
};

struct looking {
	struct grf_suspecting *suspecting;
	const struct grf_retained *retained;
	uint64_t least;             /* bytes */
	GRF_ARRAY(uint32_t) starts; /* to be looked at from here down */
	bool no_memory;
};

/* What goroutines of a function are is one kind. */
static struct kind *kind_of(struct below *below, uint32_t node)
{
	const struct grf_retained *retained = below->looking->retained;
	bool root = grf_retained_is_root(retained, node);
	const struct grf_type *type = root ? NULL : grf_owner_type(retained, node);
	uint64_t second = root ? 1u + retained->roots.nodes.items[node].kind : 0;
	uint32_t index;
	struct kind *added;

	if (!root && below->latest && below->kinds.items[below->latest - 1].type == type)
		return &below->kinds.items[below->latest - 1];
	index = grf_pair_map_get(&below->index, (uintptr_t)type, second);
	if (index != GRF_PAIR_MAP_NONE) {
		below->latest = root ? 0 : index + 1;
		return &below->kinds.items[index];
	}
	index = (uint32_t)below->kinds.count;
	added = grf_array_add(&below->kinds);
	if (!added || !grf_pair_map_put(&below->index, (uintptr_t)type, second, index)) {
		below->looking->no_memory = true;
		return NULL;
	}
	added->type = type;
	return added;
}

static void visit_below(void *context, uint32_t node)
{
	struct below *below = context;
	const struct grf_retained *retained = below->looking->retained;
	uint64_t bytes = grf_retained_of(retained, node).bytes;
	struct grf_container container;
	struct kind *kind;

	if (below->looking->no_memory || node == GRF_ROOT_OF_DESCRIPTORS)
		return;
	if (bytes > below->largest_bytes) {
		below->largest_bytes = bytes;
		below->largest = node;
	}
	kind = kind_of(below, node);
	if (!kind)
		return;
	kind->count++;
	kind->bytes += bytes;
	if (grf_container_map(retained, node, &container) &&
	    container.entries > below->container.entries)
		below->container = container;
}

static void free_below(struct below *below)
{
	grf_pair_map_free(&below->index);
	grf_array_free(&below->kinds);
}

static void look_below(struct looking *looking, uint32_t node, struct below *ret)
{
	*ret = (struct below){.looking = looking,
			      .bytes = grf_retained_of(looking->retained, node).bytes};
	if (!grf_retained_children(looking->retained, node, visit_below, ret))
		looking->no_memory = true;
}

static const struct kind *largest_kind(const struct below *below)
{
	const struct kind *largest = NULL;

	for (size_t i = 0; i < below->kinds.count; i++)
		if (!largest || below->kinds.items[i].bytes > largest->bytes)
			largest = &below->kinds.items[i];
	return largest;
}

/* Adds the large ones of what a node owns to what is looked at. */
static void visit_branch(void *context, uint32_t node)
{
	struct looking *looking = context;
	uint32_t *added;

	if (node == GRF_ROOT_OF_DESCRIPTORS || node == GRF_ROOT_OF_RUNTIME ||
	    grf_retained_of(looking->retained, node).bytes < looking->least)
		return;
	added = grf_array_add(&looking->starts);
	if (added)
		*added = node;
	else
		looking->no_memory = true;
}

static struct grf_error *add_container(struct looking *looking, uint32_t node,
				       const struct grf_container *container)
{
	bool map = container->kind == GRF_CONTAINER_MAP;
	const struct grf_suspicion suspicion = {
	    .name = container->entries >= VERY_MANY ? "large-container" : "accumulation",
	    .node = node,
	    .size = grf_retained_of(looking->retained, node),
	    .count = container->entries,
	};

	if (map)
		return grf_suspect_add(looking->suspecting, &suspicion, "a map of %s entries",
				       grf_format_count_of(container->entries));
	return grf_suspect_add(
	    looking->suspecting, &suspicion, "a slice of %s elements, with room for %s",
	    grf_format_count_of(container->entries), grf_format_count_of(container->capacity));
}

/* What an array owns by pointers that none of its slices has: behind their end, as heap.Pop leaves
 * them, or before their beginning, as q = q[1:] does. */
struct part {
	struct grf_retained_size size;
	uint64_t count;
};

struct outside {
	const struct grf_retained *retained;
	const struct grf_container *container;
	struct part before, beyond;
};

static void visit_element(void *context, uint64_t address, uint64_t value)
{
	struct outside *outside = context;
	const struct grf_container *container = outside->container;
	struct part *part = address < container->begin ? &outside->before : &outside->beyond;
	uint32_t node;

	if ((address >= container->begin && address < container->end) ||
	    !grf_container_find(outside->retained, value, &node) ||
	    grf_retained_owner(outside->retained, node) != container->node ||
	    grf_retained_is_shared(outside->retained, node))
		return;
	grf_retained_add(&part->size, grf_retained_of(outside->retained, node));
	part->count++;
}

/* Whether what is outside is most of what the array holds. An object that several elements have
 * counts for each: then the sum may be too much, and says nothing. */
static bool is_most(const struct looking *looking, uint64_t bytes, uint64_t all)
{
	return bytes <= all && bytes >= looking->least && (double)bytes >= LIKE_SHARE * (double)all;
}

static struct grf_error *add_outside(struct looking *looking, const struct outside *outside,
				     bool before)
{
	const struct part *part = before ? &outside->before : &outside->beyond;
	const struct grf_suspicion suspicion = {
	    .name = before ? "before-slice" : "beyond-len",
	    .node = outside->container->node,
	    .size = part->size,
	    .count = part->count,
	};

	return grf_suspect_add(looking->suspecting, &suspicion,
			       "%s pointers %s of a slice (%s of %s) hold what nothing else does",
			       grf_format_count_of(suspicion.count),
			       before ? "before the beginning" : "beyond the length",
			       grf_format_count_of(outside->container->entries),
			       grf_format_count_of(outside->container->capacity));
}

/* Names the slice for what it does not show. */
static struct grf_error *check_outside(struct looking *looking,
				       const struct grf_container *container, bool *ret_named)
{
	const struct grf_retained *retained = looking->retained;
	uint64_t all = grf_retained_of(retained, container->node).bytes;
	struct outside outside = {.retained = retained, .container = container};
	bool before;

	if (!grf_retained_edges(retained, container->node, visit_element, &outside))
		return grf_error_no_memory();
	before = is_most(looking, outside.before.size.bytes, all);
	*ret_named = before || is_most(looking, outside.beyond.size.bytes, all);
	return *ret_named ? add_outside(looking, &outside, before) : NULL;
}

static struct grf_error *add_many(struct looking *looking, uint32_t node, const struct kind *kind)
{
	const struct grf_root_node *roots = looking->retained->roots.nodes.items;
	bool goroutines = grf_retained_is_root(looking->retained, node) &&
			  roots[node].kind == GRF_ROOT_NODE_FUNCTION;
	const struct grf_suspicion suspicion = {
	    .name = "accumulation",
	    .node = node,
	    .size = grf_retained_of(looking->retained, node),
	    .count = kind->count,
	};

	if (kind->type && grf_type_is_part(looking->retained->graph->model->types, kind->type))
		return grf_suspect_add(looking->suspecting, &suspicion, "a container in %s parts",
				       grf_format_count_of(kind->count));
	return grf_suspect_add(
	    looking->suspecting, &suspicion, "%s %s%s", grf_format_count_of(kind->count),
	    goroutines   ? "goroutines"
	    : kind->type ? "of "
			 : "",
	    goroutines ? "" : grf_owner_type_name(looking->retained, kind->type));
}

/* The kind that a node spreads out over. NULL: it does not. */
static const struct kind *spread_of(struct looking *looking, uint32_t node,
				    const struct below *below)
{
	const struct kind *kind = largest_kind(below);

	if (!kind)
		return NULL;
	if (kind->count >= GRF_SUSPECT_MANY &&
	    (double)kind->bytes >= LIKE_SHARE * (double)below->bytes)
		return kind;
	return kind->count > 1 && kind->type && !grf_retained_is_root(looking->retained, node) &&
		       (double)kind->bytes >= TREE_SHARE * (double)below->bytes &&
		       grf_retained_of(looking->retained, node).objects >= TREE_OBJECTS
		   ? kind
		   : NULL;
}

/* Judges the point that a way has come to. *ret_spreads: the size spreads out there. */
static struct grf_error *judge_point(struct looking *looking, const struct grf_owner_way *way,
				     const struct below *below, bool *ret_spreads)
{
	uint32_t node = way->nodes.items[way->nodes.count - 1];
	struct grf_container container =
	    grf_container_at_end(looking->retained, way->nodes.items, way->nodes.count);
	const struct kind *kind = spread_of(looking, node, below);

	if (below->container.entries >= VERY_MANY && kind)
		container = below->container;
	else if (container.kind == GRF_CONTAINER_MAP)
		node = container.node;
	if (container.kind == GRF_CONTAINER_SLICE) {
		struct grf_error *error = check_outside(looking, &container, ret_spreads);

		if (error || *ret_spreads)
			return error;
	}
	*ret_spreads =
	    kind || (container.kind == GRF_CONTAINER_MAP && container.entries >= GRF_SUSPECT_MANY);
	if (!*ret_spreads)
		return NULL;
	return container.kind != GRF_CONTAINER_NONE ? add_container(looking, node, &container)
						    : add_many(looking, node, kind);
}

/* Goes down from a node. The way has its nodes, and ret_below what the last one owns. A list ends
 * where what is left of it is not large any more. */
static void go_down(struct looking *looking, uint32_t node, struct grf_owner_way *way,
		    struct below *ret_below)
{
	while (!looking->no_memory) {
		uint32_t *added = grf_array_add(&way->nodes);

		if (!added) {
			looking->no_memory = true;
			break;
		}
		*added = node;
		look_below(looking, node, ret_below);
		if (way->nodes.count == GRF_OWNER_STEPS ||
		    ret_below->largest_bytes < looking->least ||
		    (double)ret_below->largest_bytes < GRF_WAY_SHARE * (double)ret_below->bytes)
			return;
		node = ret_below->largest;
		free_below(ret_below);
	}
}

/* Where the longest run of nodes of one type on the way begins. */
static size_t longest_run(const struct looking *looking, const struct grf_owner_way *way,
			  size_t *ret_length)
{
	size_t begin = 0, longest = 0;

	*ret_length = 0;
	for (size_t i = 0; i < way->nodes.count; i++) {
		uint32_t node = way->nodes.items[i];

		if (i == begin || grf_retained_is_root(looking->retained, node) ||
		    grf_owner_type(looking->retained, node) !=
			grf_owner_type(looking->retained, way->nodes.items[begin]))
			begin = i;
		if (i + 1 - begin > *ret_length) {
			*ret_length = i + 1 - begin;
			longest = begin;
		}
	}
	return longest;
}

static struct grf_error *add_chain(struct looking *looking, uint32_t node, uint64_t length)
{
	const struct grf_suspicion suspicion = {
	    .name = "accumulation",
	    .node = node,
	    .size = grf_retained_of(looking->retained, node),
	    .count = length,
	};

	return grf_suspect_add(
	    looking->suspecting, &suspicion, "a chain of %s of %s, and more",
	    grf_format_count_of(length),
	    grf_owner_type_name(looking->retained, grf_owner_type(looking->retained, node)));
}

static struct grf_error *look_from(struct looking *looking, uint32_t start)
{
	struct grf_owner_way way = {0};
	struct grf_error *error = NULL;
	struct below below = {0};
	bool spreads = false;
	size_t run, length;

	go_down(looking, start, &way, &below);
	if (!looking->no_memory) {
		run = longest_run(looking, &way, &length);
		if (length >= MANY_IN_CHAIN)
			error = add_chain(looking, way.nodes.items[run], length);
		else
			error = judge_point(looking, &way, &below, &spreads);
		if (!error && !spreads && length < MANY_IN_CHAIN &&
		    !grf_retained_children(looking->retained, way.nodes.items[way.nodes.count - 1],
					   visit_branch, looking))
			looking->no_memory = true;
	}
	free_below(&below);
	grf_array_free(&way.nodes);
	return error;
}

struct grf_error *grf_suspect_accumulations(struct grf_suspecting *suspecting)
{
	struct looking looking = {.suspecting = suspecting, .retained = suspecting->retained};
	struct grf_error *error = NULL;

	looking.least = grf_suspect_least(suspecting);
	if (!grf_retained_children(looking.retained, GRF_ROOT_ALL, visit_branch, &looking))
		looking.no_memory = true;
	/* No two of them own each other, so there are ten at a time at the most. */
	while (!error && !looking.no_memory && looking.starts.count) {
		if (grf_interrupted())
			error = grf_error_interrupted();
		else
			error = look_from(&looking, looking.starts.items[--looking.starts.count]);
	}
	grf_array_free(&looking.starts);
	return error || !looking.no_memory ? error : grf_error_no_memory();
}
