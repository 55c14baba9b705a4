/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the dominators in passes over arrays: depth-first search, semidominators by path
 * compression, then the tree of dominators from the top down. What is common to two nodes is found
 * by heavy paths: each node goes on to the one below it that has most below itself, and a way up
 * changes from path to path no more often than the number of nodes can be halved. */
#include "graph/owners/dominators.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * Nodes by the order of a depth-first search ("ranks"), the root being 0. What the search does not
 * reach has no rank.
 */
struct dominators {
	uint32_t node_count;
	uint32_t count;    /* of ranks */
	uint32_t *rank_of; /* by node; GRF_DOMINATORS_NONE: not reached */
	uint32_t *node_at; /* by rank */
	/* By rank: the parent in the search's tree; later on, where the way up has been shortened,
	 * an ancestor. */
	uint32_t *above;
	uint32_t *semi;      /* by rank: the semidominator's rank */
	uint32_t *least;     /* by rank: the least `semi` from here up to what is below `above` */
	uint32_t *dominator; /* by rank */
	/* Edges by the rank that they lead to. */
	uint32_t *first_source, *sources;
};

static void dominators_free(struct dominators *work)
{
	free(work->rank_of);
	free(work->node_at);
	free(work->above);
	free(work->semi);
	free(work->least);
	free(work->dominator);
	free(work->first_source);
	free(work->sources);
}

void grf_flow_graph_free(struct grf_flow_graph *graph)
{
	free(graph->first);
	free(graph->targets);
	graph->first = graph->targets = NULL;
}

/* An array of `count` numbers, and one more. NULL: out of memory. */
static uint32_t *new_numbers(uint64_t count)
{
	return calloc(count + 1, sizeof(uint32_t));
}

/* Gives ranks in the order of a depth-first search. `next` is, by rank, the next edge to follow. */
static bool search_nodes(struct dominators *work, const struct grf_flow_graph *graph)
{
	uint32_t *next = new_numbers(graph->node_count), at = 0;

	if (!next)
		return false;
	memset(work->rank_of, 0xff, graph->node_count * sizeof(*work->rank_of));
	work->rank_of[0] = work->node_at[0] = work->above[0] = 0;
	next[0] = graph->first[0];
	work->count = 1;
	for (;;) {
		uint32_t target;

		if (next[at] == graph->first[work->node_at[at] + 1]) {
			if (!at)
				break;
			at = work->above[at];
			continue;
		}
		target = graph->targets[next[at]++];
		assert(target < graph->node_count);
		if (work->rank_of[target] != GRF_DOMINATORS_NONE)
			continue;
		work->above[work->count] = at;
		at = work->count++;
		work->rank_of[target] = at;
		work->node_at[at] = target;
		next[at] = graph->first[target];
	}
	free(next);
	return true;
}

/* Sorts the edges between nodes with a rank by where they lead to. */
static bool reverse_edges(struct dominators *work, const struct grf_flow_graph *graph)
{
	uint32_t sum = 0;

	work->first_source = calloc((size_t)work->count + 1, sizeof(*work->first_source));
	work->sources = new_numbers(graph->first[graph->node_count]);
	if (!work->first_source || !work->sources)
		return false;
	for (uint32_t i = 0; i < work->count; i++) {
		uint32_t node = work->node_at[i];

		for (uint32_t e = graph->first[node]; e < graph->first[node + 1]; e++)
			work->first_source[work->rank_of[graph->targets[e]]]++;
	}
	for (uint32_t i = 0; i <= work->count; i++) {
		sum += i < work->count ? work->first_source[i] : 0;
		work->first_source[i] = sum;
	}
	for (uint32_t i = work->count; i-- > 0;) {
		uint32_t node = work->node_at[i];

		for (uint32_t e = graph->first[node]; e < graph->first[node + 1]; e++)
			work->sources[--work->first_source[work->rank_of[graph->targets[e]]]] = i;
	}
	return true;
}

/*
 * The least semidominator on the way from `rank` up to the tree's part that has not been worked on,
 * whose ranks are below `worked`. Shortens the way for the next time: goes up with the links
 * turned around, and comes back down.
 */
static uint32_t least_above(struct dominators *work, uint32_t rank, uint32_t worked)
{
	uint32_t at = rank, below = GRF_DOMINATORS_NONE, top;

	if (rank < worked || work->above[rank] < worked)
		return work->least[rank];
	while (work->above[at] >= worked) {
		uint32_t up = work->above[at];

		work->above[at] = below;
		below = at;
		at = up;
	}
	top = work->above[at];
	/* `at` is the last one with a way of one step; what is below it goes there, too. */
	for (uint32_t least = work->least[at]; below != GRF_DOMINATORS_NONE;) {
		uint32_t down = work->above[below];

		if (work->least[below] > least)
			work->least[below] = least;
		least = work->least[below];
		work->above[below] = top;
		below = down;
	}
	return work->least[rank];
}

static bool find_semidominators(struct dominators *work)
{
	work->semi = new_numbers(work->count);
	work->least = new_numbers(work->count);
	work->dominator = new_numbers(work->count);
	if (!work->semi || !work->least || !work->dominator)
		return false;
	memcpy(work->dominator, work->above, work->count * sizeof(*work->above));
	for (uint32_t i = 0; i < work->count; i++)
		work->semi[i] = work->least[i] = i;
	for (uint32_t i = work->count; i-- > 1;) {
		uint32_t semi = work->above[i];

		for (uint32_t e = work->first_source[i]; e < work->first_source[i + 1]; e++) {
			uint32_t least = least_above(work, work->sources[e], i + 1);

			if (least < semi)
				semi = least;
		}
		work->semi[i] = work->least[i] = semi;
	}
	return true;
}

/* The immediate dominator is the nearest common ancestor of parent and semidominator in the tree of
 * dominators, of which the part above is made already. */
static void find_dominators(struct dominators *work)
{
	for (uint32_t i = 1; i < work->count; i++) {
		uint32_t at = work->dominator[i];

		while (at > work->semi[i])
			at = work->dominator[at];
		work->dominator[i] = at;
	}
}

/*
 * Cuts the tree into paths, `head` being the first node of each. A dominator has a lower rank than
 * what it dominates, so that one pass up has all sizes, and one down all heads.
 */
static bool find_paths(struct grf_dominator_tree *tree)
{
	uint32_t *sizes = new_numbers(tree->count), *heaviest = new_numbers(tree->count);
	bool made = sizes && heaviest && (tree->head = new_numbers(tree->count));

	for (uint32_t i = tree->count; made && i-- > 1;) {
		uint32_t above = tree->dominator[i];

		sizes[i]++;
		sizes[above] += sizes[i];
		if (!heaviest[above] || sizes[heaviest[above]] <= sizes[i])
			heaviest[above] = i;
	}
	for (uint32_t i = 1; made && i < tree->count; i++) {
		uint32_t above = tree->dominator[i];

		tree->head[i] = heaviest[above] == i ? tree->head[above] : i;
	}
	free(sizes);
	free(heaviest);
	return made;
}

uint32_t grf_dominator_of_both(const struct grf_dominator_tree *tree, uint32_t left, uint32_t right)
{
	/* The path that begins later has no ancestor of the other one's beginning. */
	while (tree->head[left] != tree->head[right])
		if (tree->head[left] > tree->head[right])
			left = tree->dominator[tree->head[left]];
		else
			right = tree->dominator[tree->head[right]];
	return left < right ? left : right;
}

static struct grf_error *prepare_work(struct dominators *work, const struct grf_flow_graph *graph)
{
	work->node_count = graph->node_count;
	work->rank_of = new_numbers(graph->node_count);
	work->node_at = new_numbers(graph->node_count);
	work->above = new_numbers(graph->node_count);
	if (!work->rank_of || !work->node_at || !work->above || !search_nodes(work, graph) ||
	    !reverse_edges(work, graph))
		return grf_error_no_memory();
	return NULL;
}

static struct grf_error *find_all(struct dominators *work, struct grf_dominator_tree *ret)
{
	/* The ranks of nodes are not needed until they can be read off node_at[]. */
	free(work->rank_of);
	work->rank_of = NULL;
	if (!find_semidominators(work))
		return grf_error_no_memory();
	free(work->sources);
	free(work->first_source);
	free(work->least);
	free(work->above);
	work->sources = work->first_source = work->least = work->above = NULL;
	find_dominators(work);
	free(work->semi);
	work->semi = NULL;
	*ret = (struct grf_dominator_tree){
	    .count = work->count,
	    .rank_of = new_numbers(work->node_count),
	    .node_at = grf_take(work->node_at),
	    .dominator = grf_take(work->dominator),
	};
	if (!ret->rank_of || !find_paths(ret))
		return grf_error_no_memory();
	memset(ret->rank_of, 0xff, work->node_count * sizeof(*ret->rank_of));
	for (uint32_t i = 0; i < ret->count; i++)
		ret->rank_of[ret->node_at[i]] = i;
	return NULL;
}

struct grf_error *grf_dominators(struct grf_flow_graph *graph, struct grf_dominator_tree *ret)
{
	struct dominators work = {0};
	struct grf_error *error;

	assert(graph->node_count && graph->node_count != GRF_DOMINATORS_NONE);
	*ret = (struct grf_dominator_tree){0};
	error = prepare_work(&work, graph);
	grf_flow_graph_free(graph);
	if (!error)
		error = find_all(&work, ret);
	dominators_free(&work);
	return error;
}

void grf_dominator_tree_free(struct grf_dominator_tree *tree)
{
	free(tree->rank_of);
	free(tree->node_at);
	free(tree->dominator);
	free(tree->head);
	*tree = (struct grf_dominator_tree){0};
}
