/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What would be freed if something went away: of every reached object and every root, the immediate
 * dominator ("owner"), and the bytes and objects that it dominates, itself included ("retained").
 *
 * Nodes are numbered: first those of the roots (root_nodes.h), then the objects by id. Most objects
 * have one holder: that is their owner. Only the others, and those on the way to them, take part in
 * the search for dominators. What is retained is kept for those of which something owns something
 * in its turn, and else added up when it is asked for.
 */
#ifndef GRF_GRAPH_OWNERS_RETAINED_H
#define GRF_GRAPH_OWNERS_RETAINED_H

#include "base/array.h"
#include "graph/owners/node_numbers.h"
#include "graph/owners/ranked_set.h"
#include "graph/owners/root_nodes.h"

#define GRF_NODE_NONE UINT32_MAX

struct grf_retained_size {
	uint64_t bytes;
	uint64_t objects;
};

/* Pointers that decide who owns what GRF_ROOT_ALL owns, but for those of an object to itself. */
struct grf_holder_tally {
	uint32_t kind; /* of what is held, by index */
	/* What owns the holder in the end: a root just below all, or the number of roots and the
	 * index of the kind of an object there. */
	uint32_t holder;
	uint64_t pointers;
};

/* Private but for the roots, the tallies, the counts, and `tall` as an index of what is remembered
 * of a few. */
struct grf_retained {
	const struct grf_graph *graph; /* borrowed */
	struct grf_root_nodes roots;
	uint32_t node_count;
	uint64_t objects, bytes; /* of all that is reached */
	uint64_t unheld;         /* objects that no edge leads to: none, unless the walk is wrong */
	struct grf_node_numbers owners;             /* by object id */
	uint64_t *shared;                           /* by object id: several hold it */
	GRF_ARRAY(struct grf_holder_tally) tallies; /* of what no single node owns, in no order */
	struct grf_ranked_set tall;                 /* nodes that own an owner, and all roots */
	uint32_t *entries;                          /* by index of `tall`: what it retains */
	uint32_t entry_words;                       /* of each of them */
	uint32_t *shared_ids;                       /* by owner, then by id */
	uint32_t shared_count;
	uint32_t
	    *span_at; /* by object id, of GRF_RETAINED_IDS in turn the first: index of its span */
};

/**
 * Finds owners and retained sizes in a graph that was made with places. The graph must outlive it.
 * Errors: NO_MEMORY; UNSUPPORTED: more than 2^32 - 2 nodes; INTERRUPTED.
 */
struct grf_error *grf_retained_create(const struct grf_graph *graph, struct grf_retained **ret);
void grf_retained_destroy(struct grf_retained *retained);

static inline void grf_retained_cleanup_fn(struct grf_retained **retained)
{
	grf_retained_destroy(*retained);
}
#define _cleanup_retained_ __attribute__((cleanup(grf_retained_cleanup_fn)))

/* The node of a reached object. */
static inline uint32_t grf_retained_node(const struct grf_retained *retained, uint64_t id)
{
	return (uint32_t)(retained->roots.nodes.count + id);
}

static inline bool grf_retained_is_root(const struct grf_retained *retained, uint32_t node)
{
	return node < retained->roots.nodes.count;
}

/* The id of a node that is an object. */
static inline uint64_t grf_retained_object(const struct grf_retained *retained, uint32_t node)
{
	return node - retained->roots.nodes.count;
}

/** The span that an object is in. */
const struct grf_span *grf_retained_span(const struct grf_retained *retained, uint32_t node);

/* The immediate dominator of a root or of a reached object; GRF_ROOT_ALL for itself. */
static inline uint32_t grf_retained_owner(const struct grf_retained *retained, uint32_t node)
{
	if (grf_retained_is_root(retained, node))
		return retained->roots.nodes.items[node].parent;
	return grf_node_number(&retained->owners, grf_retained_object(retained, node));
}

/* Whether several nodes hold an object, so that its owner may not be one of them. */
static inline bool grf_retained_is_shared(const struct grf_retained *retained, uint32_t node)
{
	uint64_t id = grf_retained_object(retained, node);

	return !grf_retained_is_root(retained, node) && retained->shared[id >> 6] >> (id & 63) & 1;
}

struct grf_retained_size grf_retained_of(const struct grf_retained *retained, uint32_t node);

/* Adds what is retained to a sum. */
static inline void grf_retained_add(struct grf_retained_size *sum, struct grf_retained_size size)
{
	sum->bytes += size.bytes;
	sum->objects += size.objects;
}

/** grf_graph_edges() of a node that is an object. False: out of memory. */
static inline bool grf_retained_edges(const struct grf_retained *retained, uint32_t node,
				      grf_edge_visit *visit, void *context)
{
	const struct grf_span *span = grf_retained_span(retained, node);
	uint64_t id = grf_retained_object(retained, node);

	return grf_graph_edges(retained->graph, span, (uint32_t)(id - span->first_object), visit,
			       context);
}

typedef void grf_node_visit(void *context, uint32_t node);

/** Calls visit() for each node that `owner` is the immediate dominator of. False: out of memory. */
bool grf_retained_children(const struct grf_retained *retained, uint32_t owner,
			   grf_node_visit *visit, void *context);

#endif
