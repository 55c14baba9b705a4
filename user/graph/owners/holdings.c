/* SPDX-License-Identifier: BSD-2-Clause */
/* Edges by the ids of what they lead to, as far as they decide on owners. */
#include <stdlib.h>

#include "graph/owners/retained_private.h"
#include "graph/plan_mask.h"

/* Finds the objects whose tier is not the first one. */
static void mark_later(struct grf_holdings *holdings)
{
	const struct grf_graph *graph = holdings->graph;
	uint64_t ids = graph->model->heap->object_ids;

	for (uint64_t id = 0; id < ids; id++)
		if (holdings->tiers[grf_graph_kind_index(graph, id)])
			grf_bit_set(holdings->later, id);
}

bool grf_holdings_create(const struct grf_graph *graph, struct grf_holdings *ret)
{
	ret->graph = graph;
	ret->tiers = calloc((size_t)graph->kind_count + 1, sizeof(*ret->tiers));
	ret->later =
	    calloc(grf_bitmap_words(graph->model->heap->object_ids) + 1, sizeof(*ret->later));
	if (!ret->tiers || !ret->later)
		return false;
	for (uint32_t i = 1; i < graph->kind_count; i++)
		ret->tiers[i] = grf_root_tier(graph->tree->nodes[graph->kinds[i].node].root_class);
	mark_later(ret);
	return true;
}

void grf_holdings_free(struct grf_holdings *holdings)
{
	free(holdings->tiers);
	free(holdings->later);
	holdings->tiers = NULL;
	holdings->later = NULL;
}

struct held {
	const struct grf_holdings *holdings;
	const struct grf_heap *heap;
	grf_held_visit *visit;
	void *context;
	uint8_t tier;
};

static void visit_word(void *context, uint64_t address, uint64_t value)
{
	struct held *held = context;
	const struct grf_span *span = grf_heap_span(held->heap, value);
	uint32_t slot, id;

	(void)address;
	if (!span || value < span->base)
		return;
	slot = grf_span_slot(span, value);
	if (slot >= span->slot_count || (!span->division && value >= span->limit))
		return;
	id = (uint32_t)(span->first_object + slot);
	if (grf_holdings_tier(held->holdings, id) != held->tier)
		return;
	held->visit(held->context, id);
}

bool grf_holdings_of_object(const struct grf_holdings *holdings, const struct grf_span *span,
			    uint32_t slot, grf_held_visit *visit, void *context)
{
	struct held held = {
	    .holdings = holdings,
	    .heap = holdings->graph->model->heap,
	    .visit = visit,
	    .context = context,
	    .tier = grf_holdings_tier(holdings, span->first_object + slot),
	};

	return grf_graph_edges(holdings->graph, span, slot, visit_word, &held);
}
