/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds the other tree node by node; parents come before their children. */
#include "graph/unlabelled_tree.h"

#include <stdlib.h>

#include "graph/tree_builder.h"

static uint32_t add_node(struct grf_tree_builder *builder, const struct grf_tree_node *node,
			 const uint32_t *node_of)
{
	if (node->parent != GRF_TREE_NONE)
		return grf_tree_child(builder, node_of[node->parent], node->name);
	if (!grf_tree_creator(builder, node->created_by))
		return GRF_TREE_NONE;
	return grf_tree_root(builder, (enum grf_root_class)node->root_class, node->name);
}

static bool merge_nodes(struct grf_tree_builder *builder, const struct grf_tree *from,
			uint32_t *node_of)
{
	for (uint32_t i = 0; i < from->node_count; i++) {
		const struct grf_tree_node *node = &from->nodes[i];
		struct grf_tree_node *merged;

		node_of[i] = add_node(builder, node, node_of);
		if (node_of[i] == GRF_TREE_NONE)
			return false;
		merged = &builder->tree->nodes[node_of[i]];
		merged->inferred |= node->inferred;
		merged->objects += node->objects;
		merged->bytes += node->bytes;
	}
	return true;
}

struct grf_error *grf_unlabelled_tree_create(const struct grf_tree *labelled, uint32_t *node_of,
					     struct grf_tree **ret)
{
	static const struct grf_graph_options options = {.max_depth = UINT32_MAX, .no_fold = true};
	_cleanup_tree_ struct grf_tree *tree = calloc(1, sizeof(*tree));
	struct grf_tree_builder builder;
	bool merged;

	if (!tree)
		return grf_error_no_memory();
	*tree = *labelled;
	tree->nodes = NULL;
	tree->node_count = 0;
	tree->strings = NULL;
	tree->label_sets = NULL;
	grf_tree_builder_init(&builder, tree, &options);
	merged = merge_nodes(&builder, labelled, node_of);
	grf_tree_builder_free(&builder);
	if (!merged)
		return grf_error_no_memory();
	*ret = tree;
	tree = NULL;
	return NULL;
}
