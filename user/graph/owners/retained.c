/* SPDX-License-Identifier: BSD-2-Clause */
/* Adds up what owners retain, and finds the objects and bytes of an owner that has no entry. */
#include "graph/owners/retained.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "graph/owners/retained_private.h"
#include "graph/plan_mask.h"

/* An entry's number of those that it waits for: it is added to its owner. */
#define DONE GRF_NODE_NONE

/* How many objects ahead it is looked for where what is known of their owner stands. */
#define PREFETCH_AHEAD 16

/* So many numbers are sorted without a function to compare two. */
#define FEW 32

static uint32_t entry_of(const struct grf_retained *retained, uint32_t node)
{
	return grf_ranked_set_rank(&retained->tall, node);
}

/* Numbers that an entry needs for what all objects have together. */
static uint32_t words_of_entries(const struct grf_heap *heap)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < heap->span_count; i++)
		bytes += heap->spans[i].slot_count * heap->spans[i].element_size;
	return bytes / GRF_RETAINED_GRAIN > UINT32_MAX ? GRF_RETAINED_HIGH + 1 : GRF_RETAINED_HIGH;
}

/* Finds who owns an owner, and makes entries for them. */
static bool make_entries(struct grf_retained *retained)
{
	uint64_t ids = retained->graph->model->heap->object_ids;
	_cleanup_free_ uint64_t *owning = calloc(retained->node_count / 64 + 1, sizeof(*owning));

	if (!owning || !grf_ranked_set_create(&retained->tall, retained->node_count))
		return false;
	for (uint64_t id = 0; id < ids; id++) {
		uint32_t owner = grf_node_number(&retained->owners, id);

		if (owner != GRF_NODE_NONE)
			grf_bit_set(owning, owner);
	}
	for (uint32_t root = 0; root < retained->roots.nodes.count; root++)
		grf_ranked_set_add(&retained->tall, root);
	for (uint64_t id = 0; id < ids; id++)
		if (grf_bit(owning, grf_retained_node(retained, id)) &&
		    grf_node_number(&retained->owners, id) != GRF_NODE_NONE)
			grf_ranked_set_add(&retained->tall, grf_node_number(&retained->owners, id));
	retained->entry_words = words_of_entries(retained->graph->model->heap);
	retained->entries =
	    calloc(((size_t)grf_ranked_set_count(&retained->tall) + 1) * retained->entry_words,
		   sizeof(*retained->entries));
	return retained->entries;
}

static void wait_for_more(struct grf_node_numbers *waits, uint64_t entry, int more)
{
	grf_node_number_set(waits, entry, grf_node_number(waits, entry) + (uint32_t)more);
}

/* Where an object counts: at the nearest node up from it that has an entry, itself, its owner, or
 * the owner of that. */
static uint32_t counted_at(const struct grf_retained *retained, uint64_t id)
{
	uint32_t node = grf_retained_node(retained, id),
		 owner = grf_node_number(&retained->owners, id);

	if (grf_ranked_set_has(&retained->tall, node))
		return node;
	return grf_ranked_set_has(&retained->tall, owner) ? owner
							  : grf_retained_owner(retained, owner);
}

/* Objects on their way to being counted: the cache has neither their owners nor the entries. */
struct counting {
	struct grf_retained *retained;
	struct grf_node_numbers *waits;
	uint64_t near;                    /* ids below it have an entry here: */
	uint32_t entries[PREFETCH_AHEAD]; /* by id, in turn; of what is reached */
};

/* Asks for what will be needed of the owner of an object. */
static void ask_for_owner(const struct counting *counting, uint64_t id)
{
	const struct grf_retained *retained = counting->retained;
	uint32_t owner = id < retained->graph->model->heap->object_ids
			     ? grf_node_number(&retained->owners, id)
			     : GRF_NODE_NONE;

	if (owner != GRF_NODE_NONE && !grf_retained_is_root(retained, owner))
		grf_node_number_prefetch(&retained->owners, grf_retained_object(retained, owner));
}

/* Finds the entries of the next objects, up to `end`. */
static void find_entries(struct counting *counting, uint64_t end)
{
	struct grf_retained *retained = counting->retained;

	for (; counting->near < end; counting->near++) {
		uint32_t entry;

		ask_for_owner(counting, counting->near + PREFETCH_AHEAD);
		if (grf_node_number(&retained->owners, counting->near) == GRF_NODE_NONE)
			continue;
		entry = entry_of(retained, counted_at(retained, counting->near));
		counting->entries[counting->near % PREFETCH_AHEAD] = entry;
		__builtin_prefetch(retained->entries + (size_t)entry * retained->entry_words, 1);
	}
}

static void count_span(struct counting *counting, const struct grf_span *span)
{
	struct grf_retained *retained = counting->retained;
	uint64_t ids = retained->graph->model->heap->object_ids;

	for (uint32_t slot = 0; slot < span->slot_count; slot++) {
		uint64_t id = span->first_object + slot;
		uint32_t node = grf_retained_node(retained, id);

		find_entries(counting, id + PREFETCH_AHEAD < ids ? id + PREFETCH_AHEAD : ids);
		if (grf_node_number(&retained->owners, id) == GRF_NODE_NONE)
			continue;
		if (grf_ranked_set_has(&retained->tall, node))
			wait_for_more(counting->waits,
				      entry_of(retained, grf_retained_owner(retained, node)), 1);
		grf_retained_entry_add(retained, counting->entries[id % PREFETCH_AHEAD],
				       (struct grf_retained_size){span->element_size, 1});
		retained->objects++;
		retained->bytes += span->element_size;
	}
}

/* Adds a node to its owner when all that it waits for has been added to it, and so on. */
static void add_up_from(struct grf_retained *retained, struct grf_node_numbers *waits,
			uint32_t node)
{
	uint32_t rank = grf_ranked_set_rank(&retained->tall, node), above;

	for (; node != GRF_ROOT_ALL && !grf_node_number(waits, rank); rank = above) {
		grf_node_number_set(waits, rank, DONE);
		node = grf_retained_owner(retained, node);
		above = grf_ranked_set_rank(&retained->tall, node);
		grf_retained_entry_add(retained, above, grf_retained_entry(retained, rank));
		wait_for_more(waits, above, -1);
	}
}

static void add_up_all(struct grf_retained *retained, struct grf_node_numbers *waits)
{
	const struct grf_heap *heap = retained->graph->model->heap;
	struct counting counting = {.retained = retained, .waits = waits};

	for (size_t i = 0; i < heap->span_count; i++)
		count_span(&counting, &heap->spans[i]);
	for (uint32_t root = 1; root < retained->roots.nodes.count; root++)
		wait_for_more(waits, entry_of(retained, retained->roots.nodes.items[root].parent),
			      1);
	for (uint64_t word = 0; word < retained->tall.words; word++)
		for (uint64_t left = retained->tall.bits[word]; left; left &= left - 1)
			add_up_from(retained, waits,
				    (uint32_t)(word * 64 + (uint64_t)__builtin_ctzll(left)));
	retained->unheld += retained->objects -
			    grf_retained_entry(retained, entry_of(retained, GRF_ROOT_ALL)).objects;
}

/* Adds up what is retained. False: out of memory. */
static bool add_up(struct grf_retained *retained)
{
	/* By entry: for how many others it waits. */
	struct grf_node_numbers waits;

	if (!grf_node_numbers_create(&waits, retained->tall.count, retained->node_count))
		return false;
	for (uint32_t i = 0; i < retained->tall.count; i++)
		grf_node_number_set(&waits, i, 0);
	add_up_all(retained, &waits);
	grf_node_numbers_free(&waits);
	return true;
}

/* Sorts ids by one of the two digits of their owners, from `from` to `to`, and leaves others of the
 * same digit in their order. `ends` is room for a number for each digit. */
static void sort_by_digit(const struct grf_retained *retained, const uint32_t *from, uint32_t *to,
			  bool high, uint32_t *ends)
{
	uint32_t bits = retained->owners.width * 4, mask = (1u << bits) - 1, sum = 0;
	uint32_t shift = high ? bits : 0;

	memset(ends, 0, ((size_t)mask + 1) * sizeof(*ends));
	for (uint32_t i = 0; i < retained->shared_count; i++)
		ends[grf_node_number(&retained->owners, from[i]) >> shift & mask]++;
	for (uint32_t i = 0; i <= mask; i++)
		ends[i] = sum += ends[i];
	for (uint32_t i = retained->shared_count; i-- > 0;)
		to[--ends[grf_node_number(&retained->owners, from[i]) >> shift & mask]] = from[i];
}

/* The shared objects by owner. */
static bool sort_shared(struct grf_retained *retained)
{
	uint64_t ids = retained->graph->model->heap->object_ids;
	_cleanup_free_ uint32_t *buffer = NULL;
	_cleanup_free_ uint32_t *ends = calloc(1u << retained->owners.width * 4, sizeof(*ends));
	uint32_t count = 0;

	for (uint64_t id = 0; id < ids; id++)
		count += grf_bit(retained->shared, id);
	retained->shared_ids = calloc((size_t)count + 1, sizeof(*buffer));
	buffer = calloc((size_t)count + 1, sizeof(*buffer));
	if (!retained->shared_ids || !buffer || !ends)
		return false;
	for (uint64_t id = 0; id < ids; id++)
		if (grf_bit(retained->shared, id))
			retained->shared_ids[retained->shared_count++] = (uint32_t)id;
	sort_by_digit(retained, retained->shared_ids, buffer, false, ends);
	sort_by_digit(retained, buffer, retained->shared_ids, true, ends);
	return true;
}

/* Fills in `span_at`. False: out of memory. */
static bool index_spans(struct grf_retained *retained)
{
	const struct grf_heap *heap = retained->graph->model->heap;
	uint64_t count = heap->object_ids / GRF_RETAINED_IDS + 1;
	size_t span = 0;

	retained->span_at = malloc((count + 1) * sizeof(*retained->span_at));
	if (!retained->span_at)
		return false;
	for (uint64_t i = 0; i <= count; i++) {
		while (span + 1 < heap->span_count &&
		       heap->spans[span + 1].first_object <= i * GRF_RETAINED_IDS)
			span++;
		retained->span_at[i] = (uint32_t)span;
	}
	return true;
}

static struct grf_error *make_retained(struct grf_retained *retained)
{
	uint64_t ids = retained->graph->model->heap->object_ids, began = grf_now();
	struct grf_holdings holdings;
	struct grf_error *error;

	if (ids > GRF_OWNER_MAX / 2)
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					"owners of more than 2^31 objects are not looked for");
	error = grf_root_nodes_collect(retained->graph, &retained->roots);
	if (error)
		return error;
	retained->node_count = (uint32_t)(retained->roots.nodes.count + ids);
	error = grf_holdings_create(retained->graph, &holdings)
		    ? grf_retained_find_owners(retained, &holdings)
		    : grf_error_no_memory();
	grf_holdings_free(&holdings);
	if (error)
		return error;
	/* What the search had is not needed any more, and it was a lot. */
	malloc_trim(0);
	grf_debug("owners: found after %.3f s", (double)(grf_now() - began) / 1e9);
	if (!make_entries(retained) || !add_up(retained) || !sort_shared(retained) ||
	    !index_spans(retained))
		return grf_error_no_memory();
	grf_debug("owners: %zu roots, %u shared objects, %llu not held; %.3f s",
		  retained->roots.nodes.count, retained->shared_count,
		  (unsigned long long)retained->unheld, (double)(grf_now() - began) / 1e9);
	return NULL;
}

struct grf_error *grf_retained_create(const struct grf_graph *graph, struct grf_retained **ret)
{
	struct grf_retained *retained = calloc(1, sizeof(*retained));
	struct grf_error *error;

	assert(grf_places_kept(&graph->places) && "made with places");
	if (!retained)
		return grf_error_no_memory();
	retained->graph = graph;
	error = make_retained(retained);
	if (error)
		grf_retained_destroy(retained);
	else
		*ret = retained;
	return error;
}

void grf_retained_destroy(struct grf_retained *retained)
{
	if (!retained)
		return;
	grf_root_nodes_free(&retained->roots);
	grf_ranked_set_free(&retained->tall);
	grf_node_numbers_free(&retained->owners);
	free(retained->shared);
	grf_array_free(&retained->tallies);
	free(retained->entries);
	free(retained->shared_ids);
	free(retained->span_at);
	free(retained);
}

const struct grf_span *grf_retained_span(const struct grf_retained *retained, uint32_t node)
{
	const struct grf_heap *heap = retained->graph->model->heap;
	uint64_t id = grf_retained_object(retained, node);
	size_t low = retained->span_at[id / GRF_RETAINED_IDS];
	size_t high = retained->span_at[id / GRF_RETAINED_IDS + 1] + 1ul;

	assert(id < heap->object_ids);
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (heap->spans[middle].first_object <= id)
			low = middle;
		else
			high = middle;
	}
	return &heap->spans[low];
}

/* What an object holds, as its edges give it: first addresses, then ids. What is looked at next of
 * each is asked for at once, as the cache has none of it. */
struct held_nodes {
	const struct grf_retained *retained;
	GRF_ARRAY(uint64_t) items;
	bool no_memory;
};

static bool is_held_alone(const struct grf_retained *retained, uint32_t owner, uint64_t id)
{
	return grf_node_number(&retained->owners, id) == owner && !grf_bit(retained->shared, id);
}

static void visit_edge(void *context, uint64_t address, uint64_t value)
{
	struct held_nodes *held = context;
	const struct grf_span *span = grf_heap_span(held->retained->graph->model->heap, value);
	uint64_t *added;

	(void)address;
	if (!span)
		return;
	__builtin_prefetch(span);
	__builtin_prefetch(&span->slot_count);
	added = grf_array_add(&held->items);
	if (added)
		*added = value;
	else
		held->no_memory = true;
}

/* Makes addresses ids. */
static void find_ids(struct held_nodes *held)
{
	const struct grf_graph *graph = held->retained->graph;
	size_t kept = 0;

	for (size_t i = 0; i < held->items.count; i++) {
		uint64_t value = held->items.items[i], id;
		const struct grf_span *span = grf_heap_span(graph->model->heap, value);
		uint32_t slot;

		if (!grf_span_find(span, value, &slot))
			continue;
		id = span->first_object + slot;
		grf_node_number_prefetch(&held->retained->owners, id);
		grf_places_prefetch(&graph->places, id);
		held->items.items[kept++] = id;
	}
	held->items.count = kept;
}

static int by_number(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

/* Most objects hold few others. */
static void sort_numbers(uint64_t *numbers, size_t count)
{
	if (count > FEW) {
		qsort(numbers, count, sizeof(*numbers), by_number);
		return;
	}
	for (size_t i = 1; i < count; i++) {
		uint64_t number = numbers[i];
		size_t at = i;

		for (; at && numbers[at - 1] > number; at--)
			numbers[at] = numbers[at - 1];
		numbers[at] = number;
	}
}

/* Leaves the ids of what `owner` alone holds, each once and in order. */
static void keep_held_alone(struct held_nodes *held, uint32_t owner)
{
	uint64_t *ids = held->items.items;
	size_t kept = 0, apart = 0;
	bool sorted = true;

	for (size_t i = 0; i < held->items.count; i++)
		if (is_held_alone(held->retained, owner, ids[i])) {
			sorted &= !kept || ids[kept - 1] <= ids[i];
			ids[kept++] = ids[i];
		}
	if (!sorted)
		sort_numbers(ids, kept);
	for (size_t i = 0; i < kept; i++)
		if (!apart || ids[apart - 1] != ids[i])
			ids[apart++] = ids[i];
	held->items.count = apart;
}

static bool visit_held_by_object(const struct grf_retained *retained, uint32_t owner,
				 grf_node_visit *visit, void *context)
{
	struct held_nodes held = {.retained = retained};
	const struct grf_span *span = grf_retained_span(retained, owner);
	bool found;

	if (span->pointer_layout == GRF_POINTERS_NONE)
		return true;
	found = grf_retained_edges(retained, owner, visit_edge, &held) && !held.no_memory;
	find_ids(&held);
	keep_held_alone(&held, owner);
	for (size_t i = 0; found && i < held.items.count; i++)
		visit(context, grf_retained_node(retained, held.items.items[i]));
	grf_array_free(&held.items);
	return found;
}

/* Index of the first edge of a root, or of the first one behind where it would stand. */
static size_t first_edge(const struct grf_root_nodes *roots, uint32_t root)
{
	size_t low = 0, high = roots->edges.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (roots->edges.items[middle].root < root)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void visit_held_by_root(const struct grf_retained *retained, uint32_t owner,
			       grf_node_visit *visit, void *context)
{
	const struct grf_root_nodes *roots = &retained->roots;

	for (uint32_t i = roots->first_child[owner]; i < roots->first_child[owner + 1]; i++)
		visit(context, roots->children[i]);
	for (size_t i = first_edge(roots, owner);
	     i < roots->edges.count && roots->edges.items[i].root == owner; i++)
		if (is_held_alone(retained, owner, roots->edges.items[i].object))
			visit(context, grf_retained_node(retained, roots->edges.items[i].object));
}

/* Index of the first shared object of an owner, or of one behind it. */
static uint32_t first_shared(const struct grf_retained *retained, uint32_t owner)
{
	uint32_t low = 0, high = retained->shared_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (grf_node_number(&retained->owners, retained->shared_ids[middle]) < owner)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool grf_retained_children(const struct grf_retained *retained, uint32_t owner,
			   grf_node_visit *visit, void *context)
{
	if (grf_retained_is_root(retained, owner))
		visit_held_by_root(retained, owner, visit, context);
	else if (!visit_held_by_object(retained, owner, visit, context))
		return false;
	for (uint32_t i = first_shared(retained, owner);
	     i < retained->shared_count &&
	     grf_node_number(&retained->owners, retained->shared_ids[i]) == owner;
	     i++)
		visit(context, grf_retained_node(retained, retained->shared_ids[i]));
	return true;
}

struct sum {
	const struct grf_retained *retained;
	struct grf_retained_size size;
};

/* Adds an object that owns nothing. */
static void add_object(void *context, uint32_t node)
{
	struct sum *sum = context;

	sum->size.bytes += grf_retained_span(sum->retained, node)->element_size;
	sum->size.objects++;
}

struct grf_retained_size grf_retained_of(const struct grf_retained *retained, uint32_t node)
{
	struct sum sum = {.retained = retained};

	if (grf_ranked_set_has(&retained->tall, node))
		return grf_retained_entry(retained, entry_of(retained, node));
	add_object(&sum, node);
	grf_retained_children(retained, node, add_object, &sum);
	return sum.size;
}
