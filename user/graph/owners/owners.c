/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the owner of every reached object. One pass over all edges finds those that one node alone
 * holds, whose owner that is. What holds the others, and all that leads there (the core), becomes a
 * graph of its own, whose dominators are found. Of the others those that hold none themselves take
 * no part in it: they are owned by what is common to all that hold them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "graph/owners/owner_search.h"
#include "graph/plan_mask.h"

/* Spans between two looks at interruption. */
#define BREATH 1024

static bool is_object(const struct grf_owner_search *search, uint32_t owner)
{
	return owner <= GRF_OWNER_MAX && owner >= search->root_count;
}

static void add_to_core(struct grf_owner_search *search, uint32_t node)
{
	if (is_object(search, node))
		grf_ranked_set_add(&search->core, node - search->root_count);
}

/* One more pointer to an object. */
static void note_holder(struct grf_owner_search *search, uint32_t holder, uint32_t id)
{
	uint32_t known = grf_owner_search_owner(search, id);

	if (known == holder || known == GRF_NODE_NONE || known == GRF_ROOT_OF_DESCRIPTORS ||
	    holder == search->root_count + id)
		return;
	if (known == GRF_OWNER_UNKNOWN) {
		grf_owner_search_set(search, id, holder);
		return;
	}
	add_to_core(search, holder);
	if (known == GRF_OWNER_SEVERAL)
		return;
	add_to_core(search, known);
	grf_bit_set(search->retained->shared, id);
	grf_owner_search_set(search, id, GRF_OWNER_SEVERAL);
}

static void visit_held(void *context, uint32_t holder, uint32_t id)
{
	note_holder(context, holder, id);
}

/* Descriptors first: nothing else owns them. */
static void note_roots(struct grf_owner_search *search)
{
	const struct grf_root_nodes *roots = &search->retained->roots;

	for (size_t i = 0; i < roots->edges.count; i++)
		if (roots->edges.items[i].root == GRF_ROOT_OF_DESCRIPTORS)
			grf_owner_search_set(search, roots->edges.items[i].object,
					     GRF_ROOT_OF_DESCRIPTORS);
	for (size_t i = 0; i < roots->edges.count; i++)
		if (grf_holdings_has(search->holdings, roots, &roots->edges.items[i]))
			note_holder(search, roots->edges.items[i].root,
				    roots->edges.items[i].object);
}

static void add_span(struct grf_owner_search *search, struct grf_holding_stream *stream,
		     const struct grf_span *span)
{
	const struct grf_graph *graph = search->retained->graph;

	if (span->pointer_layout == GRF_POINTERS_NONE)
		return;
	for (uint32_t slot = 0; slot < span->slot_count && !search->no_memory; slot++) {
		uint32_t id = (uint32_t)(span->first_object + slot);

		if (grf_graph_reached(graph, id) &&
		    !grf_holding_stream_add(stream, span, slot, search->root_count + id))
			search->no_memory = true;
	}
}

static struct grf_error *find_single_holders(struct grf_owner_search *search)
{
	const struct grf_heap *heap = search->retained->graph->model->heap;
	struct grf_holding_stream stream = grf_owner_search_stream(search, visit_held, search);

	note_roots(search);
	for (size_t i = 0; i < heap->span_count && !search->no_memory; i++) {
		if (!(i % BREATH)) {
			grf_progress("finding who holds what", i, heap->span_count);
			if (grf_interrupted())
				return grf_error_interrupted();
		}
		add_span(search, &stream, &heap->spans[i]);
	}
	grf_holding_stream_end(&stream);
	return search->no_memory ? grf_error_no_memory() : NULL;
}

/* Adds what the core's objects hang from. */
static void complete_core(struct grf_owner_search *search)
{
	for (uint64_t word = 0; word < search->core.words; word++)
		for (uint64_t left = search->core.bits[word]; left; left &= left - 1) {
			uint64_t id = word * 64 + (uint64_t)__builtin_ctzll(left);
			uint32_t owner = grf_owner_search_owner(search, id);

			while (is_object(search, owner) &&
			       !grf_ranked_set_has(&search->core, owner - search->root_count)) {
				add_to_core(search, owner);
				owner = grf_owner_search_owner(search, owner - search->root_count);
			}
		}
}

/* Edges of `node` come now; nodes before it have no more. */
static void begin_in_flow(struct grf_owner_search *search, uint32_t node)
{
	while (search->flowing < node)
		search->flow.first[++search->flowing] = (uint32_t)search->targets.count;
}

static void add_target(struct grf_owner_search *search, uint32_t node, uint32_t target)
{
	uint32_t *added;

	begin_in_flow(search, node);
	if (search->targets.count > search->flow.first[node] &&
	    search->targets.items[search->targets.count - 1] == target)
		return;
	added = search->targets.count < GRF_OWNER_MAX ? grf_array_add(&search->targets) : NULL;
	if (added)
		*added = target;
	else
		search->no_memory = true;
}

/* As visit_held(), for the core's graph, whose nodes have numbers of their own. */
static void visit_in_core(void *context, uint32_t holder, uint32_t id)
{
	struct grf_owner_search *search = context;

	if (grf_ranked_set_has(&search->core, id) &&
	    grf_owner_search_owner(search, id) != GRF_ROOT_OF_DESCRIPTORS)
		add_target(search, holder, grf_owner_search_node(search, id));
}

static void add_roots_to_flow(struct grf_owner_search *search)
{
	const struct grf_root_nodes *roots = &search->retained->roots;
	size_t edge = 0;

	for (uint32_t root = 0; root < search->root_count; root++) {
		for (uint32_t i = roots->first_child[root]; i < roots->first_child[root + 1]; i++)
			add_target(search, root, roots->children[i]);
		for (; edge < roots->edges.count && roots->edges.items[edge].root == root; edge++) {
			uint32_t id = roots->edges.items[edge].object;

			if (!grf_ranked_set_has(&search->core, id) ||
			    !grf_holdings_has(search->holdings, roots, &roots->edges.items[edge]))
				continue;
			if (root == GRF_ROOT_OF_DESCRIPTORS ||
			    grf_owner_search_owner(search, id) != GRF_ROOT_OF_DESCRIPTORS)
				add_target(search, root, grf_owner_search_node(search, id));
		}
	}
}

static struct grf_error *make_flow(struct grf_owner_search *search)
{
	struct grf_error *error;

	search->flow.node_count = search->root_count + search->core.count;
	search->flow.first =
	    malloc(((size_t)search->flow.node_count + 1) * sizeof(*search->flow.first));
	if (!search->flow.first)
		return grf_error_no_memory();
	search->flow.first[0] = 0;
	add_roots_to_flow(search);
	error = grf_owner_search_edges(search, grf_owner_search_node, visit_in_core, search);
	begin_in_flow(search, search->flow.node_count);
	search->flow.targets = search->targets.items;
	search->targets.items = NULL;
	return error;
}

/* ---- owners from dominators ---- */

/* Takes the dominators of the core for owners. False: out of memory. */
static bool take_dominators(struct grf_owner_search *search)
{
	uint32_t count = 0;

	search->core_ids = malloc(((size_t)search->core.count + 1) * sizeof(*search->core_ids));
	if (!search->core_ids)
		return false;
	for (uint64_t word = 0; word < search->core.words; word++)
		for (uint64_t left = search->core.bits[word]; left; left &= left - 1)
			search->core_ids[count++] =
			    (uint32_t)(word * 64 + (uint64_t)__builtin_ctzll(left));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t owner = grf_dominator_of(&search->dominators, search->root_count + i);

		grf_owner_search_set(search, search->core_ids[i],
				     owner == GRF_DOMINATORS_NONE
					 ? GRF_OWNER_UNKNOWN
					 : grf_owner_search_node_of_core(search, owner));
	}
	return true;
}

static struct grf_error *find_owners_in_core(struct grf_owner_search *search)
{
	struct grf_error *error;

	complete_core(search);
	if (grf_ranked_set_count(&search->core) >= GRF_OWNER_MAX - search->root_count)
		return grf_error_create(GRF_ERROR_UNSUPPORTED, "more than 2^32 objects");
	error = make_flow(search);
	if (error)
		return error;
	grf_debug("owners: %u objects in the core, %zu edges", search->core.count,
		  search->targets.count);
	error = grf_dominators(&search->flow, &search->dominators);
	if (!error && !take_dominators(search))
		error = grf_error_no_memory();
	return error ? error : grf_owner_search_common(search);
}

/* What nothing was found to hold is everybody's. */
static void take_unheld(struct grf_owner_search *search)
{
	struct grf_retained *retained = search->retained;

	for (uint64_t id = 0; id < retained->graph->model->heap->object_ids; id++) {
		if (grf_owner_search_owner(search, id) != GRF_OWNER_UNKNOWN)
			continue;
		grf_owner_search_set(search, id, GRF_ROOT_ALL);
		grf_bit_set(retained->shared, id);
		retained->unheld++;
	}
}

static bool prepare_search(struct grf_owner_search *search)
{
	struct grf_retained *retained = search->retained;
	uint64_t ids = retained->graph->model->heap->object_ids;

	retained->shared = calloc(ids / 64 + 2, sizeof(*retained->shared));
	if (!grf_node_numbers_create(&retained->owners, ids, retained->node_count) ||
	    !retained->shared || !grf_ranked_set_create(&search->core, ids))
		return false;
	for (uint64_t id = 0; id < ids; id++)
		grf_owner_search_set(search, id,
				     grf_graph_reached(retained->graph, id) ? GRF_OWNER_UNKNOWN
									    : GRF_NODE_NONE);
	return true;
}

static struct grf_error *search_owners(struct grf_owner_search *search)
{
	struct grf_error *error = find_single_holders(search);

	if (!error)
		error = find_owners_in_core(search);
	if (!error)
		take_unheld(search);
	return error;
}

struct grf_error *grf_retained_find_owners(struct grf_retained *retained,
					   const struct grf_holdings *holdings)
{
	struct grf_owner_search search = {
	    .retained = retained,
	    .holdings = holdings,
	    .root_count = (uint32_t)retained->roots.nodes.count,
	};
	struct grf_error *error;

	if (prepare_search(&search))
		error = search_owners(&search);
	else
		error = grf_error_no_memory();
	grf_progress_end();
	grf_flow_graph_free(&search.flow);
	grf_array_free(&search.targets);
	grf_dominator_tree_free(&search.dominators);
	grf_ranked_set_free(&search.core);
	free(search.core_ids);
	return error;
}
