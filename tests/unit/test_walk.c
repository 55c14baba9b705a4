/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk over a heap made by hand: which objects it reaches, and under which names. The model
 * below it (types, image, executable) is played by this file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/graph.h"

#define HEAP_BASE  0xc000000000u
#define DATA_BASE  0x500000u
#define DATA_WORDS 64
#define SPAN_BYTES 8192
#define SPANS      4

/* ---- types ---- */

static const char *const path_next[] = {"next. (*Node)"};
static const char *const path_data[] = {"data. (*byte)"};
static const char *const path_a[] = {"a. (*Leaf)"};
static const char *const path_b[] = {"b. (*Leaf)"};
static const char *const path_any[] = {"any. (unsafe.Pointer)"};
static const char *const pair_elements[] = {
    "[0]. (Pair)", "[1]. (Pair)", "[2]. (Pair)", "[3]. (Pair)", "[4]. (Pair)",   "[5]. (Pair)",
    "[6]. (Pair)", "[7]. (Pair)", "[8]. (Pair)", "[9]. (Pair)", "[10+]. (Pair)", "[<0]. (Pair)"};

static struct grf_type byte_type = {.name = "byte", .size = 1, .planned = true};
static struct grf_type leaf = {.name = "Leaf", .size = 16, .planned = true};
static struct grf_type node;
static struct grf_slot node_slots[] = {
    {.kind = GRF_SLOT_POINTER, .path = path_next, .path_length = 1, .target = &node},
    {.offset = 8,
     .kind = GRF_SLOT_POINTER,
     .child = 1,
     .path = path_data,
     .path_length = 1,
     .target = &byte_type},
};
static struct grf_type node = {.name = "Node",
			       .size = 16,
			       .pointer_mask = 3,
			       .pointer_bytes = 16,
			       .slots = node_slots,
			       .slot_count = 2,
			       .child_count = 2,
			       .planned = true};
static struct grf_slot pair_slots[] = {
    {.kind = GRF_SLOT_POINTER, .path = path_a, .path_length = 1, .target = &leaf},
    {.offset = 8,
     .kind = GRF_SLOT_POINTER,
     .child = 1,
     .path = path_b,
     .path_length = 1,
     .target = &leaf},
};
static struct grf_type pair = {.name = "Pair",
			       .size = 24,
			       .pointer_mask = 3,
			       .pointer_bytes = 16,
			       .slots = pair_slots,
			       .slot_count = 2,
			       .child_count = 2,
			       .planned = true};
static struct grf_slot first_slots[] = {
    {.kind = GRF_SLOT_POINTER, .path = path_a, .path_length = 1, .target = &leaf},
};
static struct grf_type first = {.name = "First",
				.size = 8,
				.pointer_mask = 1,
				.pointer_bytes = 8,
				.slots = first_slots,
				.slot_count = 1,
				.child_count = 1,
				.planned = true};
/* Roots: one pointer word each. */
static struct grf_slot to_node_slot[] = {{.kind = GRF_SLOT_POINTER, .target = &node}};
static struct grf_slot to_first_slot[] = {{.kind = GRF_SLOT_POINTER, .target = &first}};
static struct grf_slot to_pair_slot[] = {{.kind = GRF_SLOT_POINTER, .target = &pair}};
static struct grf_slot pairs_slot[] = {{.kind = GRF_SLOT_ARRAY_POINTER, .target = &pair}};
static struct grf_slot to_byte_slot[] = {{.kind = GRF_SLOT_POINTER, .target = &byte_type}};
static struct grf_slot unsafe_slot[] = {
    {.kind = GRF_SLOT_UNSAFE, .path = path_any, .path_length = 1}};
#define ROOT_TYPE(variable, slot)                                                                  \
	static struct grf_type variable = {.name = #variable,                                      \
					   .size = 8,                                              \
					   .pointer_mask = 1,                                      \
					   .pointer_bytes = 8,                                     \
					   .slots = slot,                                          \
					   .slot_count = 1,                                        \
					   .child_count = 1,                                       \
					   .planned = true}
ROOT_TYPE(to_node, to_node_slot);
ROOT_TYPE(to_first, to_first_slot);
ROOT_TYPE(to_pair, to_pair_slot);
ROOT_TYPE(pairs, pairs_slot);
ROOT_TYPE(to_byte, to_byte_slot);
ROOT_TYPE(unsafe, unsafe_slot);

/* ---- the world ---- */

static struct {
	uint8_t heap[SPANS][SPAN_BYTES];
	uint8_t bits[SPANS][SPAN_BYTES / 64];
	uint8_t allocated[SPANS][SPAN_BYTES / 64];
	uint8_t data[DATA_WORDS * 8];
	uint8_t data_mask[DATA_WORDS / 8];
	uint32_t index[1];
	uint32_t pages[1][8192];
	struct grf_span spans[SPANS];
	struct grf_heap heap_model;
	struct grf_module module;
	struct grf_modules modules;
	struct grf_goroutines goroutines;
	struct grf_special_roots specials;
	struct grf_model model;
	struct grf_global globals[DATA_WORDS];
	size_t global_count;
	struct grf_graph *graph;
	struct grf_tree *tree;
} world;

static void set_span(int span, uint64_t size, enum grf_pointer_layout layout)
{
	struct grf_span *it = &world.spans[span];
	uint64_t ids = span ? it[-1].first_object + it[-1].slot_count : 0;

	*it = (struct grf_span){
	    .base = HEAP_BASE + (uint64_t)span * SPAN_BYTES,
	    .element_size = size,
	    .division = UINT64_MAX / size + 1,
	    .first_object = ids,
	    .memory = world.heap[span],
	    .allocated = world.allocated[span],
	    .pointer_bits = layout == GRF_POINTERS_NONE ? NULL : world.bits[span],
	    .slot_count = (uint32_t)(SPAN_BYTES / size),
	    .pointer_layout = layout,
	};
	world.heap_model.object_ids = ids + it->slot_count;
}

/* Spans: 16-byte objects with heap bits, 96-byte ones with heap bits, 16-byte ones without
 * pointers, 1024-byte ones with the heap bits of Go before 1.22. */
static int begin(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	set_span(0, 16, GRF_POINTERS_BITS);
	set_span(1, 96, GRF_POINTERS_BITS);
	set_span(2, 16, GRF_POINTERS_NONE);
	set_span(3, 1024, GRF_POINTERS_ARENA);
	world.index[0] = 1;
	for (int i = 0; i < SPANS; i++)
		world.pages[0][i] = (uint32_t)i + 1;
	world.heap_model.spans = world.spans;
	world.heap_model.span_count = SPANS;
	world.heap_model.first_arena = HEAP_BASE >> 26;
	world.heap_model.arena_count = 1;
	world.heap_model.arena_index = world.index;
	world.heap_model.pages = (const uint32_t(*)[8192])world.pages;
	world.module.data = DATA_BASE;
	world.module.edata = DATA_BASE + sizeof(world.data);
	world.module.data_mask = world.data_mask;
	world.module.data_mask_bits = DATA_WORDS;
	world.modules.items = &world.module;
	world.modules.count = 1;
	world.model.heap = &world.heap_model;
	world.model.modules = &world.modules;
	world.model.goroutines = &world.goroutines;
	world.model.specials = &world.specials;
	return 0;
}

static int end(void **state)
{
	(void)state;
	grf_graph_destroy(world.graph);
	world.graph = NULL;
	return 0;
}

static uint64_t object(int span, uint32_t slot)
{
	world.allocated[span][slot >> 3] |= (uint8_t)(1u << (slot & 7));
	return world.spans[span].base + slot * world.spans[span].element_size;
}

/* Stores a pointer in an object and tells the collector's mask. */
static void point(uint64_t from, uint64_t offset, uint64_t to)
{
	uint64_t at = from + offset - HEAP_BASE, span = at / SPAN_BYTES, byte = at % SPAN_BYTES;

	memcpy(&world.heap[span][byte], &to, 8);
	world.bits[span][byte / 64] |= (uint8_t)(1u << (byte / 8 % 8));
}

static void global(const char *name, struct grf_type *type, uint64_t value)
{
	size_t i = world.global_count++;

	world.globals[i] = (struct grf_global){name, DATA_BASE + i * 8, type};
	memcpy(&world.data[i * 8], &value, 8);
	world.data_mask[i / 8] |= (uint8_t)(1u << (i % 8));
}

static void walk(void)
{
	struct grf_graph_options options = {.max_depth = 256};

	assert_null(grf_graph_create(&world.model, &options, &world.graph));
	world.tree = world.graph->tree;
}

/* Objects at the chain "a/b/c". */
static uint64_t count_at(const char *chain)
{
	uint64_t found = 0;

	for (uint32_t i = 0; i < world.tree->node_count; i++) {
		char text[512] = "", longer[1024];

		for (uint32_t at = i; at != GRF_TREE_NONE; at = world.tree->nodes[at].parent) {
			snprintf(longer, sizeof(longer), "%s%s%s", world.tree->nodes[at].name,
				 *text ? "/" : "", text);
			snprintf(text, sizeof(text), "%.*s", (int)sizeof(text) - 1, longer);
		}
		if (!strcmp(text, chain))
			found += world.tree->nodes[i].objects;
	}
	return found;
}

/* ---- what the model would say ---- */

void grf_type_plan(struct grf_types *types, struct grf_type *type)
{
	(void)types;
	(void)type;
}

const char *const *grf_type_element_names(struct grf_types *types, struct grf_type *type)
{
	(void)types;
	type->element_names = pair_elements;
	return pair_elements;
}

bool grf_types_have_dwarf(const struct grf_types *types)
{
	(void)types;
	return true;
}

bool grf_types_lack_dwarf_of_some(const struct grf_types *types)
{
	(void)types;
	return false;
}

bool grf_types_in_code(struct grf_types *types, struct grf_type_list *ret)
{
	(void)types;
	*ret = (struct grf_type_list){0};
	return true;
}

struct grf_type *grf_type_object(struct grf_types *types, struct grf_type *type)
{
	(void)types;
	return type;
}

bool grf_type_is_shape(const struct grf_type *type)
{
	(void)type;
	return false;
}

bool grf_type_has_shape(struct grf_types *types, struct grf_type *type, struct grf_type *shape)
{
	(void)types;
	return type == shape;
}

bool grf_type_has_field(struct grf_types *types, struct grf_type *type,
			const struct grf_type *field, uint64_t offset)
{
	(void)types;
	(void)type;
	(void)field;
	(void)offset;
	return false;
}

uint64_t grf_type_channel_element(struct grf_types *types, const struct grf_type *contents)
{
	(void)types;
	(void)contents;
	return 0;
}

struct grf_type *grf_type_variant(struct grf_types *types, struct grf_type *type,
				  const uint8_t *memory, uint64_t room)
{
	(void)types;
	(void)memory;
	(void)room;
	return type->variant_type;
}

const struct grf_type_scalar *grf_type_scalars(struct grf_types *types, struct grf_type *type,
					       uint32_t *ret_count)
{
	(void)types;
	(void)type;
	*ret_count = 0;
	return NULL;
}

bool grf_types_itab_is_of(struct grf_types *types, uint64_t itab, const struct grf_type *interface)
{
	(void)types;
	(void)itab;
	(void)interface;
	return false;
}

bool grf_types_in_data(struct grf_types *types, uint64_t address, struct grf_code_object *ret)
{
	(void)types;
	(void)address;
	(void)ret;
	return false;
}

bool grf_types_in_frame(struct grf_types *types, uint64_t pc, uint64_t cfa, uint64_t address,
			struct grf_code_object *ret)
{
	(void)types;
	(void)pc;
	(void)cfa;
	(void)address;
	(void)ret;
	return false;
}

const char *grf_type_found_name(struct grf_types *types, const struct grf_type *type)
{
	(void)types;
	return type->name;
}

bool grf_image_u64(const struct grf_image *image, uint64_t address, uint64_t *ret)
{
	(void)image;
	(void)address;
	*ret = 0;
	return false;
}

const struct grf_segment *grf_image_find(const struct grf_image *image, uint64_t address)
{
	(void)image;
	(void)address;
	return NULL;
}

const char *grf_pclntab_source(const struct grf_pclntab *table, const struct grf_function *function,
			       uint64_t pc, int32_t *ret_line)
{
	(void)table;
	(void)function;
	(void)pc;
	(void)ret_line;
	return NULL;
}

const char *grf_pclntab_inlined_name(const struct grf_pclntab *table,
				     const struct grf_function *function, uint64_t pc)
{
	(void)table;
	(void)pc;
	return function->name;
}

bool grf_pclntab_find(const struct grf_pclntab *table, uint64_t pc, struct grf_function *ret)
{
	(void)table;
	(void)pc;
	(void)ret;
	return false;
}

struct grf_type *grf_types_by_descriptor(struct grf_types *types, uint64_t address)
{
	(void)types;
	(void)address;
	return NULL;
}

bool grf_types_by_interface(struct grf_types *types, uint64_t word, bool is_itab,
			    const struct grf_interface_type **ret)
{
	(void)types;
	(void)word;
	(void)is_itab;
	(void)ret;
	return false;
}

struct grf_type *grf_types_closure_object(struct grf_types *types, const uint8_t *memory,
					  uint64_t room)
{
	(void)types;
	(void)memory;
	(void)room;
	return NULL;
}

const uint64_t *grf_types_pointer_mask(struct grf_types *types, uint64_t address,
				       uint64_t *ret_words, uint64_t *ret_type_size)
{
	(void)types;
	(void)address;
	(void)ret_words;
	(void)ret_type_size;
	return NULL;
}

const struct grf_global *grf_types_globals(struct grf_types *types, size_t *ret_count)
{
	(void)types;
	*ret_count = world.global_count;
	return world.globals;
}

size_t grf_types_locals(struct grf_types *types, uint64_t pc, uint64_t cfa, struct grf_local *ret,
			size_t capacity)
{
	(void)types;
	(void)pc;
	(void)cfa;
	(void)ret;
	(void)capacity;
	return 0;
}

const uint8_t *grf_image_at(const struct grf_image *image, uint64_t address, uint64_t length)
{
	(void)image;
	if (address < DATA_BASE || address + length > DATA_BASE + sizeof(world.data))
		return NULL;
	return &world.data[address - DATA_BASE];
}

const uint8_t *grf_image_view(const struct grf_image *image, uint64_t address, uint64_t length)
{
	return grf_image_at(image, address, length);
}

void grf_image_copy_held(const struct grf_image *image, uint64_t address, uint8_t *buffer,
			 uint64_t length)
{
	(void)image;
	(void)address;
	(void)buffer;
	(void)length;
}

struct grf_error *grf_image_read(const struct grf_image *image, uint64_t address, void *buffer,
				 uint64_t length)
{
	(void)image;
	(void)address;
	(void)buffer;
	(void)length;
	return NULL;
}

uint64_t grf_executable_bias(const struct grf_executable *executable)
{
	(void)executable;
	return 0;
}

struct grf_executable *const *grf_executable_libraries(const struct grf_executable *executable,
						       size_t *ret_count)
{
	(void)executable;
	*ret_count = 0;
	return NULL;
}

const char *grf_executable_symbol_at(struct grf_executable *executable, uint64_t address,
				     uint64_t *ret_start, uint64_t *ret_size)
{
	(void)executable;
	*ret_start = address;
	*ret_size = 8;
	return address < DATA_BASE + 32 * 8 ? "main..stmp_17" : "runtime.hidden";
}

/* ---- tests ---- */

static void test_a_list_is_one_element(void **state)
{
	uint64_t list[100];

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		list[i] = object(0, i);
	for (int i = 0; i < 99; i++)
		point(list[i], 0, list[i + 1]);
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

/* Of many ways to a large object only some are gone through as a whole; nothing is lost. */
static void test_a_large_object_that_many_share(void **state)
{
	uint64_t large = many_pairs();

	(void)state;
	point(large, 1016, object(2, 100));
	for (int i = 0; i < 40; i++)
		global("main.pairs", &pairs, large);
	walk();
	assert_int_equal(world.tree->objects, 42);
	assert_int_equal(count_at("main.pairs/$sub_objects$"), 1);
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
	for (uint32_t i = 0; i < 10; i++)
		list[i] = object(0, i);
	for (int i = 0; i < 9; i++)
		point(list[i], 0, list[i + 1]);
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
	};

	return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
