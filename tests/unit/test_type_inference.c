/* SPDX-License-Identifier: BSD-2-Clause */
/* What an object without a name is taken for: by its mask, its contents, and what the code makes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/inference/type_inference.h"

/* Three spans of a page: objects of 32 bytes with pointers, of 32 without, of 64 with. */
#define BASE      UINT64_C(0xc000000000)
#define PAGE      8192u
#define SCAN      BASE
#define NOSCAN    (BASE + PAGE)
#define ARRAYS    (BASE + 2 * PAGE)
#define STATICS   (BASE - PAGE)
#define MAX_TYPES 8

static struct {
	uint8_t memory[3][PAGE], bits[3][PAGE / 64], allocated[3][PAGE / 64];
	struct grf_span spans[3];
	uint32_t index[1], pages[1][8192];
	struct grf_heap heap;
	struct grf_model model;
	uint64_t statics[4]; /* what stands in no span */
	struct grf_type_use uses[MAX_TYPES];
	size_t use_count;
} world;

/* ---- types ---- */

static struct grf_type byte_type = {.name = "uint8", .size = 1, .planned = true};
static struct grf_type int_type = {.name = "int", .size = 8, .planned = true};
static struct grf_type leaf = {.name = "Leaf", .size = 32, .planned = true};

#define TYPE(variable, called, bytes, mask, ...)                                                   \
	static struct grf_slot variable##_slots[] = {__VA_ARGS__};                                 \
	static struct grf_type variable = {                                                        \
	    .name = called,                                                                        \
	    .size = bytes,                                                                         \
	    .pointer_mask = mask,                                                                  \
	    .pointer_bytes = bytes,                                                                \
	    .slots = variable##_slots,                                                             \
	    .slot_count = sizeof(variable##_slots) / sizeof(*variable##_slots),                    \
	    .planned = true,                                                                       \
	}
#define STRING(at)                                                                                 \
	{                                                                                          \
		.offset = at, .kind = GRF_SLOT_POINTER, .count = 1, .target = &byte_type           \
	}
#define SLICE(at, of)                                                                              \
	{                                                                                          \
		.offset = at, .kind = GRF_SLOT_ARRAY_POINTER, .count = 1, .target = of             \
	}
#define POINTER(at, to)                                                                            \
	{                                                                                          \
		.offset = at, .kind = GRF_SLOT_POINTER, .target = to                               \
	}

/* All have one pointer, at their beginning, and are put in slots of 32 bytes. */
TYPE(named, "Named", 32, 1, STRING(0));
TYPE(bytes, "Bytes", 32, 1, SLICE(0, &byte_type));
TYPE(numbers, "Numbers", 32, 1, SLICE(0, &int_type));
TYPE(first, "First", 32, 1, POINTER(0, &leaf));
TYPE(second, "Second", 32, 1, POINTER(0, &int_type));
/* Pointers, as arrays have them. */
TYPE(to_leaf, "*Leaf", 8, 1, POINTER(0, &leaf));
TYPE(to_int, "*int", 8, 1, POINTER(0, &int_type));
TYPE(to_first, "*First", 8, 1, POINTER(0, &first));
TYPE(to_anything, "unsafe.Pointer", 8, 1, {.offset = 0, .kind = GRF_SLOT_UNSAFE});
static struct grf_type ring;
TYPE(ring, "Ring", 32, 1, POINTER(0, &ring));
TYPE(to_ring, "*Ring", 8, 1, POINTER(0, &ring));

/* What the runtime makes for any map, and two maps whose elements are as good as the same. */
TYPE(any_map, "runtime.hmap", 32, 1, {.offset = 0, .kind = GRF_SLOT_UNSAFE});
TYPE(signed_elements, "elements of int", 64, 5, STRING(0), STRING(16));
TYPE(unsigned_elements, "elements of uint", 64, 5, STRING(0), STRING(16));
TYPE(pointer_elements, "elements of *Leaf", 64, 5, STRING(0), POINTER(16, &leaf));
TYPE(signed_map, "map[string]int", 32, 1, POINTER(0, &signed_elements));
TYPE(named_map, "Counts", 32, 1, POINTER(0, &signed_elements));
TYPE(unsigned_map, "map[string]uint", 32, 1, POINTER(0, &unsigned_elements));
TYPE(pointer_map, "map[string]*Leaf", 32, 1, POINTER(0, &pointer_elements));
TYPE(to_bytes, "pointer to Bytes", 32, 1, POINTER(0, &bytes));

/* Of the same size and mask, with a word before the pointer that is no pointer. */
#define ITAB       (STATICS + 8)
#define OTHER_ITAB (STATICS + 16)
static struct grf_type reader = {.name = "Reader", .size = 16, .planned = true};
TYPE(reading, "Reading", 32, 2, {.offset = 0, .kind = GRF_SLOT_IFACE});
TYPE(flagged, "Flagged", 32, 2, POINTER(8, &leaf));
TYPE(number_first, "NumberFirst", 32, 2, POINTER(8, &leaf));

/* Two pointers to the same, as a struct and as an array of that; and a struct in another. */
#define PATH(text) .fields = (const char *const[]){text}, .field_count = 1
TYPE(pair, "Pair", 16, 3, {.offset = 0, .target = &leaf, PATH("A. (*Leaf)")},
     {.offset = 8, .target = &leaf, PATH("B. (*Leaf)")});
TYPE(two, "[2]*Leaf", 16, 3,
     {.kind = GRF_SLOT_INLINE_ARRAY, .target = &to_leaf, .count = 2, .stride = 8});
TYPE(element, "Element", 40, 3, {.offset = 0, .target = &leaf, PATH("A. (*Leaf)")},
     {.offset = 8, .target = &leaf, PATH("B. (*Leaf)")});
#define INNER(text) .fields = (const char *const[]){"root. (Element)", text}, .field_count = 2
TYPE(list, "List", 48, 3, {.offset = 0, .target = &leaf, INNER("A. (*Leaf)")},
     {.offset = 8, .target = &leaf, INNER("B. (*Leaf)")});

TYPE(wrapped, "Wrapped", 40, 3, {.offset = 0, .target = &leaf, INNER("A. (*Leaf)")},
     {.offset = 8, .target = &leaf, INNER("B. (*Leaf)")});

/* Pointers to nodes, which are more than their type says: by a flag, one of two things. */
TYPE(pointing, "Pointing", 32, 2, POINTER(8, &leaf));
TYPE(naming, "Naming", 32, 1, STRING(0));
static struct grf_type first_node, second_node;
TYPE(to_first_node, "ToFirst", 32, 1, POINTER(0, &first_node));
TYPE(to_second_node, "ToSecond", 32, 1, POINTER(0, &second_node));
static struct grf_type first_node = {.name = "FirstNode",
				     .size = 8,
				     .variant = GRF_VARIANT_IF_BYTE_SET,
				     .variant_type = &pointing,
				     .planned = true};
static struct grf_type second_node = {.name = "SecondNode",
				      .size = 8,
				      .variant = GRF_VARIANT_IF_BYTE_SET,
				      .variant_type = &naming,
				      .planned = true};

/* What code for boxes of any pointer has for a type, and two of those. */
TYPE(box_shape, "Box[go.shape.*uint8]", 32, 1, {.offset = 0, .kind = GRF_SLOT_UNSAFE});
TYPE(leaf_box, "Box[*Leaf]", 32, 1, POINTER(0, &leaf));
TYPE(other_leaf_box, "Box[*Other]", 32, 1, POINTER(0, &leaf));

/* A list, and what it is told from by one word of each. */
static struct grf_type chain;
TYPE(chain, "Chain", 32, 3, POINTER(0, &chain), POINTER(8, &leaf));
TYPE(links, "Links", 32, 3, POINTER(0, &chain), STRING(8));

/* ---- the world ---- */

static void set_span(int span, uint64_t size, enum grf_pointer_layout layout)
{
	world.spans[span] = (struct grf_span){
	    .base = BASE + (uint64_t)span * PAGE,
	    .limit = BASE + (uint64_t)(span + 1) * PAGE,
	    .element_size = size,
	    .division = UINT64_MAX / size + 1,
	    .slot_count = (uint32_t)(PAGE / size),
	    .memory = world.memory[span],
	    .allocated = world.allocated[span],
	    .pointer_layout = layout,
	    .pointer_bits = layout == GRF_POINTERS_NONE ? NULL : world.bits[span],
	};
	memset(world.allocated[span], 0xff, sizeof(world.allocated[span]));
	world.pages[0][span] = 1 + (uint32_t)span;
}

static int begin(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	set_span(0, 32, GRF_POINTERS_BITS);
	set_span(1, 32, GRF_POINTERS_NONE);
	set_span(2, 64, GRF_POINTERS_BITS);
	world.index[0] = 1;
	world.heap = (struct grf_heap){
	    .spans = world.spans,
	    .span_count = 3,
	    .first_arena = BASE >> 26,
	    .arena_count = 1,
	    .arena_index = world.index,
	    .pages = (const uint32_t(*)[8192])world.pages,
	};
	world.model.heap = &world.heap;
	return 0;
}

static void put(uint64_t address, uint64_t value)
{
	memcpy(&world.memory[(address - BASE) / PAGE][(address - BASE) % PAGE], &value, 8);
}

/* The collector's mask of the object at `address`. */
static void mark(uint64_t address, uint64_t mask)
{
	for (unsigned int i = 0; i < 64; i++) {
		uint64_t word = (address - BASE) % PAGE / 8 + i;

		if (mask >> i & 1)
			world.bits[(address - BASE) / PAGE][word / 8] |= (uint8_t)(1u << word % 8);
	}
}

static void use(struct grf_type *type, unsigned int made)
{
	world.uses[world.use_count++] = (struct grf_type_use){type, made};
}

/* What the object is taken for; NULL: nothing. */
static const char *infer(uint64_t address, bool *ret_array)
{
	struct grf_type_inference *inference = grf_type_inference_create(&world.model);
	const struct grf_span *span = grf_heap_span(&world.heap, address);
	struct grf_inferred found = {0};
	bool known;

	assert_non_null(inference);
	known = grf_type_infer(inference, span, grf_span_slot(span, address), NULL, &found);
	grf_type_inference_destroy(inference);
	*ret_array = known && found.array;
	return known ? found.type->name : NULL;
}

static void assert_taken_for(uint64_t address, const char *name, bool array)
{
	bool is_array;
	const char *found = infer(address, &is_array);

	assert_non_null(found);
	assert_string_equal(found, name);
	assert_int_equal(is_array, array);
}

static void assert_unknown(uint64_t address)
{
	bool array;

	assert_null(infer(address, &array));
}

/* ---- what the model would say ---- */

bool grf_types_in_code(struct grf_types *types, struct grf_type_list *ret)
{
	(void)types;
	ret->items = calloc(MAX_TYPES, sizeof(*ret->items));
	ret->count = world.use_count;
	memcpy(ret->items, world.uses, sizeof(world.uses));
	return true;
}

struct grf_type *grf_type_object(struct grf_types *types, struct grf_type *type)
{
	(void)types;
	return type;
}

uint64_t grf_type_channel_element(struct grf_types *types, const struct grf_type *contents)
{
	(void)types;
	(void)contents;
	return 0;
}

void grf_type_plan(struct grf_types *types, struct grf_type *type)
{
	(void)types;
	(void)type;
}

const uint64_t *grf_types_pointer_mask(struct grf_types *types, uint64_t address,
				       uint64_t *ret_words, uint64_t *ret_type_size)
{
	(void)types;
	(void)address;
	*ret_words = *ret_type_size = 0;
	return NULL;
}

bool grf_types_by_interface(struct grf_types *types, uint64_t word, bool is_itab,
			    const struct grf_interface_type **ret)
{
	static const struct grf_interface_type held = {0};

	(void)types;
	*ret = &held;
	return is_itab && (word == ITAB || word == OTHER_ITAB);
}

const struct grf_type_scalar *grf_type_scalars(struct grf_types *types, struct grf_type *type,
					       uint32_t *ret_count)
{
	static const struct grf_type_scalar flag = {24, GRF_SCALAR_BOOL, NULL};
	static const struct grf_type_scalar itab = {0, GRF_SCALAR_ITAB, &reader};

	(void)types;
	*ret_count = type == &flagged || type == &reading;
	if (!*ret_count)
		return NULL;
	return type == &flagged ? &flag : &itab;
}

bool grf_types_itab_is_of(struct grf_types *types, uint64_t itab, const struct grf_type *interface)
{
	(void)types;
	return itab == ITAB && interface == &reader;
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

bool grf_type_is_shape(const struct grf_type *type)
{
	return type == &box_shape;
}

bool grf_type_has_shape(struct grf_types *types, struct grf_type *type, struct grf_type *shape)
{
	(void)types;
	return type == shape ||
	       (shape == &box_shape && (type == &leaf_box || type == &other_leaf_box));
}

struct grf_type *grf_type_variant(struct grf_types *types, struct grf_type *type,
				  const uint8_t *memory, uint64_t room)
{
	(void)types;
	(void)memory;
	(void)room;
	return type->variant_type;
}

bool grf_image_u64(const struct grf_image *image, uint64_t address, uint64_t *ret)
{
	(void)image;
	(void)address;
	*ret = 0;
	return false;
}

const uint8_t *grf_image_at(const struct grf_image *image, uint64_t address, uint64_t length)
{
	(void)image;
	if (address < STATICS || address + length > STATICS + sizeof(world.statics))
		return NULL;
	return (const uint8_t *)world.statics + (address - STATICS);
}

const struct grf_segment *grf_image_find(const struct grf_image *image, uint64_t address)
{
	static const struct grf_segment segment = {STATICS, STATICS + sizeof(world.statics),
						   GRF_SEGMENT_READ, (uint8_t *)world.statics};

	return grf_image_at(image, address, 1) ? &segment : NULL;
}

bool grf_pclntab_find(const struct grf_pclntab *table, uint64_t pc, struct grf_function *ret)
{
	(void)table;
	(void)pc;
	(void)ret;
	return false;
}

/* ---- tests ---- */

static void test_room_for_a_slice(void **state)
{
	(void)state;
	use(&bytes, 0);
	use(&numbers, 0);
	mark(SCAN, 1);
	put(SCAN, NOSCAN);
	put(SCAN + 8, 10);
	put(SCAN + 16, 32);
	/* 32 numbers would not fit into the 32 bytes there. */
	assert_taken_for(SCAN, "Bytes", false);
	/* Four fit as well as four bytes, and fill the object: likelier. */
	put(SCAN + 8, 3);
	put(SCAN + 16, 4);
	assert_taken_for(SCAN, "Numbers", false);
	/* More than the capacity: no slice at all. */
	put(SCAN + 8, 5);
	assert_unknown(SCAN);
}

static void test_room_for_a_string(void **state)
{
	(void)state;
	use(&named, GRF_MADE_ONE);
	mark(SCAN, 1);
	put(SCAN, NOSCAN + 16);
	put(SCAN + 8, 16);
	assert_taken_for(SCAN, "Named", false);
	put(SCAN + 8, 17);
	assert_unknown(SCAN);
	put(SCAN + 8, UINT64_MAX);
	assert_unknown(SCAN);
}

static void test_of_equals_none(void **state)
{
	(void)state;
	use(&first, 0);
	use(&named, 0);
	mark(SCAN, 1);
	/* A nil pointer, a string without characters: nothing speaks for either. */
	assert_unknown(SCAN);
	/* That the code makes the one leaves the other to reflection. */
	world.uses[0].made = GRF_MADE_ONE;
	assert_unknown(SCAN);
	world.uses[0].made = GRF_MADE_ARRAY;
	assert_unknown(SCAN);
}

static void test_the_contents_come_first(void **state)
{
	(void)state;
	use(&second, GRF_MADE_ONE);
	use(&first, 0);
	mark(SCAN, 1);
	put(SCAN, NOSCAN);
	/* What is pointed to has just a Leaf's size. */
	assert_taken_for(SCAN, "First", false);
	/* A pointer into the middle: no room for a Leaf. */
	put(SCAN, NOSCAN + 8);
	assert_taken_for(SCAN, "Second", false);
}

static void test_arrays(void **state)
{
	(void)state;
	use(&to_leaf, GRF_MADE_ARRAY);
	use(&to_int, 0);
	use(&to_first, GRF_MADE_ARRAY);
	mark(ARRAYS, 0xff);
	for (uint64_t i = 0; i < 6; i++)
		put(ARRAYS + 8 * i, NOSCAN + 32 * i);
	assert_taken_for(ARRAYS, "*Leaf", true);
	/* Nobody makes slices of it. */
	world.uses[0].made = GRF_MADE_ONE;
	assert_unknown(ARRAYS);
	/* One that cannot be such a pointer is enough. */
	world.uses[0].made = GRF_MADE_ARRAY;
	put(ARRAYS + 16, SCAN + 4);
	assert_unknown(ARRAYS);
}

/* Whatever stands in an object, it may be unsafe.Pointers; to say so says nothing. */
static void test_words_that_may_be_anything(void **state)
{
	(void)state;
	use(&to_anything, GRF_MADE_ARRAY);
	mark(ARRAYS, 0xff);
	assert_unknown(ARRAYS);
	use(&to_leaf, 0);
	for (uint64_t i = 0; i < 8; i++)
		put(ARRAYS + 8 * i, NOSCAN + 32 * i);
	assert_unknown(ARRAYS);
}

/* A word that is a pointer to the collector is none to a number. */
static void test_no_number_where_a_pointer_is(void **state)
{
	(void)state;
	use(&to_int, GRF_MADE_ARRAY);
	mark(ARRAYS, 0xff);
	put(ARRAYS, SCAN + 8);
	assert_taken_for(ARRAYS, "*int", true);
	mark(SCAN, 2);
	assert_unknown(ARRAYS);
}

/* Objects that lead to themselves. */
static void test_circles_end(void **state)
{
	(void)state;
	use(&to_ring, GRF_MADE_ARRAY);
	mark(ARRAYS, 0xff);
	for (uint64_t i = 0; i < 8; i++)
		put(ARRAYS + 8 * i, SCAN);
	mark(SCAN, 1);
	put(SCAN, SCAN);
	assert_taken_for(ARRAYS, "*Ring", true);
}

static void test_any_map_comes_last(void **state)
{
	(void)state;
	use(&any_map, GRF_MADE_ONE);
	mark(SCAN, 1);
	put(SCAN, ARRAYS);
	mark(ARRAYS, 5);
	assert_taken_for(SCAN, "runtime.hmap", false);
	use(&signed_map, 0);
	assert_taken_for(SCAN, "map[string]int", false);
	/* Elements that do not fit are no reason to take it for that map. */
	put(ARRAYS + 8, 1);
	assert_taken_for(SCAN, "runtime.hmap", false);
}

/* Of two that nothing tells from each other, neither; but the plain type of a map that another only
 * gives a name. */
static void test_alike(void **state)
{
	(void)state;
	use(&unsigned_map, 0);
	use(&signed_map, 0);
	mark(SCAN, 1);
	put(SCAN, ARRAYS);
	mark(ARRAYS, 5);
	assert_unknown(SCAN);
	world.uses[0].type = &named_map;
	assert_taken_for(SCAN, "map[string]int", false);
	use(&pointer_map, 0);
	assert_unknown(SCAN);
}

/* A package variable that a pointer leads to may be no such value. */
static void test_pointers_out_of_the_heap(void **state)
{
	(void)state;
	use(&to_bytes, 0);
	use(&second, 0);
	mark(SCAN, 1);
	put(SCAN, STATICS);
	world.statics[0] = NOSCAN;
	world.statics[1] = 5;
	world.statics[2] = 5;
	assert_unknown(SCAN);
	/* Longer than its capacity. */
	world.statics[1] = 6;
	assert_taken_for(SCAN, "Second", false);
	/* Neither in the heap nor in any other memory. */
	put(SCAN, STATICS + sizeof(world.statics));
	assert_unknown(SCAN);
}

static void test_words_that_are_no_pointers(void **state)
{
	(void)state;
	use(&reading, GRF_MADE_ONE);
	use(&flagged, GRF_MADE_ONE);
	mark(SCAN, 2);
	put(SCAN + 8, NOSCAN);
	put(SCAN, ITAB);
	assert_taken_for(SCAN, "Reading", false);
	/* An itab of another interface is none of this one's, and no number either. */
	put(SCAN, OTHER_ITAB);
	assert_unknown(SCAN);
	put(SCAN, 5);
	assert_taken_for(SCAN, "Flagged", false);
	/* Neither false nor true. */
	put(SCAN + 24, 2);
	assert_unknown(SCAN);
	put(SCAN + 24, 1);
	assert_taken_for(SCAN, "Flagged", false);
	/* Bytes behind a bool are padding. */
	put(SCAN + 24, 0x700);
	assert_taken_for(SCAN, "Flagged", false);
	use(&number_first, GRF_MADE_ONE);
	assert_unknown(SCAN);
}

static void test_a_struct_and_an_array(void **state)
{
	(void)state;
	set_span(0, 16, GRF_POINTERS_BITS);
	use(&pair, GRF_MADE_ONE);
	mark(SCAN, 3);
	put(SCAN, NOSCAN);
	put(SCAN + 8, NOSCAN + 32);
	assert_taken_for(SCAN, "Pair", false);
	use(&two, GRF_MADE_ONE);
	assert_unknown(SCAN);
	/* The array itself, and the one behind a slice, are both elements. */
	world.uses[0] = (struct grf_type_use){&to_leaf, GRF_MADE_ARRAY};
	assert_taken_for(SCAN, "*Leaf", true);
}

/* Whatever it is of the two, it begins with the smaller. */
static void test_what_it_begins_with(void **state)
{
	(void)state;
	set_span(0, 48, GRF_POINTERS_BITS);
	use(&list, GRF_MADE_ONE);
	mark(SCAN, 3);
	put(SCAN, NOSCAN);
	put(SCAN + 8, NOSCAN + 32);
	assert_taken_for(SCAN, "List", false);
	use(&element, GRF_MADE_ONE);
	assert_taken_for(SCAN, "Element", false);
	/* So too where the larger has nothing else. */
	world.uses[0] = (struct grf_type_use){&wrapped, GRF_MADE_ONE};
	assert_taken_for(SCAN, "Element", false);
}

/* Of two boxes as like as can be, what stands for both in the code of generics is true. */
static void test_what_stands_for_several(void **state)
{
	(void)state;
	mark(SCAN, 1);
	put(SCAN, NOSCAN);
	use(&leaf_box, GRF_MADE_ONE);
	use(&other_leaf_box, GRF_MADE_ONE);
	assert_unknown(SCAN);
	use(&box_shape, GRF_MADE_ONE);
	put(SCAN, 0);
	assert_taken_for(SCAN, "Box[go.shape.*uint8]", false);
	/* Not so beside what it does not stand for. */
	use(&second, GRF_MADE_ONE);
	assert_unknown(SCAN);
}

/* What a node is by its flag must be what the object there looks like. */
static void test_nodes(void **state)
{
	(void)state;
	use(&to_first_node, GRF_MADE_ONE);
	use(&to_second_node, GRF_MADE_ONE);
	mark(SCAN, 1);
	put(SCAN, SCAN + 32);
	mark(SCAN + 32, 2);
	put(SCAN + 40, NOSCAN);
	assert_taken_for(SCAN, "ToFirst", false);
}

/* A list is no more of one for being long: what one word says, another outweighs. */
static void test_a_list_counts_once(void **state)
{
	(void)state;
	use(&chain, GRF_MADE_ONE);
	for (uint64_t i = 0; i < 8; i++) {
		mark(SCAN + 32 * i, 3);
		put(SCAN + 32 * i, i < 7 ? SCAN + 32 * (i + 1) : 0);
		put(SCAN + 32 * i + 8, NOSCAN + 32 * i);
	}
	put(SCAN + 16, 3);
	memcpy(world.memory[1], "text", 4);
	assert_taken_for(SCAN, "Chain", false);
	use(&links, GRF_MADE_ONE);
	assert_unknown(SCAN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_room_for_a_slice, begin),
	    cmocka_unit_test_setup(test_room_for_a_string, begin),
	    cmocka_unit_test_setup(test_of_equals_none, begin),
	    cmocka_unit_test_setup(test_the_contents_come_first, begin),
	    cmocka_unit_test_setup(test_arrays, begin),
	    cmocka_unit_test_setup(test_words_that_may_be_anything, begin),
	    cmocka_unit_test_setup(test_no_number_where_a_pointer_is, begin),
	    cmocka_unit_test_setup(test_circles_end, begin),
	    cmocka_unit_test_setup(test_any_map_comes_last, begin),
	    cmocka_unit_test_setup(test_alike, begin),
	    cmocka_unit_test_setup(test_pointers_out_of_the_heap, begin),
	    cmocka_unit_test_setup(test_words_that_are_no_pointers, begin),
	    cmocka_unit_test_setup(test_a_struct_and_an_array, begin),
	    cmocka_unit_test_setup(test_what_it_begins_with, begin),
	    cmocka_unit_test_setup(test_what_stands_for_several, begin),
	    cmocka_unit_test_setup(test_nodes, begin),
	    cmocka_unit_test_setup(test_a_list_counts_once, begin),
	};

	return cmocka_run_group_tests_name("type inference", tests, NULL, NULL);
}
