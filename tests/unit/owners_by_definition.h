/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owners and retained sizes against their definition: of all roots and objects and of every edge
 * between them, nothing folded, dominators by iteration to a fixed point (Cooper, Harvey and
 * Kennedy, "A Simple, Fast Dominance Algorithm", 2001).
 */
#ifndef GRF_TESTS_OWNERS_BY_DEFINITION_H
#define GRF_TESTS_OWNERS_BY_DEFINITION_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "graph/owners/retained.h"

/* Tallies are compared with each edge: of so many. */
#define FEW_EDGES 10000u

struct definition_edge {
	uint32_t from, to;
};

static struct definition {
	const struct grf_graph *graph;
	const struct grf_retained *retained;
	uint32_t count;
	uint32_t holder;
	GRF_ARRAY(struct definition_edge) edges;
	uint32_t *first, *targets;      /* from */
	uint32_t *first_back, *sources; /* to */
	uint32_t *order;                /* nodes in postorder, the root last */
	uint32_t *number;               /* of a node in that order; GRF_NODE_NONE */
	uint32_t reached;
	uint32_t *owner;
	struct grf_retained_size *sizes;
	uint8_t *descriptors; /* by node: one of the runtime's */
	uint8_t *rooted;      /* by object: a root leads there */
	uint64_t seen;        /* children that were visited */
	uint32_t parent;
	unsigned int differences;
} by_definition;

static void *zeroed(size_t count, size_t size)
{
	void *memory = calloc(count + 2, size);

	if (!memory)
		abort();
	return memory;
}

static void differ(const char *what, uint32_t node, uint64_t is, uint64_t expected)
{
	if (by_definition.differences++ < 10)
		fprintf(stderr, "%s of node %u: %llu, not %llu\n", what, node,
			(unsigned long long)is, (unsigned long long)expected);
}

static void add_definition_edge(uint32_t from, uint32_t to)
{
	struct definition_edge *edge = grf_array_add(&by_definition.edges);

	if (!edge)
		abort();
	edge->from = from;
	edge->to = to;
}

/* The node that a pointer leads to; GRF_NODE_NONE: to nothing that is reached. */
static uint32_t definition_node(uint64_t value)
{
	const struct grf_span *span;
	uint32_t slot;

	if (!grf_heap_find(by_definition.graph->model->heap, value, &span, &slot) ||
	    !grf_graph_reached(by_definition.graph, span->first_object + slot))
		return GRF_NODE_NONE;
	return (uint32_t)(by_definition.retained->roots.nodes.count + span->first_object + slot);
}

static uint8_t definition_tier(uint32_t node)
{
	uint64_t id = node - by_definition.retained->roots.nodes.count;
	uint8_t root_class =
	    by_definition.graph->tree->nodes[grf_graph_kind(by_definition.graph, id).node]
		.root_class;

	return root_class == GRF_ROOT_RUNTIME ? 2 : root_class == GRF_ROOT_FINALIZER;
}

static void visit_definition_edge(void *context, uint64_t address, uint64_t value)
{
	uint32_t node = definition_node(value);

	(void)context;
	(void)address;
	if (node != GRF_NODE_NONE &&
	    definition_tier(by_definition.holder) == definition_tier(node) &&
	    !by_definition.descriptors[node])
		add_definition_edge(by_definition.holder, node);
}

static void visit_definition_root(void *context, const struct grf_root_word *word)
{
	uint32_t node = definition_node(word->value);

	(void)context;
	if (node != GRF_NODE_NONE && !by_definition.rooted[node])
		differ("no root", node, 0, word->value);
}

static void add_definition_roots(void)
{
	const struct grf_root_nodes *roots = &by_definition.retained->roots;

	for (uint32_t i = 1; i < roots->nodes.count; i++)
		add_definition_edge(roots->nodes.items[i].parent, i);
	for (size_t i = 0; i < roots->edges.count; i++)
		if (roots->edges.items[i].root == GRF_ROOT_OF_DESCRIPTORS)
			by_definition
			    .descriptors[roots->nodes.count + roots->edges.items[i].object] = 1;
	for (size_t i = 0; i < roots->edges.count; i++) {
		const struct grf_root_edge *edge = &roots->edges.items[i];
		uint32_t node = (uint32_t)roots->nodes.count + edge->object;

		by_definition.rooted[node] = 1;
		if (edge->root == GRF_ROOT_OF_DESCRIPTORS ||
		    (roots->nodes.items[edge->root].tier == definition_tier(node) &&
		     !by_definition.descriptors[node]))
			add_definition_edge(edge->root, node);
	}
	grf_graph_roots(by_definition.graph, visit_definition_root, NULL);
}

static void collect_definition_edges(void)
{
	const struct grf_heap *heap = by_definition.graph->model->heap;

	add_definition_roots();
	for (size_t i = 0; i < heap->span_count; i++)
		for (uint32_t slot = 0; slot < heap->spans[i].slot_count; slot++) {
			uint64_t id = heap->spans[i].first_object + slot;

			if (!grf_graph_reached(by_definition.graph, id))
				continue;
			by_definition.holder =
			    (uint32_t)(by_definition.retained->roots.nodes.count + id);
			if (!grf_graph_edges(by_definition.graph, &heap->spans[i], slot,
					     visit_definition_edge, NULL))
				abort();
		}
}

/* Edges by one of their ends. */
static void sort_definition_edges(bool back, uint32_t *first, uint32_t *others)
{
	size_t count = by_definition.edges.count;

	for (size_t i = 0; i < count; i++)
		first[(back ? by_definition.edges.items[i].to : by_definition.edges.items[i].from) +
		      1]++;
	for (uint32_t i = 0; i < by_definition.count; i++)
		first[i + 1] += first[i];
	for (size_t i = count; i-- > 0;) {
		uint32_t from = by_definition.edges.items[i].from;
		uint32_t to = by_definition.edges.items[i].to;

		others[--first[(back ? to : from) + 1]] = back ? from : to;
	}
	/* Every first[] stands one too far on. */
	for (uint32_t i = 0; i < by_definition.count; i++)
		first[i] = first[i + 1];
	first[by_definition.count] = (uint32_t)count;
}

static void order_definition(void)
{
	uint32_t *stack = zeroed(by_definition.count, sizeof(*stack)), depth = 1;
	uint32_t *next = zeroed(by_definition.count, sizeof(*next));
	uint8_t *seen = zeroed(by_definition.count, 1);

	memset(by_definition.number, 0xff, by_definition.count * sizeof(uint32_t));
	seen[0] = 1;
	next[0] = by_definition.first[0];
	while (depth) {
		uint32_t at = stack[depth - 1];

		if (next[at] < by_definition.first[at + 1]) {
			uint32_t to = by_definition.targets[next[at]++];

			if (seen[to])
				continue;
			seen[to] = 1;
			next[to] = by_definition.first[to];
			stack[depth++] = to;
		} else {
			by_definition.number[at] = by_definition.reached;
			by_definition.order[by_definition.reached++] = at;
			depth--;
		}
	}
	free(stack);
	free(next);
	free(seen);
}

static uint32_t common_owner(uint32_t a, uint32_t b)
{
	while (a != b) {
		while (by_definition.number[a] < by_definition.number[b])
			a = by_definition.owner[a];
		while (by_definition.number[b] < by_definition.number[a])
			b = by_definition.owner[b];
	}
	return a;
}

static uint32_t owner_by_sources(uint32_t node)
{
	uint32_t found = GRF_NODE_NONE;

	for (uint32_t e = by_definition.first_back[node]; e < by_definition.first_back[node + 1];
	     e++) {
		uint32_t source = by_definition.sources[e];

		if (by_definition.owner[source] == GRF_NODE_NONE)
			continue;
		found = found == GRF_NODE_NONE ? source : common_owner(source, found);
	}
	return found;
}

static void iterate_definition(void)
{
	bool changed = true;

	memset(by_definition.owner, 0xff, by_definition.count * sizeof(uint32_t));
	by_definition.owner[0] = 0;
	while (changed) {
		changed = false;
		for (uint32_t i = by_definition.reached - 1; i-- > 0;) {
			uint32_t node = by_definition.order[i], owner = owner_by_sources(node);

			changed |= by_definition.owner[node] != owner;
			by_definition.owner[node] = owner;
		}
	}
}

static void size_definition(void)
{
	const struct grf_heap *heap = by_definition.graph->model->heap;
	uint32_t roots = (uint32_t)by_definition.retained->roots.nodes.count;

	for (size_t i = 0; i < heap->span_count; i++)
		for (uint32_t slot = 0; slot < heap->spans[i].slot_count; slot++)
			by_definition.sizes[roots + heap->spans[i].first_object + slot] =
			    (struct grf_retained_size){heap->spans[i].element_size, 1};
	/* Who owns comes later in postorder. */
	for (uint32_t i = 0; i + 1 < by_definition.reached; i++) {
		uint32_t node = by_definition.order[i], owner = by_definition.owner[node];

		by_definition.sizes[owner].bytes += by_definition.sizes[node].bytes;
		by_definition.sizes[owner].objects += by_definition.sizes[node].objects;
	}
}

static void visit_child(void *context, uint32_t node)
{
	(void)context;
	by_definition.seen++;
	if (by_definition.owner[node] != by_definition.parent)
		differ("child", node, by_definition.parent, by_definition.owner[node]);
}

static void compare_definition(void)
{
	const struct grf_retained *retained = by_definition.retained;
	uint32_t roots = (uint32_t)retained->roots.nodes.count;

	for (uint32_t node = 0; node < by_definition.count; node++) {
		uint32_t owner = grf_retained_owner(retained, node);
		bool reached = node < roots || grf_graph_reached(by_definition.graph, node - roots);
		struct grf_retained_size size;

		if (reached != (by_definition.number[node] != GRF_NODE_NONE))
			differ("reached", node, reached, !reached);
		if (owner != by_definition.owner[node])
			differ("owner", node, owner, by_definition.owner[node]);
		if (!reached)
			continue;
		size = grf_retained_of(retained, node);
		if (size.bytes != by_definition.sizes[node].bytes)
			differ("bytes", node, size.bytes, by_definition.sizes[node].bytes);
		if (size.objects != by_definition.sizes[node].objects)
			differ("objects", node, size.objects, by_definition.sizes[node].objects);
		by_definition.parent = node;
		if (!grf_retained_children(retained, node, visit_child, NULL))
			abort();
	}
	if (by_definition.seen != by_definition.reached - 1)
		differ("children", 0, by_definition.seen, by_definition.reached - 1);
	if (grf_retained_of(retained, 0).bytes != by_definition.graph->tree->bytes)
		differ("total", 0, grf_retained_of(retained, 0).bytes,
		       by_definition.graph->tree->bytes);
	if (retained->unheld)
		differ("not held", 0, retained->unheld, 0);
}

/* What a tally calls a node below all. */
static uint32_t definition_holder(uint32_t node)
{
	uint32_t roots = (uint32_t)by_definition.retained->roots.nodes.count;

	while (by_definition.owner[node] != GRF_ROOT_ALL)
		node = by_definition.owner[node];
	return node < roots ? node
			    : roots + grf_graph_kind_index(by_definition.graph, node - roots);
}

static uint64_t definition_pointers(uint32_t kind, uint32_t holder)
{
	uint32_t roots = (uint32_t)by_definition.retained->roots.nodes.count;
	uint64_t pointers = 0;

	for (size_t i = 0; i < by_definition.edges.count; i++) {
		const struct definition_edge *edge = &by_definition.edges.items[i];

		pointers += edge->to >= roots && edge->from != edge->to &&
			    by_definition.owner[edge->to] == GRF_ROOT_ALL &&
			    grf_graph_kind_index(by_definition.graph, edge->to - roots) == kind &&
			    definition_holder(edge->from) == holder;
	}
	return pointers;
}

/* Every tally, and that there is one for each pointer. */
static void compare_tallies(void)
{
	const struct grf_retained *retained = by_definition.retained;
	uint32_t roots = (uint32_t)retained->roots.nodes.count;
	uint64_t all = 0;

	for (size_t i = 0; i < retained->tallies.count; i++) {
		const struct grf_holder_tally *tally = &retained->tallies.items[i];
		uint64_t expected = definition_pointers(tally->kind, tally->holder);

		if (tally->pointers != expected)
			differ("pointers to a kind", tally->kind, tally->pointers, expected);
		all += tally->pointers;
	}
	for (size_t i = 0; i < by_definition.edges.count; i++) {
		const struct definition_edge *edge = &by_definition.edges.items[i];

		all -= edge->to >= roots && edge->from != edge->to &&
		       by_definition.owner[edge->to] == GRF_ROOT_ALL;
	}
	if (all)
		differ("pointers", 0, all, 0);
}

/* How many differences there are; says the first ones. */
static unsigned int owners_differ_from_definition(const struct grf_retained *retained)
{
	struct definition *it = &by_definition;

	*it = (struct definition){.graph = retained->graph, .retained = retained};
	it->count = (uint32_t)(retained->roots.nodes.count + it->graph->model->heap->object_ids);
	it->rooted = zeroed(it->count, 1);
	it->descriptors = zeroed(it->count, 1);
	it->first = zeroed(it->count, sizeof(uint32_t));
	it->first_back = zeroed(it->count, sizeof(uint32_t));
	it->order = zeroed(it->count, sizeof(uint32_t));
	it->number = zeroed(it->count, sizeof(uint32_t));
	it->owner = zeroed(it->count, sizeof(uint32_t));
	it->sizes = zeroed(it->count, sizeof(*it->sizes));
	collect_definition_edges();
	it->targets = zeroed(it->edges.count, sizeof(uint32_t));
	it->sources = zeroed(it->edges.count, sizeof(uint32_t));
	sort_definition_edges(false, it->first, it->targets);
	sort_definition_edges(true, it->first_back, it->sources);
	order_definition();
	iterate_definition();
	size_definition();
	compare_definition();
	if (by_definition.edges.count < FEW_EDGES)
		compare_tallies();
	free(it->rooted);
	free(it->descriptors);
	free(it->first);
	free(it->first_back);
	free(it->order);
	free(it->number);
	free(it->owner);
	free(it->sizes);
	free(it->targets);
	free(it->sources);
	grf_array_free(&it->edges);
	return it->differences;
}

#endif
