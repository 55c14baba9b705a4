/* SPDX-License-Identifier: BSD-2-Clause */
/* A reference tree without the labels of goroutines: what differs in them alone is one node. */
#ifndef GRF_GRAPH_UNLABELLED_TREE_H
#define GRF_GRAPH_UNLABELLED_TREE_H

#include "base/error.h"
#include "graph/tree.h"

/**
 * Makes such a tree, which borrows names from the first one. `node_of` gets, for each node of that,
 * the node that it is in the other one. Destroyed by the caller. Errors: NO_MEMORY.
 */
struct grf_error *grf_unlabelled_tree_create(const struct grf_tree *labelled, uint32_t *node_of,
					     struct grf_tree **ret);

#endif
