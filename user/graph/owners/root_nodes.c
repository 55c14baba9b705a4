/* SPDX-License-Identifier: BSD-2-Clause */
/* Collects the nodes above the objects from the roots of the graph and from specials. */
#include "graph/owners/root_nodes.h"

#include <stdlib.h>
#include <string.h>

#include "graph/pair_map.h"
#include "model/stacks/goroutine_names.h"

/* Nodes are looked up by what they stand for, below what. */
#define KEY(kind, parent) ((uint64_t)(kind) << 32 | (parent))

struct collection {
	const struct grf_graph *graph;
	const struct grf_model *model;
	struct grf_root_nodes *roots;
	struct grf_pair_map index; /* (KEY, identity) -> node */
	uint32_t special;          /* the node of the special at hand */
	bool no_memory;
};

/* The node for `identity`, any number that tells those of a kind below a parent apart. */
static uint32_t get_node(struct collection *collection, enum grf_root_node_kind kind,
			 uint32_t parent, uint64_t identity, const char *name)
{
	uint32_t found = grf_pair_map_get(&collection->index, KEY(kind, parent), identity);
	struct grf_root_node *node;

	if (found != GRF_PAIR_MAP_NONE)
		return found;
	found = (uint32_t)collection->roots->nodes.count;
	node = found < UINT32_MAX / 2 ? grf_array_add(&collection->roots->nodes) : NULL;
	if (!node || !grf_pair_map_put(&collection->index, KEY(kind, parent), identity, found)) {
		collection->no_memory = true;
		return GRF_ROOT_ALL;
	}
	*node = (struct grf_root_node){.name = name, .parent = parent, .kind = (uint8_t)kind};
	return found;
}

/* The tree's root of what a word was followed as. */
static uint32_t tree_root(const struct collection *collection, const struct grf_object_kind *claim)
{
	const struct grf_tree_node *nodes = collection->graph->tree->nodes;
	uint32_t node = claim->node;

	while (nodes[node].parent != GRF_TREE_NONE)
		node = nodes[node].parent;
	return node;
}

/* The node of a variable, of a package or of a goroutine, by the root of the tree that its word was
 * followed from. */
static uint32_t claimed_node(struct collection *collection, enum grf_root_node_kind kind,
			     uint32_t parent, const struct grf_object_kind *claim)
{
	uint32_t root = tree_root(collection, claim), found;
	const struct grf_tree_node *at = &collection->graph->tree->nodes[root];
	struct grf_root_node *node;

	/* Of the runtime's frames in goroutines, too. */
	if (at->root_class == GRF_ROOT_RUNTIME)
		parent = GRF_ROOT_OF_RUNTIME;
	found = get_node(collection, kind, parent, (uint64_t)root << 1, at->name);
	node = &collection->roots->nodes.items[found];
	node->tier = grf_root_tier(at->root_class);
	if (claim->node == root && !node->type)
		node->type = claim->type;
	return found;
}

static uint32_t goroutine_node(struct collection *collection, size_t index)
{
	const struct grf_goroutine *goroutine = &collection->model->goroutines->items[index];
	struct grf_function function = {0};
	uint32_t parent = goroutine->system ? GRF_ROOT_OF_RUNTIME : GRF_ROOT_ALL, node;
	const char *name = "goroutine";

	if (grf_goroutine_function(collection->model->pclntab, goroutine, &function))
		name = grf_root_name(collection->model->types, function.name) ?: function.name;
	node = get_node(collection, GRF_ROOT_NODE_FUNCTION, parent, function.entry, name);
	node = get_node(collection, GRF_ROOT_NODE_GOROUTINE, node, index, name);
	collection->roots->nodes.items[node].goroutine = index;
	return node;
}

static uint32_t word_node(struct collection *collection, const struct grf_root_word *word)
{
	const struct grf_root_claim *claim =
	    word->address ? grf_graph_claim(collection->graph, word->address) : NULL;
	enum grf_root_node_kind kind = GRF_ROOT_NODE_VARIABLE;
	uint32_t parent = GRF_ROOT_ALL, node;

	switch (word->source) {
	case GRF_ROOT_OF_SPECIAL:
		node = get_node(collection, GRF_ROOT_NODE_SPECIAL, GRF_ROOT_ALL,
				(uintptr_t)word->name, word->name);
		collection->roots->nodes.items[node].tier = grf_root_tier(GRF_ROOT_FINALIZER);
		return node;
	case GRF_ROOT_OF_GOROUTINE:
		kind = GRF_ROOT_NODE_LOCAL;
		parent = goroutine_node(collection, word->index);
		break;
	case GRF_ROOT_OF_SEGMENT:
		break;
	}
	if (claim)
		return claimed_node(collection, kind, parent,
				    &collection->graph->kinds[claim->kind]);
	return get_node(collection, kind, parent, (uintptr_t)word->name << 1 | 1,
			grf_root_name(collection->model->types, word->name) ?: word->name);
}

static void add_edge(struct collection *collection, uint32_t root, uint64_t value)
{
	const struct grf_span *span;
	struct grf_root_edge *edge;
	uint32_t slot;

	if (!grf_heap_find(collection->model->heap, value, &span, &slot) ||
	    !grf_graph_reached(collection->graph, span->first_object + slot))
		return;
	edge = grf_array_add(&collection->roots->edges);
	if (!edge) {
		collection->no_memory = true;
		return;
	}
	edge->root = root;
	edge->object = (uint32_t)(span->first_object + slot);
}

static void visit_root_word(void *context, const struct grf_root_word *word)
{
	struct collection *collection = context;

	if (!collection->no_memory && grf_heap_span(collection->model->heap, word->value))
		add_edge(collection, word_node(collection, word), word->value);
}

static void visit_referent(void *context, uint64_t address, uint64_t value)
{
	struct collection *collection = context;

	(void)address;
	add_edge(collection, collection->special, value);
}

/* Whether an object is reached from finalizers alone: from its own, if from no other. */
static bool is_of_finalizers(const struct grf_graph *graph, uint64_t id)
{
	return grf_graph_reached(graph, id) &&
	       graph->tree->nodes[grf_graph_kind(graph, id).node].root_class == GRF_ROOT_FINALIZER;
}

/* What objects point to that are not roots themselves. One that comes back to itself by that is as
 * good as a root: it owns what it points to. */
static void collect_referents(struct collection *collection)
{
	const struct grf_special_roots *specials = collection->model->specials;

	for (size_t i = 0; i < specials->count && !collection->no_memory; i++) {
		const struct grf_special_root *special = &specials->items[i];
		const struct grf_root_word word = {
		    .source = GRF_ROOT_OF_SPECIAL, .index = i, .name = special->name};
		const struct grf_span *span;
		uint32_t slot;

		if (special->kind != GRF_ROOT_REFERENTS ||
		    !grf_heap_find(collection->model->heap, special->value, &span, &slot))
			continue;
		collection->special = word_node(collection, &word);
		if (is_of_finalizers(collection->graph, span->first_object + slot))
			add_edge(collection, collection->special, special->value);
		else if (!grf_graph_edges(collection->graph, span, slot, visit_referent,
					  collection))
			collection->no_memory = true;
	}
}

/* The kinds of objects of a type, by index. NULL: there are none, or out of memory. */
static bool *kinds_of_type(struct collection *collection, const char *name)
{
	const struct grf_graph *graph = collection->graph;
	bool *kinds = calloc(graph->kind_count + 1, sizeof(*kinds)), any = false;

	if (!kinds)
		collection->no_memory = true;
	for (uint32_t i = 0; kinds && i < graph->kind_count; i++) {
		const struct grf_type *type = graph->kinds[i].type;

		kinds[i] = type && type->name && !strcmp(type->name, name);
		any |= kinds[i];
	}
	if (any)
		return kinds;
	free(kinds);
	return NULL;
}

static void collect_in_span(struct collection *collection, uint32_t root,
			    const struct grf_span *span, const bool *kinds)
{
	const struct grf_graph *graph = collection->graph;

	if (span->pointer_layout == GRF_POINTERS_NONE)
		return;
	for (uint32_t slot = 0; slot < span->slot_count; slot++) {
		uint64_t id = span->first_object + slot;

		if (grf_graph_reached(graph, id) && kinds[grf_graph_kind_index(graph, id)])
			add_edge(collection, root, span->base + slot * span->element_size);
	}
}

/* A root holds all objects of a type. */
static void collect_of_type(struct collection *collection, uint32_t root, const char *type)
{
	const struct grf_heap *heap = collection->model->heap;
	bool *kinds = kinds_of_type(collection, type);

	for (size_t i = 0; kinds && i < heap->span_count; i++)
		collect_in_span(collection, root, &heap->spans[i], kinds);
	free(kinds);
}

/* The structures that the runtime has of goroutines and of what they wait for. They are in lists of
 * its own; it does not matter who else points to them. */
static void collect_descriptors(struct collection *collection)
{
	const struct grf_goroutines *goroutines = collection->model->goroutines;

	for (size_t i = 0; i < goroutines->count; i++)
		add_edge(collection, GRF_ROOT_OF_DESCRIPTORS, goroutines->items[i].address);
	collect_of_type(collection, GRF_ROOT_OF_DESCRIPTORS, "runtime.sudog");
}

/* Timers that nothing but the runtime holds are in the list of one of its processors: in which one
 * is an accident, and they are not that one's. From Go 1.23 on, those of package time have a
 * channel beside them. */
static void collect_timers(struct collection *collection)
{
	collect_of_type(collection, GRF_ROOT_OF_RUNTIME, "runtime.timer");
	collect_of_type(collection, GRF_ROOT_OF_RUNTIME, "runtime.timeTimer");
}

static int by_root(const void *left, const void *right)
{
	const struct grf_root_edge *a = left, *b = right;

	if (a->root != b->root)
		return a->root < b->root ? -1 : 1;
	return a->object < b->object ? -1 : a->object > b->object;
}

static void sort_edges(struct grf_root_nodes *roots)
{
	size_t kept = 0;

	if (roots->edges.count)
		qsort(roots->edges.items, roots->edges.count, sizeof(*roots->edges.items), by_root);
	for (size_t i = 0; i < roots->edges.count; i++)
		if (!kept || by_root(&roots->edges.items[kept - 1], &roots->edges.items[i]))
			roots->edges.items[kept++] = roots->edges.items[i];
	roots->edges.count = kept;
}

/* Fills in the nodes below each, by counting. False: out of memory. */
static bool sort_children(struct grf_root_nodes *roots)
{
	size_t count = roots->nodes.count;
	uint32_t sum = 0;

	roots->children = calloc(count + 1, sizeof(*roots->children));
	roots->first_child = calloc(count + 2, sizeof(*roots->first_child));
	if (!roots->children || !roots->first_child)
		return false;
	for (size_t i = 1; i < count; i++)
		roots->first_child[roots->nodes.items[i].parent]++;
	for (size_t i = 0; i <= count; i++)
		roots->first_child[i] = sum += roots->first_child[i];
	for (size_t i = count; i-- > 1;)
		roots->children[--roots->first_child[roots->nodes.items[i].parent]] = (uint32_t)i;
	return true;
}

static void add_fixed_nodes(struct collection *collection)
{
	uint8_t tier = grf_root_tier(GRF_ROOT_RUNTIME);

	get_node(collection, GRF_ROOT_NODE_ALL, GRF_ROOT_ALL, 0, "all");
	get_node(collection, GRF_ROOT_NODE_RUNTIME, GRF_ROOT_ALL, 0, "runtime");
	get_node(collection, GRF_ROOT_NODE_DESCRIPTORS, GRF_ROOT_OF_RUNTIME, 0,
		 "goroutine descriptors");
	for (uint32_t i = GRF_ROOT_OF_RUNTIME; !collection->no_memory && i < GRF_ROOT_FIXED; i++)
		collection->roots->nodes.items[i].tier = tier;
}

struct grf_error *grf_root_nodes_collect(const struct grf_graph *graph, struct grf_root_nodes *ret)
{
	struct collection collection = {.graph = graph, .model = graph->model, .roots = ret};

	*ret = (struct grf_root_nodes){0};
	add_fixed_nodes(&collection);
	if (!collection.no_memory) {
		grf_graph_roots(graph, visit_root_word, &collection);
		collect_referents(&collection);
		collect_descriptors(&collection);
		collect_timers(&collection);
	}
	grf_pair_map_free(&collection.index);
	if (collection.no_memory || !sort_children(ret))
		return grf_error_no_memory();
	sort_edges(ret);
	grf_array_fit(&ret->edges);
	grf_array_fit(&ret->nodes);
	return NULL;
}

void grf_root_nodes_free(struct grf_root_nodes *roots)
{
	grf_array_free(&roots->nodes);
	grf_array_free(&roots->edges);
	free(roots->children);
	free(roots->first_child);
	roots->children = roots->first_child = NULL;
}
