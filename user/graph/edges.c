/* SPDX-License-Identifier: BSD-2-Clause */
/* The edges of the graph, which views follow. */
#include "graph/graph.h"
#include "graph/object_pointers.h"

bool grf_graph_edges(const struct grf_graph *graph, const struct grf_span *span, uint32_t slot,
		     grf_edge_visit *visit, void *context)
{
	return grf_object_pointers(graph, span, slot, visit, context);
}
