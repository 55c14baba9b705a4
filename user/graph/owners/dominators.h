/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dominators of a directed graph: node d dominates node v where every way from the root to v goes
 * through d. By semi-NCA (Georgiadis, "Linear-Time Algorithms for Dominators and Related Problems",
 * 2005), without recursion, in arrays of 32-bit indices. Knows nothing of objects.
 */
#ifndef GRF_GRAPH_OWNERS_DOMINATORS_H
#define GRF_GRAPH_OWNERS_DOMINATORS_H

#include <stdint.h>

#include "base/error.h"

/* No node. */
#define GRF_DOMINATORS_NONE UINT32_MAX

/* A node's edges lead to targets[first[node]] to targets[first[node + 1] - 1]; first[0] is 0, and
 * first[node_count] the number of edges. The root is node 0. An edge that is there twice, or that
 * leads to its own node, changes nothing. */
struct grf_flow_graph {
	uint32_t node_count;
	uint32_t *first; /* node_count + 1 */
	uint32_t *targets;
};

void grf_flow_graph_free(struct grf_flow_graph *graph);

/* Nodes by the order in which a search came to them ("ranks"): the root is 0, and a dominator comes
 * before what it dominates. */
struct grf_dominator_tree {
	uint32_t count;      /* of ranks */
	uint32_t *rank_of;   /* by node; GRF_DOMINATORS_NONE: no way leads to it */
	uint32_t *node_at;   /* by rank */
	uint32_t *dominator; /* by rank: the rank of the immediate one; the root's is itself */
	uint32_t *head;      /* by rank; private */
};

/**
 * Finds the immediate dominator of every node: the nearest of its dominators other than itself.
 * Frees the graph as soon as it is not needed any more, also after an error: at the most, 20 bytes
 * a node and 8 an edge are in use at a time, or 24 and 4. The caller frees the tree, also after an
 * error: NO_MEMORY.
 */
struct grf_error *grf_dominators(struct grf_flow_graph *graph, struct grf_dominator_tree *ret);
void grf_dominator_tree_free(struct grf_dominator_tree *tree);

/* The immediate dominator of a node, a node; GRF_DOMINATORS_NONE: no way leads to it. */
static inline uint32_t grf_dominator_of(const struct grf_dominator_tree *tree, uint32_t node)
{
	uint32_t rank = tree->rank_of[node];

	return rank == GRF_DOMINATORS_NONE ? rank : tree->node_at[tree->dominator[rank]];
}

/* The rank of the nearest node that dominates two, or is one of them and dominates the other; of
 * what all of some nodes lead to, and nothing else, it is the immediate dominator. Takes steps by
 * the logarithm of the number of nodes. */
uint32_t grf_dominator_of_both(const struct grf_dominator_tree *tree, uint32_t left,
			       uint32_t right);

#endif
