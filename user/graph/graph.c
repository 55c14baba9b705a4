/* SPDX-License-Identifier: BSD-2-Clause */
/* What a finished graph is asked, and its end. walk/graph_create.c makes it. */
#include "graph/graph.h"

#include <stdlib.h>

#include "graph/plan_mask.h"

const struct grf_root_claim *grf_graph_claim(const struct grf_graph *graph, uint64_t address)
{
	size_t low = 0, high = graph->claim_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (graph->claims[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == graph->claim_count || graph->claims[low].address != address)
		return NULL;
	return &graph->claims[low];
}

void grf_graph_destroy(struct grf_graph *graph)
{
	if (!graph)
		return;
	grf_tree_destroy(graph->tree);
	grf_tree_destroy(graph->labelled);
	for (size_t i = 0; i < graph->label_sets.count; i++)
		grf_label_list_free(&graph->label_sets.items[i]);
	grf_array_free(&graph->label_sets);
	if (graph->stored)
		grf_stored_types_free(graph->stored);
	free(graph->stored);
	grf_places_free(&graph->places);
	free(graph->kinds);
	free(graph->claims);
	free(graph);
}
