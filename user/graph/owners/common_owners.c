/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is shared and leads to nothing that is: one more pass over the core's edges finds what is
 * common to all that hold it. The same pass counts who holds what all own. Until the last pointer
 * to such an object is met, its owner is the rank of what is common to those so far, and how many
 * they are is remembered: all of them come from one node below all, or they are counted already.
 */
#include <assert.h>
#include <stdlib.h>

#include "graph/owners/owner_search.h"
#include "graph/pair_map.h"
#include "graph/plan_mask.h"

/* What a byte counts up to; the rest is counted in so many. */
#define FULL 255u

struct common {
	struct grf_owner_search *search;
	/* By rank: the node below all that owns it in the end, as an index of `holders`. */
	uint32_t *tops;
	GRF_ARRAY(uint32_t) holders;   /* what tallies call them */
	struct grf_ranked_set outside; /* ids: shared, and not in the core */
	uint8_t *pointers;             /* by index of `outside`: pointers that were met */
	struct grf_pair_map full;      /* (id, 0) -> how often they filled it */
	struct grf_pair_map index;     /* (kind, holder) -> index of tallies */
	struct grf_holder_tally *latest;
};

/* ---- who is below all ---- */

/* Objects below all go by their kinds: there may be very many. */
static bool name_tops(struct common *common)
{
	const struct grf_owner_search *search = common->search;
	const struct grf_dominator_tree *tree = &search->dominators;
	uint32_t count = 1;

	common->tops = malloc(((size_t)tree->count + 1) * sizeof(*common->tops));
	if (!common->tops || !grf_array_add(&common->holders))
		return false;
	common->tops[0] = 0;
	common->holders.items[0] = GRF_ROOT_ALL;
	for (uint32_t rank = 1; rank < tree->count; rank++) {
		uint32_t *added, node;

		if (tree->dominator[rank]) {
			common->tops[rank] = common->tops[tree->dominator[rank]];
			continue;
		}
		common->tops[rank] = count++;
		added = grf_array_add(&common->holders);
		if (!added)
			return false;
		node = grf_owner_search_node_of_core(search, tree->node_at[rank]);
		*added = node < search->root_count
			     ? node
			     : search->root_count + grf_graph_kind_index(search->retained->graph,
									 node - search->root_count);
	}
	return true;
}

/* ---- pointers ---- */

static void add_pointers(struct common *common, uint32_t id, uint32_t rank, uint64_t pointers)
{
	struct grf_retained *retained = common->search->retained;
	uint32_t kind = grf_graph_kind_index(retained->graph, id), index;
	uint32_t holder = common->holders.items[common->tops[rank]];
	struct grf_holder_tally *tally = common->latest;

	if (tally && tally->kind == kind && tally->holder == holder) {
		tally->pointers += pointers;
		return;
	}
	index = grf_pair_map_get(&common->index, kind, holder);
	if (index == GRF_PAIR_MAP_NONE) {
		index = (uint32_t)retained->tallies.count;
		tally = grf_array_add(&retained->tallies);
		if (!tally || !grf_pair_map_put(&common->index, kind, holder, index)) {
			common->search->no_memory = true;
			return;
		}
		tally->kind = kind;
		tally->holder = holder;
	}
	common->latest = &retained->tallies.items[index];
	common->latest->pointers += pointers;
}

/* One more pointer to an object that may turn out to be owned by all. */
static void remember_pointer(struct common *common, uint32_t id)
{
	uint8_t *pointers = &common->pointers[grf_ranked_set_rank(&common->outside, id)];
	uint32_t full;

	if (++*pointers < FULL)
		return;
	*pointers = 0;
	full = grf_pair_map_get(&common->full, id, 0);
	if (!grf_pair_map_put(&common->full, id, 0, full == GRF_PAIR_MAP_NONE ? 1 : full + 1))
		common->search->no_memory = true;
}

static uint64_t remembered_pointers(const struct common *common, uint32_t id)
{
	uint32_t full = grf_pair_map_get(&common->full, id, 0);

	return common->pointers[grf_ranked_set_rank(&common->outside, id)] +
	       (full == GRF_PAIR_MAP_NONE ? 0 : (uint64_t)full * FULL);
}

static uint32_t core_rank(const struct grf_owner_search *search, uint64_t id)
{
	return search->dominators.rank_of[grf_owner_search_node(search, id)];
}

/* One more holder, by rank, of an object outside the core. */
static void join_holder(struct common *common, uint32_t rank, uint32_t id)
{
	struct grf_owner_search *search = common->search;
	uint32_t known = grf_owner_search_owner(search, id);

	if (!known) {
		add_pointers(common, id, rank, 1);
		return;
	}
	if (known != GRF_OWNER_SEVERAL && common->tops[known] != common->tops[rank]) {
		add_pointers(common, id, known, remembered_pointers(common, id));
		add_pointers(common, id, rank, 1);
		grf_owner_search_set(search, id, 0);
		return;
	}
	remember_pointer(common, id);
	if (known == GRF_OWNER_SEVERAL)
		grf_owner_search_set(search, id, rank);
	else if (known != rank)
		grf_owner_search_set(search, id,
				     grf_dominator_of_both(&search->dominators, known, rank));
}

static void visit_held(void *context, uint32_t rank, uint32_t id)
{
	struct common *common = context;
	struct grf_owner_search *search = common->search;

	if (rank == GRF_DOMINATORS_NONE || !grf_bit(search->retained->shared, id))
		return;
	assert(rank && "all hold nothing themselves");
	if (!grf_ranked_set_has(&search->core, id))
		join_holder(common, rank, id);
	else if (grf_owner_search_owner(search, id) == GRF_ROOT_ALL &&
		 core_rank(search, id) != rank)
		add_pointers(common, id, rank, 1);
}

/* ---------------------------------------------------------------------------------------------- */

static bool prepare_common(struct common *common)
{
	const struct grf_owner_search *search = common->search;

	if (!name_tops(common) ||
	    !grf_ranked_set_create(&common->outside,
				   search->retained->graph->model->heap->object_ids))
		return false;
	for (uint64_t word = 0; word < common->outside.words; word++)
		common->outside.bits[word] =
		    search->retained->shared[word] & ~search->core.bits[word];
	common->pointers =
	    calloc((size_t)grf_ranked_set_count(&common->outside) + 1, sizeof(*common->pointers));
	return common->pointers;
}

static struct grf_error *visit_all(struct common *common)
{
	struct grf_owner_search *search = common->search;
	const struct grf_root_nodes *roots = &search->retained->roots;

	for (size_t i = 0; i < roots->edges.count; i++)
		if (grf_holdings_has(search->holdings, roots, &roots->edges.items[i]))
			visit_held(common, search->dominators.rank_of[roots->edges.items[i].root],
				   roots->edges.items[i].object);
	return grf_owner_search_edges(search, core_rank, visit_held, common);
}

/* Makes nodes of ranks. */
static void take_ranks(struct common *common)
{
	struct grf_owner_search *search = common->search;

	for (uint64_t word = 0; word < common->outside.words; word++)
		for (uint64_t left = common->outside.bits[word]; left; left &= left - 1) {
			uint64_t id = word * 64 + (uint64_t)__builtin_ctzll(left);
			uint32_t rank = grf_owner_search_owner(search, id);

			grf_owner_search_set(search, id,
					     rank == GRF_OWNER_SEVERAL
						 ? GRF_OWNER_UNKNOWN
						 : grf_owner_search_node_of_core(
						       search, search->dominators.node_at[rank]));
		}
}

struct grf_error *grf_owner_search_common(struct grf_owner_search *search)
{
	struct common common = {.search = search};
	struct grf_error *error =
	    prepare_common(&common) ? visit_all(&common) : grf_error_no_memory();

	if (!error)
		take_ranks(&common);
	free(common.tops);
	grf_array_free(&common.holders);
	grf_ranked_set_free(&common.outside);
	free(common.pointers);
	grf_pair_map_free(&common.full);
	grf_pair_map_free(&common.index);
	return error;
}
