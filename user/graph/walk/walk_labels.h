/* SPDX-License-Identifier: BSD-2-Clause */
/* The labels of goroutines, by which the walk tells their roots apart. */
#ifndef GRF_GRAPH_WALK_WALK_LABELS_H
#define GRF_GRAPH_WALK_WALK_LABELS_H

#include "graph/graph.h"

/**
 * Finds the sets of labels that the graph's goroutines have, each once, and by goroutine 1 + the
 * index of its set, 0: none. *ret_labels is NULL where no goroutine has any, or there are more than
 * GRF_LABEL_SETS sets; else the caller frees it. Errors: NO_MEMORY.
 */
struct grf_error *grf_walk_labels(struct grf_graph *graph, uint32_t **ret_labels);

#endif
