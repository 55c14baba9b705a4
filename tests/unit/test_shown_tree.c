/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of a tree that is shown by --focus and --hide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/tree_builder.h"
#include "views/shown_tree.h"

#include "draw.h"

static struct grf_tree *tree, *shown;
static struct grf_tree_builder builder;
static struct grf_shown_elements elements;

static int begin(void **state)
{
	const struct grf_graph_options options = {.max_depth = 256};

	(void)state;
	tree = calloc(1, sizeof(*tree));
	grf_tree_builder_init(&builder, tree, &options);
	return 0;
}

static int end(void **state)
{
	(void)state;
	grf_tree_builder_free(&builder);
	grf_tree_destroy(shown);
	grf_tree_destroy(tree);
	if (elements.focus)
		regfree(&elements.focus_pattern);
	if (elements.hide)
		regfree(&elements.hide_pattern);
	memset(&elements, 0, sizeof(elements));
	shown = NULL;
	return 0;
}

static void count_at_node(struct grf_tree *at, uint32_t node, uint64_t objects)
{
	at->nodes[node].objects += objects;
	at->nodes[node].bytes += objects * 16;
	at->objects += objects;
	at->bytes += objects * 16;
}

/* "a/b/c", with objects at c. Elements are constants, so that they are the same address. */
static void add_chain(enum grf_root_class root_class, const char *root, const char *first,
		      const char *second, uint64_t objects)
{
	uint32_t node = grf_tree_root(&builder, root_class, root);

	if (first)
		node = grf_tree_child(&builder, node, first);
	if (second)
		node = grf_tree_child(&builder, node, second);
	count_at_node(tree, node, objects);
}

static void show_tree(const char *focus, const char *hide)
{
	elements.focus = focus;
	elements.hide = hide;
	if (focus)
		assert_int_equal(regcomp(&elements.focus_pattern, focus, REG_EXTENDED | REG_NOSUB),
				 0);
	if (hide)
		assert_int_equal(regcomp(&elements.hide_pattern, hide, REG_EXTENDED | REG_NOSUB),
				 0);
	assert_null(grf_shown_tree_create(tree, &elements, &shown));
}

/* Objects at the chain "a/b/c", -1: there is no such chain. */
static int64_t objects_at(const char *chain)
{
	int64_t found = -1;

	for (uint32_t i = 0; i < shown->node_count; i++) {
		const char *names[8];
		size_t count = grf_tree_chain_elements(shown, i, names, 8);
		char text[256] = "";

		while (count--) {
			strcat(text, names[count]);
			strcat(text, count ? "/" : "");
		}
		if (strcmp(text, chain) != 0)
			continue;
		/* A chain is there once. */
		assert_int_equal(found, -1);
		found = (int64_t)shown->nodes[i].objects;
	}
	return found;
}

static const char *const b = "b. (*B)", *const c = "c. (*C)", *const d = "d. (D)";

static void make_tree(void)
{
	add_chain(GRF_ROOT_APPLICATION, "main.a", NULL, NULL, 1);
	add_chain(GRF_ROOT_APPLICATION, "main.a", b, NULL, 10);
	add_chain(GRF_ROOT_APPLICATION, "main.a", b, c, 100);
	add_chain(GRF_ROOT_APPLICATION, "main.a", c, NULL, 1000);
	add_chain(GRF_ROOT_GOROUTINE, "main.run", d, NULL, 10000);
	add_chain(GRF_ROOT_GOROUTINE, "main.run", d, c, 100000);
}

static void test_focus(void **state)
{
	(void)state;
	make_tree();
	show_tree("C\\)$", NULL);
	assert_int_equal(shown->objects, 101100);
	assert_int_equal(shown->bytes, 101100 * 16);
	assert_int_equal(shown->class_objects[GRF_ROOT_GOROUTINE], 100000);
	assert_int_equal(shown->node_count, 7);
	assert_int_equal(objects_at("main.a"), 0);
	assert_int_equal(objects_at("main.a/b. (*B)"), 0);
	assert_int_equal(objects_at("main.a/b. (*B)/c. (*C)"), 100);
	assert_int_equal(objects_at("main.a/c. (*C)"), 1000);
	assert_int_equal(objects_at("main.run/d. (D)/c. (*C)"), 100000);
}

/* What is below an element that matches is in its chains. */
static void test_focus_above(void **state)
{
	(void)state;
	make_tree();
	show_tree("^b|run", NULL);
	assert_int_equal(shown->objects, 110110);
	assert_int_equal(objects_at("main.a"), 0);
	assert_int_equal(objects_at("main.a/b. (*B)"), 10);
	assert_int_equal(objects_at("main.a/c. (*C)"), -1);
}

static void test_hide(void **state)
{
	(void)state;
	make_tree();
	show_tree(NULL, "^b|^d");
	assert_int_equal(shown->objects, tree->objects);
	assert_int_equal(objects_at("main.a"), 11);
	/* Two chains became one. */
	assert_int_equal(objects_at("main.a/c. (*C)"), 1100);
	assert_int_equal(objects_at("main.run"), 10000);
	assert_int_equal(objects_at("main.run/c. (*C)"), 100000);
}

static void test_hidden_roots(void **state)
{
	(void)state;
	make_tree();
	show_tree(NULL, "main");
	assert_int_equal(shown->objects, tree->objects);
	assert_int_equal(objects_at(GRF_SHOWN_HIDDEN), 1);
	assert_int_equal(objects_at("b. (*B)"), 10);
	assert_int_equal(objects_at("b. (*B)/c. (*C)"), 100);
	assert_int_equal(objects_at("c. (*C)"), 1000);
	assert_int_equal(objects_at("d. (D)/c. (*C)"), 100000);
}

/* The focus sees what is hidden. */
static void test_both(void **state)
{
	(void)state;
	make_tree();
	show_tree("B", "B|main");
	assert_int_equal(shown->objects, 110);
	assert_int_equal(objects_at(GRF_SHOWN_HIDDEN), 10);
	assert_int_equal(objects_at("c. (*C)"), 100);
}

static void test_all_and_nothing(void **state)
{
	(void)state;
	make_tree();
	show_tree("", NULL);
	assert_int_equal(shown->node_count, tree->node_count);
	assert_int_equal(shown->objects, tree->objects);
	grf_tree_destroy(shown);
	regfree(&elements.focus_pattern);
	show_tree("nowhere", NULL);
	assert_int_equal(shown->node_count, 0);
	assert_int_equal(shown->objects, 0);
}

/* A name matches as it is shown. */
static void test_escapes(void **state)
{
	(void)state;
	add_chain(GRF_ROOT_APPLICATION, "main.\33[2J", NULL, NULL, 1);
	add_chain(GRF_ROOT_APPLICATION, "main.x", NULL, NULL, 2);
	show_tree("\\\\x1b", NULL);
	assert_int_equal(shown->objects, 1);
}

/* In any tree: what is shown adds up, roots are in the order of their classes, parents before their
 * children. */
static void test_any_tree(void **state)
{
	static const char *const names[] = {"a", "b", "c", "ab", "bc", "abc"};

	(void)state;
	random_state = 1;
	for (int i = 0; i < 200; i++) {
		uint32_t node = grf_tree_root(&builder, draw(GRF_ROOT_CLASSES), names[draw(6)]);

		for (uint64_t k = draw(6); k; k--)
			node = grf_tree_child(&builder, node, names[draw(6)]);
		count_at_node(tree, node, 1 + draw(3));
	}
	show_tree(NULL, "b");
	assert_int_equal(shown->objects, tree->objects);
	assert_int_equal(shown->bytes, tree->bytes);
	for (uint32_t i = 0, last = 0; i < shown->node_count; i++) {
		const struct grf_tree_node *node = &shown->nodes[i];

		assert_null(strchr(node->name, 'b'));
		if (node->parent != GRF_TREE_NONE) {
			assert_in_range(node->parent, 0, i - 1);
			assert_int_equal(node->depth, shown->nodes[node->parent].depth + 1);
			continue;
		}
		assert_in_range(node->root_class, last, GRF_ROOT_CLASSES - 1);
		last = node->root_class;
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	    TEST(test_focus),        TEST(test_focus_above), TEST(test_hide),
	    TEST(test_hidden_roots), TEST(test_both),        TEST(test_all_and_nothing),
	    TEST(test_escapes),      TEST(test_any_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
