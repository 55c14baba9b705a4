/* SPDX-License-Identifier: BSD-2-Clause */
/* What the steps of the search for owners share; see owners.c. */
#ifndef GRF_GRAPH_OWNERS_OWNER_SEARCH_H
#define GRF_GRAPH_OWNERS_OWNER_SEARCH_H

#include "graph/owners/dominators.h"
#include "graph/owners/retained_private.h"

struct grf_owner_search {
	struct grf_retained *retained;
	const struct grf_holdings *holdings;
	/* Ids of objects that hold a shared one, or lead there; an owner of one is one, or a root.
	 */
	struct grf_ranked_set core;
	uint32_t root_count;
	/* The core as a graph: the roots, then its objects in order. */
	struct grf_flow_graph flow;
	uint32_t flowing; /* the node of which edges are added */
	GRF_ARRAY(uint32_t) targets;
	struct grf_dominator_tree dominators; /* of the core */
	uint32_t *core_ids;                   /* in order */
	bool no_memory;
};

static inline uint32_t grf_owner_search_owner(const struct grf_owner_search *search, uint64_t id)
{
	return grf_node_number(&search->retained->owners, id);
}

static inline void grf_owner_search_set(struct grf_owner_search *search, uint64_t id,
					uint32_t owner)
{
	grf_node_number_set(&search->retained->owners, id, owner);
}

static inline struct grf_holding_stream
grf_owner_search_stream(struct grf_owner_search *search, grf_held_visit *visit, void *context)
{
	return (struct grf_holding_stream){
	    .holdings = search->holdings,
	    .owners = &search->retained->owners,
	    .visit = visit,
	    .context = context,
	};
}

/* The node of an object of the core in its graph. */
static inline uint32_t grf_owner_search_node(const struct grf_owner_search *search, uint64_t id)
{
	return search->root_count + grf_ranked_set_rank(&search->core, id);
}

/* The node of all that a node of the core's graph is. */
static inline uint32_t grf_owner_search_node_of_core(const struct grf_owner_search *search,
						     uint32_t node)
{
	return node < search->root_count
		   ? node
		   : search->root_count + search->core_ids[node - search->root_count];
}

typedef uint32_t grf_holder_name(const struct grf_owner_search *search, uint64_t id);

/* Calls visit() for what objects of the core hold. The holder is what name() says. Errors:
 * NO_MEMORY, INTERRUPTED. */
struct grf_error *grf_owner_search_edges(struct grf_owner_search *search, grf_holder_name *name,
					 grf_held_visit *visit, void *context);

/**
 * Finds the owners of what is shared and not in the core, and counts the pointers to what all own
 * by who holds it. Needs the dominators, and the owners of the core's objects. Errors: NO_MEMORY,
 * INTERRUPTED.
 */
struct grf_error *grf_owner_search_common(struct grf_owner_search *search);

#endif
