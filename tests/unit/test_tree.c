/* SPDX-License-Identifier: BSD-2-Clause */
/* The nodes of the reference tree: roots, children, folding, the depth limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/graph.h"
#include "graph/tree_builder.h"
#include "graph/unlabelled_tree.h"

static const char next[] = "next. (*main.Node)";
static const char left[] = "L. (*main.Tree)";
static const char right[] = "R. (*main.Tree)";

struct fixture {
	struct grf_tree *tree;
	struct grf_tree_builder builder;
};

static void begin(struct fixture *fixture, uint32_t max_depth, bool no_fold)
{
	struct grf_graph_options options = {.max_depth = max_depth, .no_fold = no_fold};

	fixture->tree = calloc(1, sizeof(*fixture->tree));
	assert_non_null(fixture->tree);
	grf_tree_builder_init(&fixture->builder, fixture->tree, &options);
}

static void end(struct fixture *fixture)
{
	grf_tree_builder_free(&fixture->builder);
	grf_tree_destroy(fixture->tree);
}

static void test_roots_are_one_for_each_name(void **state)
{
	struct fixture fixture;
	uint32_t a, b;
	char name[] = "main.cache";

	(void)state;
	begin(&fixture, 256, false);
	a = grf_tree_root(&fixture.builder, GRF_ROOT_APPLICATION, "main.cache");
	b = grf_tree_root(&fixture.builder, GRF_ROOT_GOROUTINE, "main.main.cache");
	assert_int_not_equal(a, b);
	assert_int_equal(grf_tree_root(&fixture.builder, GRF_ROOT_RUNTIME, name), a);
	assert_int_equal(fixture.tree->nodes[a].root_class, GRF_ROOT_APPLICATION);
	assert_string_equal(fixture.tree->nodes[a].name, "main.cache");
	assert_int_equal(fixture.tree->nodes[b].root_class, GRF_ROOT_GOROUTINE);
	end(&fixture);
}

static void test_a_list_folds_into_one_element(void **state)
{
	struct fixture fixture;
	uint32_t root, first, node;

	(void)state;
	begin(&fixture, 256, false);
	root = grf_tree_root(&fixture.builder, GRF_ROOT_APPLICATION, "main.list");
	first = node = grf_tree_child(&fixture.builder, root, next);
	for (int i = 0; i < 1000; i++)
		node = grf_tree_child(&fixture.builder, node, next);
	assert_int_equal(node, first);
	assert_int_equal(fixture.tree->node_count, 2);
	end(&fixture);
}

static void test_a_tree_folds_into_its_orders(void **state)
{
	struct fixture fixture;
	uint32_t root, l, lr, r;

	(void)state;
	begin(&fixture, 256, false);
	root = grf_tree_root(&fixture.builder, GRF_ROOT_APPLICATION, "main.tree");
	l = grf_tree_child(&fixture.builder, root, left);
	lr = grf_tree_child(&fixture.builder, l, right);
	r = grf_tree_child(&fixture.builder, root, right);
	assert_int_not_equal(lr, r);
	assert_int_equal(grf_tree_child(&fixture.builder, lr, left), l);
	assert_int_equal(grf_tree_child(&fixture.builder, lr, right), lr);
	assert_int_equal(fixture.tree->nodes[root].first_child, l);
	assert_int_equal(fixture.tree->nodes[l].next_sibling, r);
	end(&fixture);
}

static void test_no_fold_goes_on_to_the_depth_limit(void **state)
{
	struct fixture fixture;
	uint32_t node;

	(void)state;
	begin(&fixture, 5, true);
	node = grf_tree_root(&fixture.builder, GRF_ROOT_APPLICATION, "main.list");
	for (int i = 0; i < 100; i++)
		node = grf_tree_child(&fixture.builder, node, next);
	assert_int_equal(fixture.tree->node_count, 5);
	assert_int_equal(fixture.tree->nodes[node].depth, 4);
	end(&fixture);
}

static void test_untyped_below_untyped_is_the_same(void **state)
{
	struct fixture fixture;
	uint32_t root, sub, below;

	(void)state;
	begin(&fixture, 256, true);
	root = grf_tree_root(&fixture.builder, GRF_ROOT_APPLICATION, "main.x");
	sub = grf_tree_child(&fixture.builder, root, grf_sub_objects_name);
	assert_true(fixture.tree->nodes[sub].untyped);
	assert_int_equal(grf_tree_child(&fixture.builder, sub, grf_sub_objects_name), sub);
	below = grf_tree_child(&fixture.builder, sub, next);
	assert_true(fixture.tree->nodes[below].untyped);
	assert_false(fixture.tree->nodes[root].untyped);
	end(&fixture);
}

static void test_largest_roots_add_up_what_is_below(void **state)
{
	struct fixture fixture;
	struct grf_tree_root roots[2];
	uint32_t a, b, c, node;

	(void)state;
	begin(&fixture, 256, false);
	a = grf_tree_root(&fixture.builder, GRF_ROOT_APPLICATION, "main.a");
	b = grf_tree_root(&fixture.builder, GRF_ROOT_APPLICATION, "main.b");
	c = grf_tree_root(&fixture.builder, GRF_ROOT_APPLICATION, "main.c");
	node = grf_tree_child(&fixture.builder, b, next);
	fixture.tree->nodes[a].bytes = 10;
	fixture.tree->nodes[a].objects = 1;
	fixture.tree->nodes[b].bytes = 8;
	fixture.tree->nodes[b].objects = 1;
	fixture.tree->nodes[node].bytes = 80;
	fixture.tree->nodes[node].objects = 5;
	(void)c;
	assert_int_equal(grf_tree_largest_roots(fixture.tree, roots, 2), 2);
	assert_string_equal(roots[0].name, "main.b");
	assert_int_equal(roots[0].bytes, 88);
	assert_int_equal(roots[0].objects, 6);
	assert_string_equal(roots[1].name, "main.a");
	end(&fixture);
}

static void test_creators_part_roots_but_not_their_sizes(void **state)
{
	struct grf_tree_root roots[4];
	struct fixture fixture;
	uint32_t a, b, none;

	(void)state;
	begin(&fixture, 256, false);
	none = grf_tree_root(&fixture.builder, GRF_ROOT_GOROUTINE, "main.f.x");
	assert_true(grf_tree_creator(&fixture.builder, "main.one (a.go:1)"));
	a = grf_tree_root(&fixture.builder, GRF_ROOT_GOROUTINE, "main.f.x");
	assert_true(grf_tree_creator(&fixture.builder, "main.two (a.go:2)"));
	b = grf_tree_root(&fixture.builder, GRF_ROOT_GOROUTINE, "main.f.x");
	assert_true(grf_tree_creator(&fixture.builder, "main.one (a.go:1)"));
	assert_int_equal(grf_tree_root(&fixture.builder, GRF_ROOT_GOROUTINE, "main.f.x"), a);
	assert_true(a != b && a != none && b != none);
	b = grf_tree_child(&fixture.builder, b, next);
	assert_string_equal(fixture.tree->nodes[b].created_by, "main.two (a.go:2)");
	assert_null(fixture.tree->nodes[none].created_by);
	fixture.tree->nodes[a].bytes = fixture.tree->nodes[b].bytes = 8;
	fixture.tree->nodes[a].objects = fixture.tree->nodes[b].objects = 1;
	assert_int_equal(grf_tree_largest_roots(fixture.tree, roots, 4), 1);
	assert_int_equal(roots[0].bytes, 16);
	end(&fixture);
}

static void test_labels_part_roots_in_their_own_tree(void **state)
{
	struct grf_tree *merged;
	struct fixture fixture;
	uint32_t a, b, again, node_of[8] = {0};

	(void)state;
	begin(&fixture, 256, false);
	assert_true(grf_tree_creator(&fixture.builder, "main.one (a.go:1)"));
	a = grf_tree_root(&fixture.builder, GRF_ROOT_GOROUTINE, "main.f.x");
	grf_tree_labels(&fixture.builder, 2);
	b = grf_tree_root(&fixture.builder, GRF_ROOT_GOROUTINE, "main.f.x");
	assert_true(grf_tree_creator(&fixture.builder, "main.two (a.go:2)"));
	again = grf_tree_root(&fixture.builder, GRF_ROOT_GOROUTINE, "main.f.x");
	assert_true(a != b && a != again && b != again);
	assert_int_equal(grf_tree_root(&fixture.builder, GRF_ROOT_GOROUTINE, "main.f.x"), again);
	b = grf_tree_child(&fixture.builder, b, next);
	assert_int_equal(fixture.tree->nodes[b].labels, 2);
	a = grf_tree_child(&fixture.builder, a, next);
	fixture.tree->nodes[a].bytes = fixture.tree->nodes[b].bytes = 8;
	fixture.tree->nodes[a].objects = fixture.tree->nodes[b].objects = 1;
	assert_int_equal(grf_tree_samples(fixture.tree), 2);
	assert_null(grf_unlabelled_tree_create(fixture.tree, node_of, &merged));
	assert_int_equal(merged->node_count, 3);
	assert_int_equal(node_of[a], node_of[b]);
	assert_int_not_equal(node_of[again], node_of[fixture.tree->nodes[b].parent]);
	assert_int_equal(merged->nodes[node_of[a]].bytes, 16);
	assert_int_equal(merged->nodes[node_of[a]].labels, 0);
	assert_string_equal(merged->nodes[node_of[a]].created_by, "main.one (a.go:1)");
	grf_tree_destroy(merged);
	end(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_roots_are_one_for_each_name),
	    cmocka_unit_test(test_a_list_folds_into_one_element),
	    cmocka_unit_test(test_a_tree_folds_into_its_orders),
	    cmocka_unit_test(test_no_fold_goes_on_to_the_depth_limit),
	    cmocka_unit_test(test_untyped_below_untyped_is_the_same),
	    cmocka_unit_test(test_largest_roots_add_up_what_is_below),
	    cmocka_unit_test(test_creators_part_roots_but_not_their_sizes),
	    cmocka_unit_test(test_labels_part_roots_in_their_own_tree),
	};

	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
