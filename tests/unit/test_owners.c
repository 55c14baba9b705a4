/* SPDX-License-Identifier: BSD-2-Clause */
/* What the view of the owners says of a heap made by hand. */
#include "views/owners/owners.h"
#include "walk_world.h"

#include "table_row.h"

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
	union grf_cell cells[GRF_TABLE_COLUMNS];

	read_row(grf_owners_table(owners), index, cells);
	assert_int_equal(cells[0].number, bytes);
	assert_int_equal(cells[2].number, objects);
	assert_string_equal(cells[3].text, path);
	assert_int_equal(cells[5].number, owned);
	assert_text(&cells[6], type);
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

static struct grf_type odd;
static struct grf_slot even_slots[] = {
    {.kind = GRF_SLOT_POINTER, .path = path_a, .path_length = 1, .target = &odd}};
static struct grf_type even = {.name = "Even",
			       .size = 16,
			       .pointer_mask = 1,
			       .pointer_bytes = 8,
			       .slots = even_slots,
			       .slot_count = 1,
			       .child_count = 1,
			       .planned = true};
static struct grf_slot odd_slots[] = {
    {.kind = GRF_SLOT_POINTER, .path = path_b, .path_length = 1, .target = &even},
    {.offset = 8,
     .kind = GRF_SLOT_POINTER,
     .child = 1,
     .path = path_data,
     .path_length = 1,
     .target = &byte_type}};
static struct grf_type odd = {.name = "Odd",
			      .size = 16,
			      .pointer_mask = 3,
			      .pointer_bytes = 16,
			      .slots = odd_slots,
			      .slot_count = 2,
			      .child_count = 2,
			      .planned = true};
static struct grf_slot to_even_slot[] = {{.kind = GRF_SLOT_POINTER, .target = &even}};
ROOT_TYPE(to_even, to_even_slot);

/* Two types that lead to each other, as in a tree: each element once, with how often. */
static void test_a_circle_of_types(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 39; i++)
		point(object(0, i), 0, object(0, i + 1));
	point(object(0, 39), 8, object(2, 0));
	global("main.tree", &to_even, object(0, 0));
	find_owners();
	assert_int_equal(owners->rows.count, 1);
	/* The last ones are less than nearly all of what is above them. */
	assert_row(0, 40 * 16 + 16, 41, 1, "main.tree > a. (*Leaf) [19] > b. (*Leaf) [19]", "Even");
	assert_int_equal(owners->rows.items[0].depth, 19);
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
	    TEST(test_a_circle_of_types),
	    TEST(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
