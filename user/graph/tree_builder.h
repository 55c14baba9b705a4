/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making the nodes of a reference tree: roots by class and name, children by parent and name, with
 * folding and the depth limit applied where a child is asked for.
 */
#ifndef GRF_GRAPH_TREE_BUILDER_H
#define GRF_GRAPH_TREE_BUILDER_H

#include "graph/pair_map.h"
#include "graph/graph.h"

/* The element for what hangs below a place without a type. */
extern const char grf_sub_objects_name[];

struct grf_tree_builder {
	struct grf_tree *tree;
	uint32_t capacity; /* of tree->nodes */
	uint32_t max_depth;
	bool no_fold;
	struct grf_pair_map children; /* (parent, name pointer) -> node, folded ones too */
	struct grf_pair_map roots;    /* interned (creator pointer, name pointer) -> node */
	const char *creator;          /* of the roots that are asked for; see grf_tree_creator() */
};

/* Takes an empty tree. */
void grf_tree_builder_init(struct grf_tree_builder *builder, struct grf_tree *tree,
			   const struct grf_graph_options *options);
void grf_tree_builder_free(struct grf_tree_builder *builder);

/* The roots that are asked for from now on belong to goroutines that were started there (any
 * string; copied), NULL: to none. False: out of memory. */
bool grf_tree_creator(struct grf_tree_builder *builder, const char *creator);

/* The root of that name (any string; copied) and the creator at hand, of that class where it is
 * new: a chain stands for one place only, whatever class met it first. GRF_TREE_NONE: out of
 * memory. */
uint32_t grf_tree_root(struct grf_tree_builder *builder, enum grf_root_class root_class,
		       const char *name);

/*
 * The node for element `name` (an interned string, told apart by its address) below `parent`. When
 * the chain down to `parent` holds that element already, this is the first node that does
 * (folding); when the chain is as deep as it may be, it is `parent` itself. GRF_TREE_NONE: out of
 * memory.
 */
uint32_t grf_tree_child(struct grf_tree_builder *builder, uint32_t parent, const char *name);

#endif
