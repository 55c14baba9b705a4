/* SPDX-License-Identifier: BSD-2-Clause */
/* Edges by the ids of what they lead to, as far as they decide on owners. An edge waits until the
 * span that it leads to is near, and then until the owner of the object there is. */
#include <stdlib.h>

#include "graph/object_pointers.h"
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

/* The object of a slot is near now, if there is one that decides. */
static void take_word(struct grf_holding_stream *stream, uint64_t at)
{
	const struct grf_span *span = stream->words[at].span;
	uint64_t value = stream->words[at].value, to = stream->held_count % GRF_STREAM_AHEAD;
	uint32_t slot, id;

	if (!grf_span_find(span, value, &slot))
		return;
	id = (uint32_t)(span->first_object + slot);
	if (grf_holdings_tier(stream->holdings, id) != stream->words[at].tier)
		return;
	if (stream->held_count++ >= GRF_STREAM_AHEAD)
		stream->visit(stream->context, stream->held[to].holder, stream->held[to].id);
	stream->held[to].holder = stream->words[at].holder;
	stream->held[to].id = id;
	grf_node_number_prefetch(stream->owners, id);
}

static inline void add_word(void *context, uint64_t address, uint64_t value)
{
	struct grf_holding_stream *stream = context;
	const struct grf_span *span = grf_heap_span(stream->holdings->graph->model->heap, value);
	uint64_t at = stream->word_count % GRF_STREAM_AHEAD;

	(void)address;
	if (!span)
		return;
	if (stream->word_count++ >= GRF_STREAM_AHEAD)
		take_word(stream, at);
	stream->words[at].span = span;
	stream->words[at].value = value;
	stream->words[at].holder = stream->holder;
	stream->words[at].tier = stream->tier;
	__builtin_prefetch(span);
	__builtin_prefetch(&span->slot_count);
}

bool grf_holding_stream_add(struct grf_holding_stream *stream, const struct grf_span *span,
			    uint32_t slot, uint32_t holder)
{
	stream->holder = holder;
	stream->tier = grf_holdings_tier(stream->holdings, span->first_object + slot);
	return grf_object_pointers(stream->holdings->graph, span, slot, add_word, stream);
}

void grf_holding_stream_end(struct grf_holding_stream *stream)
{
	uint64_t from =
	    stream->word_count < GRF_STREAM_AHEAD ? 0 : stream->word_count - GRF_STREAM_AHEAD;

	for (; from < stream->word_count; from++)
		take_word(stream, from % GRF_STREAM_AHEAD);
	from = stream->held_count < GRF_STREAM_AHEAD ? 0 : stream->held_count - GRF_STREAM_AHEAD;
	for (; from < stream->held_count; from++)
		stream->visit(stream->context, stream->held[from % GRF_STREAM_AHEAD].holder,
			      stream->held[from % GRF_STREAM_AHEAD].id);
	stream->word_count = stream->held_count = 0;
}
