/* SPDX-License-Identifier: BSD-2-Clause */
/* Hangs each node below its owner, then goes down and up again without recursion. */
#include "views/owners/owner_walk.h"

#include <stdlib.h>

#include "base/log.h"

/* Nodes between two looks at interruption. */
#define BREATH 0x100000u
/* Bytes of an object are a multiple of it. */
#define GRAIN 8u

struct owner_tree {
	const struct grf_retained *retained;
	uint32_t *first_child, *next_sibling; /* by node; 0: none */
	uint32_t *grains;                     /* by object id: its size */
};

static void hang_node(struct owner_tree *tree, uint32_t node)
{
	uint32_t owner = grf_retained_owner(tree->retained, node);

	tree->next_sibling[node] = tree->first_child[owner];
	tree->first_child[owner] = node;
}

/* From the last node to the first, so that each owner has its own in their order. */
static bool make_tree(struct owner_tree *tree)
{
	const struct grf_graph *graph = tree->retained->graph;
	const struct grf_heap *heap = graph->model->heap;
	size_t nodes = tree->retained->node_count;

	tree->first_child = calloc(nodes + 1, sizeof(*tree->first_child));
	tree->next_sibling = calloc(nodes + 1, sizeof(*tree->next_sibling));
	tree->grains = calloc(heap->object_ids + 1, sizeof(*tree->grains));
	if (!tree->first_child || !tree->next_sibling || !tree->grains)
		return false;
	for (size_t i = heap->span_count; i-- > 0;) {
		const struct grf_span *span = &heap->spans[i];

		for (uint32_t slot = span->slot_count; slot-- > 0;) {
			uint64_t id = span->first_object + slot, grains;

			if (!grf_graph_reached(graph, id))
				continue;
			grains = span->element_size / GRAIN;
			tree->grains[id] = grains < UINT32_MAX ? (uint32_t)grains : UINT32_MAX;
			hang_node(tree, grf_retained_node(tree->retained, id));
		}
	}
	for (uint32_t node = (uint32_t)tree->retained->roots.nodes.count; node-- > 1;)
		hang_node(tree, node);
	return true;
}

static uint64_t bytes_of(const struct owner_tree *tree, uint32_t node)
{
	if (grf_retained_is_root(tree->retained, node))
		return 0;
	return (uint64_t)tree->grains[grf_retained_object(tree->retained, node)] * GRAIN;
}

static struct grf_error *walk_tree(const struct owner_tree *tree, const char *what,
				   grf_owner_enter *enter, grf_owner_leave *leave, void *context)
{
	uint32_t node = GRF_ROOT_ALL, entered = 0;

	for (;;) {
		if (tree->first_child[node]) {
			node = tree->first_child[node];
		} else {
			while (node != GRF_ROOT_ALL && !tree->next_sibling[node]) {
				leave(context, node);
				node = grf_retained_owner(tree->retained, node);
			}
			if (node == GRF_ROOT_ALL)
				return NULL;
			leave(context, node);
			node = tree->next_sibling[node];
		}
		enter(context, node, bytes_of(tree, node));
		if (!(++entered % BREATH)) {
			grf_progress(what, entered, tree->retained->node_count);
			if (grf_interrupted())
				return grf_error_interrupted();
		}
	}
}

struct grf_error *grf_owner_walk(const struct grf_retained *retained, const char *what,
				 grf_owner_enter *enter, grf_owner_leave *leave, void *context)
{
	struct owner_tree tree = {.retained = retained};
	struct grf_error *error = make_tree(&tree) ? walk_tree(&tree, what, enter, leave, context)
						   : grf_error_no_memory();

	grf_progress_end();
	free(tree.first_child);
	free(tree.next_sibling);
	free(tree.grains);
	return error;
}
