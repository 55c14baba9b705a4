/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Creates the nodes of a reference tree: roots by class and name, children by parent and name.
 * Applies folding and the depth limit.
 */
#ifndef GRF_GRAPH_TREE_BUILDER_H
#define GRF_GRAPH_TREE_BUILDER_H

#include "graph/graph.h"
#include "graph/pair_map.h"

/* The element below which untyped objects hang. */
extern const char grf_sub_objects_name[];

struct grf_tree_builder {
	struct grf_tree *tree;
	uint32_t capacity; /* of tree->nodes */
	uint32_t max_depth;
	bool no_fold;
	struct grf_pair_map children; /* (parent, name pointer) -> node, folded ones too */
	struct grf_pair_map roots; /* (creator pointer or origin, interned name pointer) -> node */
	struct grf_pair_map origins; /* (creator pointer, labels) -> number from 1 on */
	const char *creator;         /* of the next roots; see grf_tree_creator() */
	uint32_t labels;             /* the same; see grf_tree_labels() */
};

/* Takes an empty tree. */
void grf_tree_builder_init(struct grf_tree_builder *builder, struct grf_tree *tree,
			   const struct grf_graph_options *options);
void grf_tree_builder_free(struct grf_tree_builder *builder);

/* Sets the creator of all roots that are asked for from now on: the place where their goroutines
 * were started (any string; it is copied). NULL: they have none. False: out of memory. */
bool grf_tree_creator(struct grf_tree_builder *builder, const char *creator);

/* Sets the labels of all roots that are asked for from now on, as a node has them. 0: none. */
void grf_tree_labels(struct grf_tree_builder *builder, uint32_t labels);

/* The root of that name (any string; it is copied), the current creator and labels. A new root gets
 * `root_class`; one that exists keeps its class, as a chain names one place only. GRF_TREE_NONE:
 * out of memory. */
uint32_t grf_tree_root(struct grf_tree_builder *builder, enum grf_root_class root_class,
		       const char *name);

/*
 * The node for element `name` below `parent`. `name` is interned and compared by address. Where the
 * chain down to `parent` already has that element, returns the first node that has it (folding).
 * Where the chain has its greatest depth, returns `parent`. GRF_TREE_NONE: out of memory.
 */
uint32_t grf_tree_child(struct grf_tree_builder *builder, uint32_t parent, const char *name);

/* The same where it was asked for before, else GRF_TREE_NONE. */
static inline uint32_t grf_tree_known_child(const struct grf_tree_builder *builder, uint32_t parent,
					    const char *name)
{
	return grf_pair_map_get(&builder->children, parent, (uintptr_t)name);
}

#endif
