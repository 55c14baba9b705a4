/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contexts that nobody lets go: one that has very many children, as those that are cancelled leave
 * it, and chains of them, as each one that is derived keeps all before it.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "views/suspects/suspects_private.h"

/* A server has a context for each request that it serves at a time, and a few for its parts. */
#define MANY_CHILDREN 1000u
/* Middleware makes ten or twenty of them, and each call into another service some more. */
#define DEEP 100u
/* Contexts are small. So many bytes of them are more than a thousand. */
#define CHAIN_LEAST(least) ((least) / 16)

/* What embeds its parent as the first field (context/context.go, all releases). */
static const char *const contexts[] = {
    "context.cancelCtx",    "context.timerCtx",         "context.valueCtx",
    "context.afterFuncCtx", "context.withoutCancelCtx", "context.stopCtx",
};
#define PARENT_DATA 8u

static bool is_context(const struct grf_object_kind *kind)
{
	return kind->content == GRF_CONTENT_ONE &&
	       grf_type_is_one_of(kind->type, contexts, sizeof(contexts) / sizeof(*contexts));
}

/* All contexts, by id. */
struct chains {
	struct grf_suspecting *suspecting;
	struct grf_ranked_set set; /* ids */
	uint32_t *nodes, *parents; /* by rank; GRF_NODE_NONE: no parent that is a context */
	uint32_t *depths;          /* 0: not known; GRF_NODE_NONE: being looked at */
	bool *derived;             /* from this one there is another */
	struct grf_error *error;
};

static void add_context(void *context, uint32_t node)
{
	struct chains *chains = context;

	grf_ranked_set_add(&chains->set, grf_retained_object(chains->suspecting->retained, node));
}

/* Says of a context that it has many children, where they are more than memory bears. */
static void check_children(struct chains *chains, uint32_t node, const struct grf_slot *slot,
			   const uint8_t *memory, uint64_t room)
{
	const struct grf_retained *retained = chains->suspecting->retained;
	struct grf_suspicion suspicion = {.name = "context-children"};
	struct grf_container children;
	uint32_t map;

	if (!slot || slot->offset + 8 > room ||
	    !grf_container_find(retained, grf_load_u64(memory + slot->offset), &map) ||
	    !grf_container_map(retained, map, &children) || children.entries < MANY_CHILDREN)
		return;
	suspicion.node = map;
	suspicion.size = grf_retained_of(retained, map);
	suspicion.count = children.entries;
	if (suspicion.size.bytes < CHAIN_LEAST(chains->suspecting->least) || chains->error)
		return;
	chains->error =
	    grf_suspect_add(chains->suspecting, &suspicion,
			    "%s contexts that were made of one (%s), and not cancelled",
			    grf_format_count_of(children.entries),
			    grf_owner_type_name(retained, grf_owner_type(retained, node)));
}

static void visit_context(void *context, uint32_t node)
{
	struct chains *chains = context;
	const struct grf_retained *retained = chains->suspecting->retained;
	uint32_t rank = grf_ranked_set_rank(&chains->set, grf_retained_object(retained, node));
	uint32_t parent;
	uint64_t room;
	const uint8_t *memory = grf_container_value(retained, node, &room);

	chains->nodes[rank] = node;
	chains->parents[rank] = GRF_NODE_NONE;
	if (!memory || room < PARENT_DATA + 8)
		return;
	if (grf_container_find(retained, grf_load_u64(memory + PARENT_DATA), &parent) &&
	    grf_ranked_set_has(&chains->set, grf_retained_object(retained, parent))) {
		parent = grf_ranked_set_rank(&chains->set, grf_retained_object(retained, parent));
		chains->parents[rank] = parent;
		chains->derived[parent] = true;
	}
	check_children(chains, node,
		       grf_container_field(grf_owner_type(retained, node), "children"), memory,
		       room);
}

/* Fills in how deep a context is, and all that it is derived from. In a hostile circle it ends. */
static void find_depth(struct chains *chains, uint32_t rank)
{
	uint32_t steps = 0, base, at;

	for (at = rank; at != GRF_NODE_NONE && !chains->depths[at]; at = chains->parents[at]) {
		chains->depths[at] = GRF_NODE_NONE;
		steps++;
	}
	base = at == GRF_NODE_NONE || chains->depths[at] == GRF_NODE_NONE ? 0 : chains->depths[at];
	for (at = rank; steps; at = chains->parents[at])
		chains->depths[at] = base + steps--;
}

/* What the contexts of a chain keep, where one that owns the next is counted once. */
static struct grf_retained_size size_of_chain(const struct chains *chains, uint32_t last)
{
	const struct grf_retained *retained = chains->suspecting->retained;
	struct grf_retained_size size = {0};
	uint32_t owner = GRF_ROOT_ALL, at = last;

	for (uint32_t left = chains->depths[last]; left && at != GRF_NODE_NONE;
	     left--, at = chains->parents[at]) {
		if (owner == GRF_ROOT_ALL ||
		    grf_retained_owner(retained, chains->nodes[at]) != owner)
			grf_retained_add(&size, grf_retained_of(retained, chains->nodes[at]));
		owner = chains->nodes[at];
	}
	return size;
}

/* Names the deepest chain. */
static void check_depths(struct chains *chains)
{
	struct grf_suspicion suspicion = {.name = "context-chain"};
	uint32_t deepest = 0, chained = 0;

	for (uint32_t i = 0; i < chains->set.count; i++) {
		find_depth(chains, i);
		if (chains->derived[i] || chains->depths[i] <= DEEP)
			continue;
		if (!chained++ || chains->depths[i] > chains->depths[deepest])
			deepest = i;
	}
	if (!chained || chains->error)
		return;
	suspicion.node = chains->nodes[deepest];
	suspicion.size = size_of_chain(chains, deepest);
	suspicion.count = chains->depths[deepest];
	if (suspicion.size.bytes < CHAIN_LEAST(chains->suspecting->least))
		return;
	chains->error = grf_suspect_add(chains->suspecting, &suspicion,
					"a chain of %s contexts, each made of the one before",
					grf_format_count_of(suspicion.count));
}

static void visit_all(struct chains *chains)
{
	struct grf_error *error =
	    grf_suspect_objects(chains->suspecting, is_context, visit_context, chains);

	if (!error && !chains->error)
		check_depths(chains);
	if (chains->error)
		grf_error_free(error);
	else
		chains->error = error;
}

struct grf_error *grf_suspect_contexts(struct grf_suspecting *suspecting)
{
	struct chains chains = {.suspecting = suspecting};
	uint64_t ids = suspecting->graph->model->heap->object_ids;
	size_t count;

	if (!grf_ranked_set_create(&chains.set, ids))
		chains.error = grf_error_no_memory();
	if (!chains.error)
		chains.error = grf_suspect_objects(suspecting, is_context, add_context, &chains);
	count = chains.error ? 0 : (size_t)grf_ranked_set_count(&chains.set) + 1;
	if (count > 1) {
		chains.nodes = calloc(count, sizeof(*chains.nodes));
		chains.parents = calloc(count, sizeof(*chains.parents));
		chains.depths = calloc(count, sizeof(*chains.depths));
		chains.derived = calloc(count, sizeof(*chains.derived));
		if (!chains.nodes || !chains.parents || !chains.depths || !chains.derived)
			chains.error = grf_error_no_memory();
		else
			visit_all(&chains);
	}
	grf_ranked_set_free(&chains.set);
	free(chains.nodes);
	free(chains.parents);
	free(chains.depths);
	free(chains.derived);
	return chains.error;
}
