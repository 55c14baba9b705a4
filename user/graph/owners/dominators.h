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

/**
 * Finds the immediate dominator of every node: the nearest of its dominators other than itself. It
 * is the root's own number for the root, and GRF_DOMINATORS_NONE for a node that no way leads to.
 * Frees the graph as soon as it is not needed any more, also after an error: at the most, 20 bytes
 * a node and 8 an edge are in use at a time, or 24 and 4, beside `*ret`. The caller frees `*ret`.
 * Errors: NO_MEMORY.
 */
struct grf_error *grf_dominators(struct grf_flow_graph *graph, uint32_t **ret);

#endif
