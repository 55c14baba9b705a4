/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools (sync.Pool) that keep a large part of the heap, though nobody uses what is in them: what is
 * put back keeps the capacity that the largest use of it needed.
 */
#include "base/units.h"
#include "graph/pair_map.h"
#include "views/suspects/suspects_private.h"

/* Of what a pool is made (sync/pool.go and sync/poolqueue.go, all releases): an array with an entry
 * for each processor, and queues. Items stand in the entries, and in arrays of interfaces. */
static const char *const parts[] = {"sync.poolLocal", "sync.eface", "sync.poolChainElt"};
/* Each queue of an entry is twice as long as the one before, and the longest has 2^30 items. */
#define MAX_PARTS 64u

struct pool {
	uint32_t array;       /* node: that of now, or of before the last collection */
	uint64_t array_bytes; /* what the larger one retains */
	struct grf_retained_size size;
	uint64_t items;
	uint64_t room; /* bytes that their slices have room for */
};

struct pooling {
	const struct grf_retained *retained;
	GRF_ARRAY(struct pool) pools;
	struct grf_pair_map index; /* (owner, 0) -> index */
	uint32_t part;             /* the node at hand, */
	size_t pool;               /* and of which pool it is */
	bool no_memory;
};

static bool is_part(const struct grf_object_kind *kind)
{
	return grf_type_is_one_of(kind->type, parts, sizeof(parts) / sizeof(*parts));
}

static bool is_part_node(const struct grf_retained *retained, uint32_t node)
{
	struct grf_object_kind kind;

	if (grf_retained_is_root(retained, node))
		return false;
	kind = grf_graph_kind(retained->graph, grf_retained_object(retained, node));
	return is_part(&kind);
}

/* The array that a part hangs from. GRF_NODE_NONE: it is too far up for a pool. */
static uint32_t array_of(const struct grf_retained *retained, uint32_t node)
{
	for (unsigned int i = 0; i < MAX_PARTS; i++) {
		uint32_t owner = grf_retained_owner(retained, node);

		if (!is_part_node(retained, owner))
			return node;
		node = owner;
	}
	return GRF_NODE_NONE;
}

/* Finds the pool of an array: it has two. False: out of memory. */
static bool find_pool(struct pooling *pooling, uint32_t array, size_t *ret)
{
	uint32_t owner = grf_retained_owner(pooling->retained, array), index;

	/* Where several things hold the pool, the array stands for it. */
	if (owner == GRF_ROOT_ALL)
		owner = array;
	index = grf_pair_map_get(&pooling->index, owner, 0);
	if (index == GRF_PAIR_MAP_NONE) {
		index = (uint32_t)pooling->pools.count;
		if (!grf_array_add(&pooling->pools) ||
		    !grf_pair_map_put(&pooling->index, owner, 0, index))
			return false;
	}
	*ret = index;
	return true;
}

static void add_array(struct pooling *pooling, struct pool *pool, uint32_t array)
{
	struct grf_retained_size size = grf_retained_of(pooling->retained, array);

	if (size.bytes > pool->array_bytes) {
		pool->array_bytes = size.bytes;
		pool->array = array;
	}
	grf_retained_add(&pool->size, size);
}

/* Adds the slices of an item, as far as they are of objects of their own. */
static void add_slices(const struct grf_retained *retained, uint32_t item, struct pool *pool)
{
	const struct grf_type *type = grf_owner_type(retained, item);
	uint64_t room;
	const uint8_t *memory = grf_container_value(retained, item, &room);

	for (uint32_t i = 0; memory && type && i < type->slot_count; i++) {
		const struct grf_slot *slot = &type->slots[i];
		struct grf_container_slice slice;
		uint32_t array;

		if (slot->offset <= room && room - slot->offset >= GRF_SLICE_SIZE &&
		    grf_container_find(retained, grf_load_u64(memory + slot->offset), &array) &&
		    grf_container_slice(slot, memory + slot->offset,
					grf_container_address(retained, array),
					grf_retained_span(retained, array)->element_size, &slice))
			pool->room += slice.capacity * slice.element;
	}
}

static void visit_item(void *context, uint64_t address, uint64_t value)
{
	struct pooling *pooling = context;
	const struct grf_retained *retained = pooling->retained;
	struct pool *pool = &pooling->pools.items[pooling->pool];
	uint32_t node;

	(void)address;
	if (!grf_container_find(retained, value, &node) || is_part_node(retained, node) ||
	    grf_retained_owner(retained, node) != pooling->part)
		return;
	pool->items++;
	add_slices(retained, node, pool);
}

static void visit_part(void *context, uint32_t node)
{
	struct pooling *pooling = context;
	const struct grf_retained *retained = pooling->retained;
	uint32_t array = array_of(retained, node);

	if (array == GRF_NODE_NONE || pooling->no_memory)
		return;
	if (!find_pool(pooling, array, &pooling->pool)) {
		pooling->no_memory = true;
		return;
	}
	if (node == array)
		add_array(pooling, &pooling->pools.items[pooling->pool], array);
	pooling->part = node;
	if (!grf_retained_edges(retained, node, visit_item, pooling))
		pooling->no_memory = true;
}

static struct grf_error *add_pool(struct grf_suspecting *suspecting, const struct pool *pool)
{
	const struct grf_suspicion suspicion = {
	    .name = "pool",
	    .node = pool->array,
	    .size = pool->size,
	    .count = pool->items,
	};

	return grf_suspect_add(
	    suspecting, &suspicion,
	    "a pool of %s items that nobody uses now, with slices that have room "
	    "for %s",
	    grf_format_count_of(pool->items), grf_format_bytes(pool->room));
}

struct grf_error *grf_suspect_pools(struct grf_suspecting *suspecting)
{
	struct pooling pooling = {.retained = suspecting->retained};
	struct grf_error *error = grf_suspect_objects(suspecting, is_part, visit_part, &pooling);

	if (!error && pooling.no_memory)
		error = grf_error_no_memory();
	for (size_t i = 0; !error && i < pooling.pools.count; i++) {
		const struct pool *pool = &pooling.pools.items[i];

		if (pool->size.bytes >= grf_suspect_least(suspecting))
			error = add_pool(suspecting, pool);
	}
	grf_pair_map_free(&pooling.index);
	grf_array_free(&pooling.pools);
	return error;
}
