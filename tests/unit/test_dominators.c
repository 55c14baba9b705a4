/* SPDX-License-Identifier: BSD-2-Clause */
/* Dominators of random graphs against their definition: without its dominator, a node is not
 * reached. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "draw.h"
#include "graph/owners/dominators.h"

#define NODES 64
#define EDGES 1024

static struct {
	uint32_t nodes, edges;
	uint32_t from[EDGES], to[EDGES];
} drawn;

static void edge(uint32_t from, uint32_t to)
{
	assert_true(drawn.edges < EDGES);
	drawn.from[drawn.edges] = from;
	drawn.to[drawn.edges++] = to;
}

/* Any two nodes, `count` times; themselves included. */
static void any_edges(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		edge(draw(drawn.nodes), draw(drawn.nodes));
}

static void tree_edges(void)
{
	for (uint32_t i = 1; i < drawn.nodes; i++)
		edge(draw(i), i);
}

static void draw_tree(void)
{
	tree_edges();
}

static void draw_acyclic(void)
{
	for (uint32_t i = 0; i < 2 * drawn.nodes && drawn.nodes > 1; i++) {
		uint32_t to = 1 + draw(drawn.nodes - 1);

		edge(draw(to), to);
	}
}

static void draw_dense(void)
{
	any_edges(8 * drawn.nodes);
}

/* Nodes that nothing reaches, among others. */
static void draw_sparse(void)
{
	any_edges(drawn.nodes);
}

/* A chain with links back, as of a doubly linked list, and a few across. */
static void draw_chain(void)
{
	for (uint32_t i = 1; i < drawn.nodes; i++) {
		edge(i - 1, i);
		edge(i, i - 1);
	}
	any_edges(draw(4));
}

static void draw_cycles(void)
{
	for (uint32_t i = 0, length; i < drawn.nodes; i += length) {
		length = 1 + draw(8);
		if (length > drawn.nodes - i)
			length = drawn.nodes - i;
		for (uint32_t k = 0; k < length; k++)
			edge(i + k, i + (k + 1) % length);
		edge(draw(drawn.nodes), i + draw(length));
	}
	any_edges(drawn.nodes / 4);
}

/* A root of many, as that of all variables. */
static void draw_many_roots(void)
{
	for (uint32_t i = 0; i < drawn.nodes; i++)
		if (!draw(3))
			edge(0, i);
	any_edges(2 * drawn.nodes);
}

/* Every edge twice, every node with one to itself. */
static void draw_doubled(void)
{
	tree_edges();
	any_edges(drawn.nodes);
	for (uint32_t i = 0, count = drawn.edges; i < count; i++)
		edge(drawn.from[i], drawn.to[i]);
	for (uint32_t i = 0; i < drawn.nodes; i++)
		edge(i, i);
}

/* Marks what the root reaches without going through `without`. */
static void reach(uint32_t without, bool *ret)
{
	bool more = without != 0;

	memset(ret, 0, NODES * sizeof(*ret));
	ret[0] = more;
	while (more) {
		more = false;
		for (uint32_t i = 0; i < drawn.edges; i++) {
			if (!ret[drawn.from[i]] || ret[drawn.to[i]] || drawn.to[i] == without)
				continue;
			ret[drawn.to[i]] = more = true;
		}
	}
}

static struct grf_flow_graph make_graph(void)
{
	struct grf_flow_graph graph = {
	    .node_count = drawn.nodes,
	    .first = calloc(drawn.nodes + 1, sizeof(uint32_t)),
	    .targets = calloc(drawn.edges + 1, sizeof(uint32_t)),
	};
	uint32_t count = 0;

	assert_non_null(graph.first);
	assert_non_null(graph.targets);
	for (uint32_t node = 0; node < drawn.nodes; node++) {
		for (uint32_t i = 0; i < drawn.edges; i++)
			if (drawn.from[i] == node)
				graph.targets[count++] = drawn.to[i];
		graph.first[node + 1] = count;
	}
	return graph;
}

/* The immediate one of a node's dominators is that which has the most dominators itself. */
static void assert_dominators_by_definition(const struct grf_dominator_tree *tree)
{
	static bool reached[NODES], without[NODES][NODES];
	uint32_t depth[NODES] = {0}, dominators[NODES];

	for (uint32_t i = 0; i < drawn.nodes; i++)
		dominators[i] = grf_dominator_of(tree, i);
	reach(GRF_DOMINATORS_NONE, reached);
	for (uint32_t i = 0; i < drawn.nodes; i++)
		reach(i, without[i]);
	for (uint32_t d = 0; d < drawn.nodes; d++)
		for (uint32_t i = 0; i < drawn.nodes; i++)
			depth[i] += reached[i] && !without[d][i];
	assert_int_equal(dominators[0], 0);
	for (uint32_t i = 1; i < drawn.nodes; i++) {
		if (!reached[i]) {
			assert_int_equal(dominators[i], GRF_DOMINATORS_NONE);
			continue;
		}
		assert_in_range(dominators[i], 0, drawn.nodes - 1);
		assert_int_not_equal(dominators[i], i);
		assert_false(without[dominators[i]][i]);
		assert_int_equal(depth[dominators[i]] + 1, depth[i]);
	}
}

/* What dominates two nodes, or is one of them: of these the one that comes last. */
static void assert_common_by_definition(const struct grf_dominator_tree *tree)
{
	for (uint32_t left = 0; left < tree->count; left++)
		for (uint32_t right = 0; right < tree->count; right++) {
			uint32_t a = left, b = right;

			while (a != b)
				if (a > b)
					a = tree->dominator[a];
				else
					b = tree->dominator[b];
			assert_int_equal(grf_dominator_of_both(tree, left, right), a);
		}
}

static void assert_dominators(void)
{
	struct grf_flow_graph graph = make_graph();
	struct grf_dominator_tree tree;

	assert_null(grf_dominators(&graph, &tree));
	assert_null(graph.first);
	assert_null(graph.targets);
	assert_dominators_by_definition(&tree);
	assert_common_by_definition(&tree);
	grf_dominator_tree_free(&tree);
}

static void test_random_graphs(void **state)
{
	static void (*const shapes[])(void) = {draw_tree,       draw_acyclic, draw_dense,
					       draw_sparse,     draw_chain,   draw_cycles,
					       draw_many_roots, draw_doubled};

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		random_state = 0x9e3779b97f4a7c15u * (i + 1);
		drawn.nodes = 1 + draw(i < 900 ? 24 : NODES);
		drawn.edges = 0;
		shapes[i % (sizeof(shapes) / sizeof(*shapes))]();
		assert_dominators();
	}
}

/* The graph of the paper by Lengauer and Tarjan (1979), R = 0, A to L = 1 to 12. */
static void test_the_example_of_the_literature(void **state)
{
	static const char edges[] =
	    "RA RB RC AD BA BD BE CF CG DL EH FI GI GJ HE HK IK JI KI KR LH";
	static const uint32_t expected[] = {0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 7, 0, 4};
	static const char names[] = "RABCDEFGHIJKL";
	struct grf_flow_graph graph;
	struct grf_dominator_tree tree;

	(void)state;
	drawn.nodes = 13;
	drawn.edges = 0;
	for (const char *at = edges; at < edges + sizeof(edges); at += 3)
		edge((uint32_t)(strchr(names, at[0]) - names),
		     (uint32_t)(strchr(names, at[1]) - names));
	graph = make_graph();
	assert_null(grf_dominators(&graph, &tree));
	for (uint32_t i = 0; i < drawn.nodes; i++)
		assert_int_equal(grf_dominator_of(&tree, i), expected[i]);
	grf_dominator_tree_free(&tree);
}

/* A list of a million, whose every element knows its first and the one before it: no recursion, and
 * no way that is gone again and again. */
static void test_a_long_chain(void **state)
{
	const uint32_t count = 1000000;
	struct grf_flow_graph graph = {.node_count = count};
	struct grf_dominator_tree tree;
	uint32_t edges = 0;

	(void)state;
	graph.first = calloc(count + 1, sizeof(uint32_t));
	graph.targets = calloc(3 * (size_t)count, sizeof(uint32_t));
	assert_non_null(graph.first);
	assert_non_null(graph.targets);
	for (uint32_t i = 0; i < count; i++) {
		graph.targets[edges++] = 0;
		if (i)
			graph.targets[edges++] = i - 1;
		if (i + 1 < count)
			graph.targets[edges++] = i + 1;
		graph.first[i + 1] = edges;
	}
	assert_null(grf_dominators(&graph, &tree));
	for (uint32_t i = 1; i < count; i++)
		assert_int_equal(grf_dominator_of(&tree, i), i - 1);
	assert_int_equal(grf_dominator_of_both(&tree, count - 1, count / 2), count / 2);
	grf_dominator_tree_free(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_random_graphs),
	    cmocka_unit_test(test_the_example_of_the_literature),
	    cmocka_unit_test(test_a_long_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
