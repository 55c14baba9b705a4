/* SPDX-License-Identifier: BSD-2-Clause */
/* What the view of types says of a heap made by hand. */
#include "views/types/type_histogram.h"
#include "walk_world.h"

#include "table_row.h"

static struct grf_type_histogram *histogram;

static int end_histogram(void **state)
{
	grf_type_histogram_destroy(histogram);
	histogram = NULL;
	return end(state);
}

static void count_types(void)
{
	_cleanup_retained_ struct grf_retained *retained = NULL;

	walk();
	assert_null(grf_retained_create(world.graph, &retained));
	assert_null(grf_type_histogram_create(retained, &histogram));
}

static void assert_row(size_t index, const char *type, uint64_t objects, uint64_t bytes,
		       uint64_t retained, const char *holder)
{
	union grf_cell cells[GRF_TABLE_COLUMNS];

	read_row(grf_type_histogram_table(histogram), index, cells);
	assert_sizes(cells, bytes, objects, retained);
	assert_string_equal(cells[4].text, type);
	assert_string_equal(cells[5].text, holder);
}

/* Each node of a list owns the next one: what they retain is counted once. */
static void test_a_list(void **state)
{
	uint64_t list[100];

	(void)state;
	make_list(list, 100);
	for (int i = 0; i < 2; i++)
		point(list[97 + i], 8, object(2, (uint32_t)i));
	global("main.list", &to_node, list[0]);
	count_types();
	assert_int_equal(histogram->rows.count, 2);
	assert_int_equal(histogram->bytes, 102 * 16);
	assert_row(0, "Node", 100, 1600, 1632, "main.list > next. (*Node)");
	assert_row(1, "byte", 2, 32, 32, "main.list > next. (*Node) > data. (*byte)");
}

/* Two lists, and two of their nodes below something of another type. */
static void test_the_largest_holder(void **state)
{
	uint64_t small = object(0, 0), large = object(0, 1), first_object = object(0, 2);

	(void)state;
	point(large, 0, object(0, 3));
	point(object(0, 3), 8, object(2, 1));
	point(first_object, 0, object(2, 2));
	global("main.small", &to_node, small);
	global("main.large", &to_node, large);
	global("main.first", &to_first, first_object);
	count_types();
	assert_int_equal(histogram->rows.count, 4);
	assert_row(0, "Node", 3, 48, 64, "main.large");
	/* Twice as large as a First is, and of no type that is known. */
	assert_row(1, "struct around First", 1, 16, 32, "main.first");
	assert_row(2, "Leaf", 1, 16, 16, "main.first > a. (*Leaf)");
	assert_row(3, "byte", 1, 16, 16, "main.large > next. (*Node) > data. (*byte)");
}

static void test_what_several_hold(void **state)
{
	uint64_t a = object(0, 0), b = object(0, 1), common = object(0, 2);

	(void)state;
	point(a, 0, common);
	point(b, 0, common);
	point(common, 8, object(2, 3));
	global("main.a", &to_node, a);
	global("main.b", &to_node, b);
	count_types();
	/* a and b do not own it, nor does another node own what it holds. */
	assert_row(0, "Node", 3, 48, 64, "Node, held by several");
	assert_row(1, "byte", 1, 16, 16, "Node, held by several");
}

static void test_arrays_are_apart(void **state)
{
	uint64_t array = object(1, 0);

	(void)state;
	/* The mask of four pairs. */
	for (uint64_t i = 0; i < 4; i++) {
		point(array, i * 24, i < 2 ? object(2, (uint32_t)i) : 0);
		point(array, i * 24 + 8, 0);
	}
	global("main.pairs", &pairs, array);
	global("main.pair", &to_pair, object(1, 1));
	count_types();
	assert_row(0, "[...]Pair", 1, 96, 128, "main.pairs");
	assert_row(1, "struct around Pair", 1, 96, 96, "main.pair");
	assert_row(2, "Leaf", 2, 32, 32, "main.pairs > [0]. (Pair) > a. (*Leaf)");
}

static void test_nothing(void **state)
{
	(void)state;
	object(0, 0);
	count_types();
	assert_int_equal(histogram->rows.count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end_histogram)
	const struct CMUnitTest tests[] = {
	    TEST(test_a_list),
	    TEST(test_the_largest_holder),
	    TEST(test_what_several_hold),
	    TEST(test_arrays_are_apart),
	    TEST(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
