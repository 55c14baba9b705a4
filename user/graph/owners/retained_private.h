/* SPDX-License-Identifier: BSD-2-Clause */
/* How owners are found; see retained.h. */
#ifndef GRF_GRAPH_OWNERS_RETAINED_PRIVATE_H
#define GRF_GRAPH_OWNERS_RETAINED_PRIVATE_H

#include "graph/owners/retained.h"

/* In grf_retained.owners while they are looked for; GRF_NODE_NONE: not reached. */
#define GRF_OWNER_SEVERAL 0xfffffffeu /* several hold it */
#define GRF_OWNER_UNKNOWN 0xfffffffdu /* no holder was met */
#define GRF_OWNER_MAX     0xfffffffcu

/* Bytes of an object are a multiple of it. */
#define GRF_RETAINED_GRAIN 8u

/* What a node retains: objects, grains, and, only where a heap may have more, the upper half of the
 * grains. There are very many. */
enum { GRF_RETAINED_OBJECTS, GRF_RETAINED_LOW, GRF_RETAINED_HIGH };

static inline struct grf_retained_size grf_retained_entry(const struct grf_retained *retained,
							  uint64_t index)
{
	const uint32_t *entry = retained->entries + index * retained->entry_words;
	uint64_t grains = entry[GRF_RETAINED_LOW];

	if (retained->entry_words > GRF_RETAINED_HIGH)
		grains |= (uint64_t)entry[GRF_RETAINED_HIGH] << 32;
	return (struct grf_retained_size){grains * GRF_RETAINED_GRAIN, entry[GRF_RETAINED_OBJECTS]};
}

static inline void grf_retained_entry_add(struct grf_retained *retained, uint64_t index,
					  struct grf_retained_size size)
{
	uint32_t *entry = retained->entries + index * retained->entry_words;
	uint64_t grains = size.bytes / GRF_RETAINED_GRAIN + entry[GRF_RETAINED_LOW];

	entry[GRF_RETAINED_OBJECTS] += (uint32_t)size.objects;
	entry[GRF_RETAINED_LOW] = (uint32_t)grains;
	if (retained->entry_words > GRF_RETAINED_HIGH)
		entry[GRF_RETAINED_HIGH] += (uint32_t)(grains >> 32);
}

/* So many ids have one entry of `span_at`. */
#define GRF_RETAINED_IDS 256u

/* What decides on owners: the edges within a tier. Others go back to what an earlier one has, or to
 * structures of the scheduler, which are reached from the runtime's roots alone. */
struct grf_holdings {
	const struct grf_graph *graph;
	uint8_t *tiers; /* by kind */
	/* By object id: it is not of the first tier. Most are, and what they lead to mostly is:
	 * then no place has to be looked up. */
	uint64_t *later;
};

/* False: out of memory. */
bool grf_holdings_create(const struct grf_graph *graph, struct grf_holdings *ret);
void grf_holdings_free(struct grf_holdings *holdings);

/* The tier of a reached object; 0 of one that is not reached. */
static inline uint8_t grf_holdings_tier(const struct grf_holdings *holdings, uint64_t id)
{
	if (!(holdings->later[id >> 6] >> (id & 63) & 1))
		return 0;
	return holdings->tiers[grf_graph_kind_index(holdings->graph, id)];
}

/* `holder`, as named to the stream, holds the object with an id, which may not be reached. */
typedef void grf_held_visit(void *context, uint32_t holder, uint32_t id);

/* How far apart an edge, the span that it leads to and the object there are, for the cache misses.
 */
#define GRF_STREAM_AHEAD 16

/* Goes through what objects hold, one after the other. */
struct grf_holding_stream {
	const struct grf_holdings *holdings;
	const struct grf_node_numbers *owners; /* of what is held, an owner is asked for next */
	grf_held_visit *visit;
	void *context;
	uint32_t holder; /* whose edges come now */
	uint8_t tier;
	uint64_t word_count, held_count; /* ever written to: */
	struct {
		const struct grf_span *span;
		uint64_t value;
		uint32_t holder;
		uint8_t tier;
	} words[GRF_STREAM_AHEAD];
	struct {
		uint32_t holder, id;
	} held[GRF_STREAM_AHEAD];
};

/* Calls visit() for each slot that a reached object holds, in their order, some time from now.
 * False: out of memory. */
bool grf_holding_stream_add(struct grf_holding_stream *stream, const struct grf_span *span,
			    uint32_t slot, uint32_t holder);

/* Calls visit() for what has not been visited yet. */
void grf_holding_stream_end(struct grf_holding_stream *stream);

/* Whether a root's edge decides. */
static inline bool grf_holdings_has(const struct grf_holdings *holdings,
				    const struct grf_root_nodes *roots,
				    const struct grf_root_edge *edge)
{
	return edge->root == GRF_ROOT_OF_DESCRIPTORS ||
	       grf_holdings_tier(holdings, edge->object) == roots->nodes.items[edge->root].tier;
}

/* Fills in owners and `shared`. Errors as of grf_retained_create(). */
struct grf_error *grf_retained_find_owners(struct grf_retained *retained,
					   const struct grf_holdings *holdings);

#endif
