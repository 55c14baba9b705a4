/* SPDX-License-Identifier: BSD-2-Clause */
/* How owners are found; see retained.h. */
#ifndef GRF_GRAPH_OWNERS_RETAINED_PRIVATE_H
#define GRF_GRAPH_OWNERS_RETAINED_PRIVATE_H

#include "graph/owners/retained.h"

/* In grf_retained.owners while they are looked for; GRF_NODE_NONE: not reached. */
#define GRF_OWNER_SEVERAL 0xfffffffeu /* several hold it */
#define GRF_OWNER_UNKNOWN 0xfffffffdu /* no holder was met */
#define GRF_OWNER_MAX     0xfffffffcu

struct grf_retained_entry {
	uint64_t bytes;
	uint32_t objects;
	uint32_t waits; /* while sizes are added up: for how many entries */
};

/* What decides on owners: the edges within a tier. Others go back to what an earlier one has, or to
 * structures of the scheduler, which are reached from the runtime's roots alone. */
struct grf_holdings {
	const struct grf_graph *graph;
	uint8_t *tiers; /* by kind */
};

/* False: out of memory. */
bool grf_holdings_create(const struct grf_graph *graph, struct grf_holdings *ret);
void grf_holdings_free(struct grf_holdings *holdings);

static inline uint8_t grf_holdings_tier(const struct grf_holdings *holdings, uint64_t id)
{
	return holdings->tiers[grf_graph_kind_index(holdings->graph, id)];
}

typedef void grf_held_visit(void *context, uint32_t id);

/* Calls visit() for each slot that a reached object holds; it may hold no object that is reached.
 * False: out of memory. */
bool grf_holdings_of_object(const struct grf_holdings *holdings, const struct grf_span *span,
			    uint32_t slot, grf_held_visit *visit, void *context);

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
