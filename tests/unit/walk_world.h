/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A world for the walk: types, a heap and data segment made by hand, and what the model says of
 * them. Each test begins with an empty one.
 */
#ifndef GRF_TESTS_WALK_WORLD_H
#define GRF_TESTS_WALK_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "given_names.h"
#include "graph/graph.h"
#include "image/provenance.h"
#include "model/code/version.h"
#include "model/types/flow/code_types.h"
#include "model/variables/variables.h"

/* No test needs all of it. */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-variable"

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
	const char *module_text; /* of the build info; NULL: there is none */
	uint64_t left_out;       /* an address whose byte the image says was left out; 0: none */
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

/* The first nodes, each with a pointer to the next one. */
static void make_list(uint64_t *list, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		list[i] = object(0, i);
	for (uint32_t i = 0; i + 1 < count; i++)
		point(list[i], 0, list[i + 1]);
}

static void global(const char *name, struct grf_type *type, uint64_t value)
{
	size_t i = world.global_count++;

	world.globals[i] = (struct grf_global){name, DATA_BASE + i * 8, type};
	memcpy(&world.data[i * 8], &value, 8);
	world.data_mask[i / 8] |= (uint8_t)(1u << (i % 8));
}

/* What roots and edges lead to, without types: objects that are to be looked at. */
static struct {
	bool found[SPANS * SPAN_BYTES / 16];
	uint64_t queue[SPANS * SPAN_BYTES / 16];
	size_t count;
} plain;

static void find_object(uint64_t value)
{
	const struct grf_span *span;
	uint32_t slot;

	if (!grf_heap_find(&world.heap_model, value, &span, &slot) ||
	    !(span->allocated[slot >> 3] >> (slot & 7) & 1) ||
	    plain.found[span->first_object + slot])
		return;
	plain.found[span->first_object + slot] = true;
	plain.queue[plain.count++] = span->base + slot * span->element_size;
}

static void find_root(void *context, const struct grf_root_word *word)
{
	(void)context;
	find_object(word->value);
}

static void find_edge(void *context, uint64_t address, uint64_t value)
{
	(void)context;
	(void)address;
	find_object(value);
}

/* The walk by types reaches just what there is to reach. */
static void assert_reached_by_roots_and_edges(void)
{
	memset(&plain, 0, sizeof(plain));
	grf_graph_roots(world.graph, find_root, NULL);
	for (size_t i = 0; i < world.specials.count; i++)
		if (world.specials.items[i].kind == GRF_ROOT_REFERENTS)
			plain.queue[plain.count++] = world.specials.items[i].value;
	for (size_t i = 0; i < plain.count; i++) {
		const struct grf_span *span = NULL;
		uint32_t slot = 0;

		assert_true(grf_heap_find(&world.heap_model, plain.queue[i], &span, &slot));
		assert_true(grf_graph_edges(world.graph, span, slot, find_edge, NULL));
	}
	for (uint64_t id = 0; id < world.heap_model.object_ids; id++)
		assert_int_equal(grf_graph_reached(world.graph, id), plain.found[id]);
}

static void walk(void)
{
	struct grf_graph_options options = {.max_depth = 256, .places = true};

	assert_null(grf_graph_create(&world.model, &options, &world.graph));
	world.tree = world.graph->tree;
	assert_reached_by_roots_and_edges();
}

static struct grf_object_kind kind_at(uint64_t address)
{
	const struct grf_span *span = NULL;
	uint32_t slot = 0;

	assert_true(grf_heap_find(&world.heap_model, address, &span, &slot));
	return grf_graph_kind(world.graph, span->first_object + slot);
}

static void assert_kind(uint64_t address, const struct grf_type *type, enum grf_content content,
			bool inside)
{
	struct grf_object_kind kind = kind_at(address);

	assert_ptr_equal(kind.type, type);
	assert_int_equal(kind.content, content);
	assert_int_equal(kind.inside, inside);
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
	const uint8_t *memory = grf_image_at(image, address, 8);

	*ret = memory ? grf_load_u64(memory) : 0;
	return memory;
}

uint64_t grf_image_room(const struct grf_image *image, int64_t size)
{
	(void)image;
	(void)size;
	return 1000;
}

const struct grf_provenance *grf_image_provenance(const struct grf_image *image)
{
	static const struct grf_provenance provenance;

	(void)image;
	return &provenance;
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

enum grf_func_kind grf_pclntab_kind(const struct grf_pclntab *table,
				    const struct grf_function *function)
{
	(void)table;
	(void)function;
	return GRF_FUNC_NORMAL;
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

struct grf_error *grf_image_check_copied(const struct grf_image *image, uint64_t address,
					 uint64_t length, const char *what)
{
	(void)image;
	if (world.left_out < address || world.left_out - address >= length)
		return NULL;
	return grf_error_create(GRF_ERROR_TORN, "%s", what);
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

char *grf_version_modules(struct grf_executable *executable, const struct grf_image *image)
{
	(void)executable;
	(void)image;
	return world.module_text ? strdup(world.module_text) : NULL;
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

#endif
