/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands out in heaps made by hand, and what does not. */
#include "views/suspects/suspects.h"
#include "walk_world.h"

static struct grf_suspects *suspects;

static int end_suspects(void **state)
{
	grf_suspects_destroy(suspects);
	suspects = NULL;
	return end(state);
}

static void find_suspects(uint64_t least)
{
	_cleanup_retained_ struct grf_retained *retained = NULL;
	_cleanup_owners_ struct grf_owners *owners = NULL;

	walk();
	assert_null(grf_retained_create(world.graph, &retained));
	assert_null(grf_owners_create(retained, &owners));
	assert_null(grf_suspects_create(retained, owners, least, &suspects));
}

static void assert_suspect(size_t index, const char *name, uint64_t bytes, uint64_t count,
			   const char *sentence, const char *path)
{
	const struct grf_suspect *suspect = &suspects->rows.items[index];

	assert_in_range(index, 0, suspects->rows.count - 1);
	assert_string_equal(suspect->name, name);
	assert_int_equal(suspect->bytes, bytes);
	assert_int_equal(suspect->count, count);
	assert_string_equal(suspect->sentence, sentence);
	assert_string_equal(suspect->path, path);
}

/* An array of pairs in an old span, each with leaves of its own. */
static uint64_t array_of_leaves(uint32_t leaves)
{
	uint64_t array = object(3, 0);

	for (uint32_t i = 0; i < leaves; i++)
		point(array, i / 2 * 24 + i % 2 * 8, object(2, i));
	return array;
}

static void test_accumulation(void **state)
{
	(void)state;
	global("main.cache", &pairs, array_of_leaves(64));
	global("main.small", &to_byte, object(2, 100));
	find_suspects(1024);
	assert_int_equal(suspects->rows.count, 1);
	assert_suspect(0, "accumulation", 2048, 64,
		       "main.cache holds 2.00 KiB (99 %): 64 of Leaf; freeing it would free 65 "
		       "objects",
		       "main.cache");
}

/* Few things are none, nor is what is small, nor a tenth of what is there. */
static void test_nothing_stands_out(void **state)
{
	(void)state;
	global("main.cache", &pairs, array_of_leaves(31));
	find_suspects(1024);
	assert_int_equal(suspects->rows.count, 0);
}

static void test_small_heaps_have_none(void **state)
{
	(void)state;
	global("main.cache", &pairs, array_of_leaves(64));
	find_suspects(GRF_SUSPECT_BYTES);
	assert_int_equal(suspects->rows.count, 0);
}

/* What two hold is nobody's alone: it begins with its type, and says who holds it. Any chain there
 * is one of several. */
static void test_array_held_by_two(void **state)
{
	uint64_t array = array_of_leaves(64);

	(void)state;
	global("main.a", &pairs, array);
	global("main.b", &pairs, array);
	find_suspects(1024);
	assert_int_equal(suspects->rows.count, 1);
	assert_suspect(0, "accumulation", 2048, 64,
		       "Pair holds 2.00 KiB (100 %): 64 of Leaf; freeing it would free 65 objects",
		       "Pair, held by main.a, main.b");
}

/* Of bytes the type says nothing: they have the shortest chain in front. */
static void test_held_by_several(void **state)
{
	uint64_t array = array_of_leaves(64), a = object(0, 0), b = object(0, 1);

	(void)state;
	point(a, 8, array);
	point(b, 8, array);
	global("main.a", &to_node, a);
	global("main.b", &to_node, b);
	find_suspects(1024);
	assert_int_equal(suspects->rows.count, 1);
	assert_suspect(0, "accumulation", 2048, 64,
		       "main.a.data holds 2.00 KiB (98 %): 64 objects of unknown type; freeing "
		       "it would free 65 objects",
		       "main.a > data. (*byte) > $sub_objects$");
}

/* Many things that two hold are nobody's, and are one suspect together. */
static void test_many_held_by_several(void **state)
{
	uint64_t first_pairs = object(3, 0), second_pairs = object(3, 1);

	(void)state;
	for (uint32_t i = 0; i < 64; i++) {
		point(first_pairs, i / 2 * 24 + i % 2 * 8, object(2, i));
		point(second_pairs, i / 2 * 24 + i % 2 * 8, object(2, i));
	}
	global("main.names", &pairs, first_pairs);
	global("main.labels", &pairs, second_pairs);
	find_suspects(1000);
	assert_int_equal(suspects->rows.count, 1);
	assert_suspect(0, "accumulation", 1024, 64,
		       "64 of Leaf hold 1.00 KiB (33 %), held by main.labels, main.names; freeing "
		       "them would free 64 objects",
		       "Leaf, held by main.labels, main.names");
}

/* Bytes of many holders have nothing in common: four lists, of which each two share their data. */
static void test_bytes_of_many_holders(void **state)
{
	static const char *const names[] = {"main.a", "main.b", "main.c", "main.d"};

	(void)state;
	for (uint32_t i = 0; i < 128; i++) {
		point(object(0, i), 8, object(2, i / 64 * 32 + i % 32));
		if (i % 32 < 31)
			point(object(0, i), 0, object(0, i + 1));
	}
	for (uint32_t i = 0; i < 4; i++)
		global(names[i], &to_node, object(0, i * 32));
	find_suspects(1000);
	assert_int_equal(suspects->rows.count, 0);
}

static const char *const path_parent[] = {"Context. (context.Context)"};
static struct grf_type value_context;
static struct grf_slot context_slots[] = {{.offset = 8,
					   .kind = GRF_SLOT_POINTER,
					   .path = path_parent,
					   .path_length = 1,
					   .target = &value_context}};
static struct grf_type value_context = {.name = "context.valueCtx",
					.size = 16,
					.pointer_mask = 2,
					.pointer_bytes = 16,
					.slots = context_slots,
					.slot_count = 1,
					.child_count = 1,
					.planned = true};
static struct grf_slot to_context_slot[] = {{.kind = GRF_SLOT_POINTER, .target = &value_context}};
ROOT_TYPE(to_context, to_context_slot);

static void chain_of_contexts(uint32_t length)
{
	for (uint32_t i = 0; i + 1 < length; i++)
		point(object(0, i), 8, object(0, i + 1));
	global("main.ctx", &to_context, object(0, 0));
}

static void test_context_chain(void **state)
{
	(void)state;
	chain_of_contexts(150);
	find_suspects(16384);
	assert_int_equal(suspects->rows.count, 1);
	assert_suspect(0, "context-chain", 2400, 150,
		       "main.ctx holds 2.34 KiB (100 %): a chain of 150 contexts, each made of the "
		       "one before; freeing it would free 150 objects",
		       "main.ctx > Context. (context.Context) [147]");
}

static void test_short_context_chain(void **state)
{
	(void)state;
	chain_of_contexts(100);
	find_suspects(16384);
	assert_int_equal(suspects->rows.count, 0);
}

/* No chain comes back to its beginning, but in a hostile heap. */
static void test_circle_of_contexts(void **state)
{
	(void)state;
	chain_of_contexts(150);
	point(object(0, 149), 8, object(0, 0));
	find_suspects(16384);
	assert_int_equal(suspects->rows.count, 0);
}

static struct grf_slot map_slots[] = {
    {.offset = 8, .kind = GRF_SLOT_ARRAY_POINTER, .target = &pair}};
static struct grf_type map_type = {.name = "map[int]Pair",
				   .size = 96,
				   .pointer_mask = 2,
				   .pointer_bytes = 16,
				   .slots = map_slots,
				   .slot_count = 1,
				   .child_count = 1,
				   .planned = true};
static struct grf_slot to_map_slot[] = {{.kind = GRF_SLOT_POINTER, .target = &map_type}};
ROOT_TYPE(to_map, to_map_slot);

static void map_of(uint64_t entries)
{
	uint64_t header = object(1, 0);

	for (int field = 0; field < GRF_FIELD_COUNT; field++)
		world.model.layout.offset[field] = -1;
	world.model.layout.offset[GRF_FIELD_hmap__size] = 96;
	memcpy(&world.heap[1][0], &entries, 8);
	point(header, 8, array_of_leaves(64));
	global("main.index", &to_map, header);
	find_suspects(1024);
	assert_int_equal(suspects->rows.count, 1);
}

static void test_map(void **state)
{
	(void)state;
	map_of(64);
	assert_suspect(0, "accumulation", 2144, 64,
		       "main.index holds 2.09 KiB (100 %): a map of 64 entries; freeing it would "
		       "free 66 objects",
		       "main.index");
}

/* More entries than there are bytes are not said. */
static void test_impossible_map(void **state)
{
	(void)state;
	map_of(1 << 20);
	assert_suspect(0, "accumulation", 2048, 64,
		       "main.index holds 2.00 KiB (96 %): 64 of Leaf; freeing it would free 65 "
		       "objects",
		       "main.index");
}

static struct grf_slot slice_slot[] = {
    {.kind = GRF_SLOT_ARRAY_POINTER, .target = &pair, .count = 1}};
static struct grf_type slice_of_pairs = {.name = "[]Pair",
					 .size = 24,
					 .pointer_mask = 1,
					 .pointer_bytes = 8,
					 .slots = slice_slot,
					 .slot_count = 1,
					 .child_count = 1,
					 .planned = true};

/* A slice of an array with 42 pairs. */
static void slice_of(uint64_t length, uint64_t capacity)
{
	global("main.queue", &slice_of_pairs, array_of_leaves(84));
	memcpy(&world.data[8], &length, 8);
	memcpy(&world.data[16], &capacity, 8);
	find_suspects(1024);
	assert_int_equal(suspects->rows.count, 1);
}

static void test_beyond_the_length(void **state)
{
	(void)state;
	slice_of(2, 42);
	assert_suspect(0, "beyond-len", 1280, 80,
		       "main.queue holds 1.25 KiB (54 %): 80 pointers beyond the length of a slice "
		       "(2 of 42) hold what nothing else does; freeing it would free 80 objects",
		       "main.queue");
}

static void test_within_the_length(void **state)
{
	(void)state;
	slice_of(40, 42);
	assert_suspect(0, "accumulation", 2368, 40,
		       "main.queue holds 2.31 KiB (100 %): a slice of 40 elements, with room for "
		       "42; freeing it would free 85 objects",
		       "main.queue");
}

/* What cannot be a slice of the array is not said to be one. */
static void test_impossible_slice(void **state)
{
	(void)state;
	slice_of(2, 43);
	assert_string_equal(suspects->rows.items[0].name, "accumulation");
	assert_int_equal(suspects->rows.items[0].count, 84);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end_suspects)
	const struct CMUnitTest tests[] = {
	    TEST(test_accumulation),
	    TEST(test_nothing_stands_out),
	    TEST(test_small_heaps_have_none),
	    TEST(test_array_held_by_two),
	    TEST(test_held_by_several),
	    TEST(test_many_held_by_several),
	    TEST(test_bytes_of_many_holders),
	    TEST(test_context_chain),
	    TEST(test_short_context_chain),
	    TEST(test_circle_of_contexts),
	    TEST(test_map),
	    TEST(test_impossible_map),
	    TEST(test_beyond_the_length),
	    TEST(test_within_the_length),
	    TEST(test_impossible_slice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
