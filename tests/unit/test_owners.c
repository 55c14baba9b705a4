/* SPDX-License-Identifier: BSD-2-Clause */
/* What the view of the owners says of a heap made by hand. */
#include "views/owners.h"
#include "walk_world.h"

static struct grf_owners *owners;

static int end_owners(void **state)
{
	grf_owners_destroy(owners);
	owners = NULL;
	return end(state);
}

static void assert_row(size_t index, uint64_t bytes, uint64_t objects, uint64_t owned,
		       const char *path, const char *type)
{
	struct grf_table table = grf_owners_table(owners);
	union grf_cell cells[GRF_TABLE_COLUMNS];

	assert_in_range(index, 0, table.row_count - 1);
	table.row(table.context, index, cells);
	assert_int_equal(cells[0].number, bytes);
	assert_int_equal(cells[2].number, objects);
	assert_string_equal(cells[3].text, path);
	assert_int_equal(cells[5].number, owned);
	if (type)
		assert_string_equal(cells[6].text, type);
	else
		assert_null(cells[6].text);
}

static void find_owners(void)
{
	_cleanup_retained_ struct grf_retained *retained = NULL;

	walk();
	assert_null(grf_retained_create(world.graph, &retained));
	assert_null(grf_owners_create(retained, &owners));
}

/* A list in a field of something: the way goes down as long as nearly all is there, each element
 * once. */
static void test_the_way_down(void **state)
{
	uint64_t list[100];

	(void)state;
	make_list(list, 100);
	for (int i = 0; i < 2; i++)
		point(list[97 + i], 8, object(2, (uint32_t)i));
	global("main.list", &to_node, list[0]);
	global("main.small", &to_byte, object(2, 9));
	find_owners();
	assert_int_equal(owners->rows.count, 2);
	assert_row(0, 102 * 16, 102, 2, "main.list > next. (*Node) [97]", "Node");
	assert_row(1, 16, 1, 0, "main.small", "byte");
}

static void test_what_several_hold(void **state)
{
	uint64_t a = object(0, 0), b = object(0, 1), common = object(1, 0);

	(void)state;
	point(a, 0, common);
	point(b, 0, common);
	point(common, 16, object(2, 3));
	global("main.a", &to_node, a);
	global("main.b", &to_node, b);
	global("main.c", &to_node, b);
	find_owners();
	assert_int_equal(owners->rows.count, 2);
	/* b is of the same type, and has holders of its own. */
	assert_row(0, 96 + 16 + 16, 3, 2, "Node, held by main.a, main.b, main.c", "Node");
	assert_row(1, 16, 1, 0, "main.a", "Node");
}

/* Objects beside each other: the way goes on by what is the same below each. */
static void test_the_way_down_of_many(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		uint64_t first = object(0, i), second = object(0, 6 + i);

		point(first, 0, second);
		point(second, 8, object(2, i));
		global("main.a", &to_node, first);
		global("main.b", &to_node, first);
	}
	find_owners();
	assert_int_equal(owners->rows.count, 1);
	assert_row(0, 6 * 48, 18, 6, "Node > next. (*Node) > data. (*byte), held by main.a, main.b",
		   "byte");
}

static void test_nothing(void **state)
{
	(void)state;
	object(0, 0);
	find_owners();
	assert_int_equal(owners->rows.count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end_owners)
	const struct CMUnitTest tests[] = {
	    TEST(test_the_way_down),
	    TEST(test_what_several_hold),
	    TEST(test_the_way_down_of_many),
	    TEST(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
