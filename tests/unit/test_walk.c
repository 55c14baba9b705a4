/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk over a heap made by hand: which objects it reaches, and under which names. */
#include "walk_world.h"

static void test_a_list_is_one_element(void **state)
{
	uint64_t list[100];

	(void)state;
	make_list(list, 100);
	point(list[99], 0, list[0]);
	for (int i = 0; i < 100; i++)
		point(list[i], 8, object(2, (uint32_t)i));
	object(0, 200); /* garbage */
	global("main.list", &to_node, list[0]);
	walk();
	assert_int_equal(count_at("main.list"), 1);
	assert_int_equal(count_at("main.list/next. (*Node)"), 99);
	assert_int_equal(count_at("main.list/data. (*byte)"), 1);
	assert_int_equal(count_at("main.list/next. (*Node)/data. (*byte)"), 99);
	assert_kind(list[50], &node, GRF_CONTENT_ONE, false);
	assert_kind(object(2, 50), &byte_type, GRF_CONTENT_ONE, false);
	assert_string_equal(world.tree->nodes[kind_at(list[50]).node].name, "next. (*Node)");
	assert_int_equal(world.tree->objects, 200);
	assert_int_equal(world.tree->untyped_objects, 0);
}

static void test_interior_and_end_pointers_keep_the_object(void **state)
{
	uint64_t large = object(1, 3);

	(void)state;
	global("main.field", &to_byte, large + 95);
	/* One past the object is the next slot, which is free. */
	global("main.past", &to_byte, large + 96);
	walk();
	assert_int_equal(count_at("main.field"), 1);
	assert_kind(large, &byte_type, GRF_CONTENT_ONE, true);
	assert_int_equal(world.tree->objects, 1);
	assert_int_equal(world.tree->bytes, 96);
}

static void test_what_a_type_does_not_cover_is_untyped(void **state)
{
	uint64_t large = object(1, 0);

	(void)state;
	point(large, 0, object(2, 0));
	point(large, 80, object(2, 1));
	global("main.first", &to_first, large);
	walk();
	assert_int_equal(count_at("main.first/a. (*Leaf)"), 1);
	assert_int_equal(count_at("main.first/$sub_objects$"), 1);
	assert_int_equal(world.tree->untyped_bytes, 16);
}

static void test_a_pointer_to_bytes_says_nothing_of_pointers(void **state)
{
	uint64_t hidden = object(1, 0);

	(void)state;
	point(hidden, 0, object(2, 0));
	point(hidden, 88, object(2, 1));
	global("main.raw", &to_byte, hidden);
	walk();
	assert_int_equal(count_at("main.raw"), 1);
	assert_int_equal(count_at("main.raw/$sub_objects$"), 2);
}

static void test_a_later_type_names_what_an_earlier_one_left(void **state)
{
	uint64_t large = object(1, 0);

	(void)state;
	for (int i = 0; i < 4; i++) {
		point(large, (uint64_t)i * 24, object(2, (uint32_t)i * 2));
		point(large, (uint64_t)i * 24 + 8, object(2, (uint32_t)i * 2 + 1));
	}
	global("main.first", &to_first, large);
	global("main.pairs", &pairs, large);
	walk();
	assert_int_equal(count_at("main.first"), 1);
	assert_int_equal(count_at("main.first/a. (*Leaf)"), 1);
	assert_int_equal(count_at("main.pairs"), 0);
	assert_int_equal(count_at("main.pairs/[0]. (Pair)/b. (*Leaf)"), 1);
	assert_int_equal(count_at("main.pairs/[3]. (Pair)/a. (*Leaf)"), 1);
	assert_int_equal(world.tree->objects, 9);
	assert_int_equal(world.tree->untyped_objects, 0);
}

static void test_a_pointer_to_an_element_stands_for_its_array(void **state)
{
	uint64_t large = object(1, 0);

	(void)state;
	for (int i = 0; i < 4; i++) {
		point(large, (uint64_t)i * 24, object(2, (uint32_t)i * 2));
		point(large, (uint64_t)i * 24 + 8, object(2, (uint32_t)i * 2 + 1));
	}
	global("main.element", &to_pair, large + 48);
	walk();
	assert_int_equal(count_at("main.element"), 1);
	assert_int_equal(count_at("main.element/a. (*Leaf)"), 4);
	assert_int_equal(count_at("main.element/b. (*Leaf)"), 4);
	assert_int_equal(world.tree->untyped_objects, 0);
}

/* Twenty pairs in an object of 1024 bytes: more than fit in a word of the mask, and not full. */
static uint64_t many_pairs(void)
{
	uint64_t large = object(3, 0);

	for (int i = 0; i < 20; i++) {
		point(large, (uint64_t)i * 24, object(2, (uint32_t)i * 2));
		point(large, (uint64_t)i * 24 + 8, object(2, (uint32_t)i * 2 + 1));
	}
	return large;
}

static void test_a_later_type_names_what_is_left_of_a_large_object(void **state)
{
	uint64_t large = many_pairs();

	(void)state;
	global("main.first", &to_first, large);
	global("main.pairs", &pairs, large);
	walk();
	assert_int_equal(count_at("main.first"), 1);
	assert_int_equal(count_at("main.first/a. (*Leaf)"), 1);
	assert_int_equal(count_at("main.pairs"), 0);
	assert_int_equal(count_at("main.pairs/[0]. (Pair)/b. (*Leaf)"), 1);
	assert_int_equal(count_at("main.pairs/[10+]. (Pair)/a. (*Leaf)"), 10);
	assert_int_equal(world.tree->objects, 41);
	assert_int_equal(world.tree->untyped_objects, 0);
}

static void test_a_pointer_to_an_element_stands_for_its_large_array(void **state)
{
	uint64_t large = many_pairs();

	(void)state;
	global("main.element", &to_pair, large + 48);
	walk();
	assert_int_equal(count_at("main.element"), 1);
	assert_int_equal(count_at("main.element/a. (*Leaf)"), 20);
	assert_int_equal(count_at("main.element/b. (*Leaf)"), 20);
	assert_int_equal(world.tree->untyped_objects, 0);
}

static void test_what_no_type_covers_of_a_large_object_is_untyped(void **state)
{
	uint64_t large = many_pairs();

	(void)state;
	/* Not where a third word of a pair would be. */
	point(large, 1016, object(2, 100));
	global("main.element", &to_pair, large + 48);
	walk();
	assert_int_equal(count_at("main.element/a. (*Leaf)"), 1);
	assert_int_equal(count_at("main.element/$sub_objects$"), 39);
	assert_int_equal(world.tree->objects, 42);
}

/* Of many ways to a large object only some are gone through as a whole; nothing is lost. It is no
 * array of pairs, so a slice in it shows a first pair, and no others. */
static void test_a_large_object_that_many_share(void **state)
{
	uint64_t large = many_pairs();

	(void)state;
	point(large, 1016, object(2, 100));
	for (int i = 0; i < 40; i++)
		global("main.pairs", &pairs, large);
	walk();
	assert_int_equal(world.tree->objects, 42);
	assert_int_equal(count_at("main.pairs/[0]. (Pair)/a. (*Leaf)"), 1);
	assert_int_equal(count_at("main.pairs/$sub_objects$"), 39);
}

static void test_words_that_the_collector_ignores_are_not_followed(void **state)
{
	uint64_t small = object(0, 0), hidden = object(0, 1);

	(void)state;
	point(small, 8, object(2, 0));
	memcpy(world.heap[0], &hidden, 8); /* looks like next, but has no pointer bit */
	global("main.node", &to_node, small);
	walk();
	assert_int_equal(world.tree->objects, 2);
	assert_int_equal(count_at("main.node/data. (*byte)"), 1);
}

static void test_typed_ways_go_before_untyped_ones(void **state)
{
	uint64_t list[10];

	(void)state;
	make_list(list, 10);
	/* The unsafe pointer is nearer, but knows nothing. */
	global("main.unsafe", &unsafe, list[9]);
	global("main.list", &to_node, list[0]);
	walk();
	assert_int_equal(count_at("main.list/next. (*Node)"), 9);
	assert_int_equal(count_at("main.unsafe/any. (unsafe.Pointer)"), 0);
}

static void test_classes_take_objects_in_their_order(void **state)
{
	uint64_t shared = object(0, 0);

	(void)state;
	global("runtime.near", &to_node, shared);
	global("main.far", &to_node, shared);
	walk();
	assert_int_equal(count_at("main.far"), 1);
	assert_int_equal(count_at("runtime.near"), 0);
	assert_int_equal(world.tree->class_objects[GRF_ROOT_APPLICATION], 1);
}

static void test_root_words_without_a_variable_have_their_symbol(void **state)
{
	uint64_t value = object(0, 0), other = object(0, 1);

	(void)state;
	memcpy(&world.data[8], &value, 8);
	world.data_mask[0] = 2;
	memcpy(&world.data[40 * 8], &other, 8);
	world.data_mask[5] = 1;
	walk();
	assert_int_equal(count_at("main..stmp_"), 1);
	assert_int_equal(count_at("runtime.hidden"), 1);
	assert_int_equal(world.tree->class_objects[GRF_ROOT_RUNTIME], 1);
	/* They have pointers, and nothing says what they are. */
	assert_int_equal(world.tree->untyped_objects, 2);
}

static void test_statically_laid_out_values_stand_under_who_points_at_them(void **state)
{
	uint64_t value = object(0, 0);

	(void)state;
	/* main.list points to a Node in the data segment, which has no name of its own. */
	global("main.list", &to_node, DATA_BASE + 10 * 8);
	memcpy(&world.data[10 * 8], &value, 8);
	world.data_mask[1] = 4;
	walk();
	assert_int_equal(count_at("main.list/next. (*Node)"), 1);
	assert_int_equal(world.tree->objects, 1);
}

static void test_referents_of_a_finalizer_but_not_the_object(void **state)
{
	uint64_t finalized = object(0, 0), kept = object(2, 0);
	struct grf_special_root root = {"runtime.SetFinalizer.obj", GRF_ROOT_REFERENTS, finalized,
					0};

	(void)state;
	point(finalized, 8, kept);
	world.specials.items = &root;
	world.specials.count = 1;
	walk();
	assert_int_equal(world.tree->objects, 1);
	assert_int_equal(count_at("runtime.SetFinalizer.obj/$sub_objects$"), 1);
}

/* A data segment that is not whole is no segment of zeros. */
static void test_no_walk_of_roots_that_were_left_out(void **state)
{
	struct grf_graph_options options = {.max_depth = 256};
	struct grf_error *error;

	(void)state;
	global("main.list", &to_node, object(0, 0));
	world.left_out = DATA_BASE + sizeof(world.data) / 2;
	error = grf_graph_create(&world.model, &options, &world.graph);
	assert_non_null(error);
	assert_int_equal(error->code, GRF_ERROR_TORN);
	assert_string_equal(error->message, "a data segment");
	grf_error_free(error);
	world.left_out = DATA_BASE + sizeof(world.data);
	walk();
	assert_int_equal(world.tree->objects, 1);
}

#define WALK_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WALK_TEST(test_a_list_is_one_element),
	    WALK_TEST(test_interior_and_end_pointers_keep_the_object),
	    WALK_TEST(test_what_a_type_does_not_cover_is_untyped),
	    WALK_TEST(test_a_pointer_to_bytes_says_nothing_of_pointers),
	    WALK_TEST(test_a_later_type_names_what_an_earlier_one_left),
	    WALK_TEST(test_a_pointer_to_an_element_stands_for_its_array),
	    WALK_TEST(test_a_later_type_names_what_is_left_of_a_large_object),
	    WALK_TEST(test_a_pointer_to_an_element_stands_for_its_large_array),
	    WALK_TEST(test_what_no_type_covers_of_a_large_object_is_untyped),
	    WALK_TEST(test_a_large_object_that_many_share),
	    WALK_TEST(test_words_that_the_collector_ignores_are_not_followed),
	    WALK_TEST(test_typed_ways_go_before_untyped_ones),
	    WALK_TEST(test_classes_take_objects_in_their_order),
	    WALK_TEST(test_root_words_without_a_variable_have_their_symbol),
	    WALK_TEST(test_statically_laid_out_values_stand_under_who_points_at_them),
	    WALK_TEST(test_referents_of_a_finalizer_but_not_the_object),
	    WALK_TEST(test_no_walk_of_roots_that_were_left_out),
	};

	return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
