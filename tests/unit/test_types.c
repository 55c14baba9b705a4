/* SPDX-License-Identifier: BSD-2-Clause */
/* Types from descriptors, and how they become plans: on type data written here. */
#include "type_data.h"

static void expect_slot(const struct grf_type *type, uint32_t index, uint64_t offset, int kind,
			const char *path)
{
	const struct grf_slot *slot = &type->slots[index];
	char joined[1024] = "";
	size_t length = 0;

	assert_true(index < type->slot_count);
	for (int i = 0; i < slot->path_length && length < sizeof(joined); i++)
		length += (size_t)snprintf(joined + length, sizeof(joined) - length, "%s%s",
					   i ? " / " : "", slot->path[i]);
	assert_string_equal(joined, path);
	assert_int_equal(slot->offset, offset);
	assert_int_equal(slot->kind, kind);
}

/* --- plans ------------------------------------------------------------------------------------ */

static void test_leaves(void **state)
{
	struct world *world = *state;
	uint64_t byte = add_type(world, UINT8, "uint8", 1, 0, NAMED, 0);
	uint64_t string = add_type(world, STRING, "string", 16, 8, NAMED, 0);
	uint64_t eface = add_type(world, INTERFACE, "interface {}", 16, 16, 0, 32);
	uint64_t iface = add_type(world, INTERFACE, "error", 16, 16, NAMED, 32);
	uint64_t func = add_type(world, FUNC, NULL, 8, 8, 0, 8);
	uint64_t unsafe = add_type(world, UNSAFE_POINTER, "unsafe.Pointer", 8, 8, NAMED, 0);
	uint64_t slice = add_slice(world, string);
	struct grf_type *type;

	add_word(world, iface, 2, 1);
	type = read_type(world, string);
	expect_slot(type, 0, 0, GRF_SLOT_POINTER, "");
	assert_int_equal(type->slots[0].target->size, 1);
	type = read_type(world, slice);
	assert_string_equal(type->name, "[]string");
	expect_slot(type, 0, 0, GRF_SLOT_ARRAY_POINTER, "");
	assert_ptr_equal(type->slots[0].target, read_type(world, string));
	type = read_type(world, eface);
	expect_slot(type, 0, 0, GRF_SLOT_EFACE, "");
	assert_int_equal(type->pointer_mask, 2);
	assert_int_equal(type->pointer_bytes, 16);
	expect_slot(read_type(world, iface), 0, 0, GRF_SLOT_IFACE, "");
	expect_slot(read_type(world, func), 0, 0, GRF_SLOT_FUNC, "");
	expect_slot(read_type(world, unsafe), 0, 0, GRF_SLOT_UNSAFE, "");
	type = read_type(world, byte);
	assert_int_equal(type->slot_count, 0);
	assert_int_equal(type->pointer_bytes, 0);
	assert_ptr_equal(type, grf_types_by_descriptor(world->types, byte));
}

static void test_struct(void **state)
{
	struct world *world = *state;
	uint64_t integer = add_type(world, INT, "int", 8, 0, NAMED, 0);
	uint64_t string = add_type(world, STRING, "string", 16, 8, NAMED, 0);
	uint64_t node = add_type(world, STRUCT, "main.Node", 32, 24, NAMED, 32);
	uint64_t pointer = add_pointer(world, node), inner, outer;
	uint64_t pair = add_array(world, pointer, 2, 16),
		 numbers = add_array(world, integer, 4, 32);
	struct grf_type *type, *array;

	set_fields(world, node,
		   (struct field[]){{"next", pointer, 0}, {"name", string, 8}, {"n", integer, 24}},
		   3);
	inner = add_struct(world, "main.Inner", 48,
			   (struct field[]){{"pair", pair, 0}, {"numbers", numbers, 16}}, 2);
	outer = add_struct(
	    world, "main.Outer", 88,
	    (struct field[]){{"n", integer, 0}, {"node", node, 8}, {"Inner", inner, 40}}, 3);
	type = read_type(world, outer);
	assert_int_equal(type->slot_count, 3);
	expect_slot(type, 0, 8, GRF_SLOT_POINTER, "node. (main.Node) / next. (*main.Node)");
	expect_slot(type, 1, 16, GRF_SLOT_POINTER, "node. (main.Node) / name. (string)");
	expect_slot(type, 2, 40, GRF_SLOT_INLINE_ARRAY,
		    "Inner. (main.Inner) / pair. ([2]*main.Node)");
	assert_ptr_equal(type->slots[0].target, read_type(world, node));
	assert_int_equal(type->slots[0].child, 0);
	assert_int_equal(type->slots[2].child, 2);
	assert_int_equal(type->child_count, 13);
	assert_int_equal(type->pointer_mask, 1 << 1 | 1 << 2 | 1 << 5 | 1 << 6);
	assert_int_equal(type->pointer_bytes, 56);
	array = type->slots[2].target;
	assert_int_equal(type->slots[2].count, 2);
	assert_int_equal(type->slots[2].stride, 8);
	assert_string_equal(array->name, "*main.Node");
	assert_string_equal(grf_type_element_names(world->types, array)[1], "[1]. (*main.Node)");
	assert_string_equal(grf_type_element_names(world->types, array)[10], "[10+]. (*main.Node)");
}

static void test_names(void **state)
{
	struct world *world = *state;
	uint64_t integer = add_type(world, INT, "int", 8, 0, NAMED, 0), string, header, list, func;
	uint64_t path = add_name(world, "net/http", 0);

	string = add_type(world, STRING, "string", 16, 8, NAMED, 0);
	header = add_type(world, STRUCT, "http.Header", 8, 0, NAMED | UNCOMMON, 32);
	put(world, header + 48 + 32, path - BASE, 4);
	list = add_slice(world, add_pointer(world, header));
	assert_string_equal(read_type(world, list)->name, "[]*net/http.Header");
	/* func(int, ...*http.Header) (string, int) */
	func = add_type(world, FUNC, NULL, 8, 8, 0, 8 + 4 * 8);
	put(world, func + 48, 2, 2);
	put(world, func + 50, 0x8002, 2);
	add_word(world, func, 1, integer);
	add_word(world, func, 2, list);
	add_word(world, func, 3, string);
	add_word(world, func, 4, integer);
	assert_string_equal(read_type(world, func)->name,
			    "func(int, ...*net/http.Header) (string, int)");
}

/* A struct without a name of its own in the program. */
static uint64_t add_nameless(struct world *world, const char *name, const struct field *fields,
			     size_t count)
{
	uint64_t type = add_type(world, STRUCT, name, 144, 144, 0, 32);

	set_fields(world, type, fields, count);
	return type;
}

/* A map's group is called after its types, whatever the runtime calls it. */
static void test_names_of_groups(void **state)
{
	struct world *world = *state;
	uint64_t path = add_name(world, "net/http", 0), header, pointer, slot, group;
	uint64_t word = add_type(world, 11, "uint64", 8, 0, NAMED, 0);

	header = add_type(world, STRUCT, "http.Header", 256, 8, NAMED | UNCOMMON, 32);
	put(world, header + 48 + 32, path - BASE, 4);
	pointer = add_pointer(world, header);
	slot = add_nameless(world, "struct { key http.Header; elem *http.Header }",
			    (struct field[]){{"key", pointer, 0}, {"elem", pointer, 8}}, 2);
	group = add_nameless(
	    world, "map.group[http.Header]*http.Header",
	    (struct field[]){{"ctrl", word, 0}, {"slots", add_array(world, slot, 8, 128), 8}}, 2);
	assert_string_equal(read_type(world, group)->name,
			    "map.group[net/http.Header]*net/http.Header");
	group = add_nameless(world, "map.bucket[http.Header]*http.Header",
			     (struct field[]){{"topbits", word, 0},
					      {"keys", add_array(world, pointer, 8, 64), 8},
					      {"elems", add_array(world, pointer, 8, 64), 72},
					      {"overflow", word, 136}},
			     4);
	assert_string_equal(read_type(world, group)->name,
			    "map.bucket[net/http.Header]*net/http.Header");
	/* One that is damaged keeps the name that it has. */
	group = add_nameless(world, "map.group[http.Header]int",
			     (struct field[]){{"ctrl", word, 0}}, 1);
	assert_string_equal(read_type(world, group)->name, "map.group[http.Header]int");
}

/* Of a struct with types that are not there, the first one is shown. */
static void test_names_of_unknown_types(void **state)
{
	struct world *world = *state;
	struct field fields[100];
	uint64_t word = add_type(world, 11, "uint64", 8, 0, NAMED, 0);

	for (size_t i = 0; i < 100; i++)
		fields[i] = (struct field){"f", i ? 0x7f : word, i * 8};
	assert_string_equal(read_type(world, add_nameless(world, "struct {", fields, 100))->name,
			    "struct { f uint64; f ?; ... }");
}

/* --- containers ------------------------------------------------------------------------------- */

static uint64_t add_map(struct world *world, uint64_t key, uint64_t element, uint64_t group)
{
	uint64_t map = add_type(world, MAP, NULL, 8, 8, DIRECT, 64);

	add_word(world, map, 0, key);
	add_word(world, map, 1, element);
	return add_word(world, map, 2, group);
}

/* A map[string]Big, its elements too large to stand in a group. */
static void test_swiss_map(void **state)
{
	struct world *world = *state;
	uint64_t word = add_type(world, 11, "uint64", 8, 0, NAMED, 0);
	uint64_t string = add_type(world, STRING, "string", 16, 8, NAMED, 0);
	uint64_t big = add_struct(world, "main.Big", 160, (struct field[]){{"s", string, 0}}, 1);
	uint64_t slot, slots, group;
	struct grf_type *map, *entry;
	const struct grf_slot *directory;

	slot = add_struct(
	    world, "struct { key string; elem *main.Big }", 24,
	    (struct field[]){{"key", string, 0}, {"elem", add_pointer(world, big), 16}}, 2);
	slots = add_array(world, slot, 8, 192);
	group = add_struct(world, "map.group[string]main.Big", 200,
			   (struct field[]){{"ctrl", word, 0}, {"slots", slots, 8}}, 2);
	map = read_type(world, add_map(world, string, big, group));
	assert_string_equal(map->name, "map[string]main.Big");
	expect_slot(map, 0, 0, GRF_SLOT_POINTER, "");
	map = map->slots[0].target;
	grf_type_plan(world->types, map);
	assert_int_equal(map->size, 48);
	expect_slot(map, 0, 16, GRF_SLOT_MAP_DIRECTORY, "");
	assert_int_equal(map->child_count, 2);
	directory = &map->slots[0];
	assert_int_equal(directory->discriminator, 24);
	assert_true(directory->target->array_unnamed);
	grf_type_plan(world->types, directory->alternative);
	expect_slot(directory->alternative, 0, 16, GRF_SLOT_ARRAY_POINTER, "");
	assert_ptr_equal(directory->alternative->slots[0].target, directory->target);
	grf_type_plan(world->types, directory->target);
	expect_slot(directory->target, 0, 8, GRF_SLOT_INLINE_ARRAY, "");
	assert_true(directory->target->slots[0].unnamed);
	assert_int_equal(directory->target->child_count, 1);
	entry = directory->target->slots[0].target;
	expect_slot(entry, 0, 0, GRF_SLOT_POINTER, "$mapkey. (string)");
	expect_slot(entry, 1, 16, GRF_SLOT_POINTER, "$mapval. (main.Big)");
	assert_ptr_equal(entry->slots[1].target, read_type(world, big));
	/* The group by itself, as the runtime stores its type for large objects. */
	assert_int_equal(read_type(world, group)->slots[0].kind, GRF_SLOT_INLINE_ARRAY);
	assert_true(read_type(world, group)->array_unnamed);
	expect_slot(read_type(world, group)->slots[0].target, 0, 0, GRF_SLOT_POINTER,
		    "$mapkey. (string)");
}

static void test_bucket_map(void **state)
{
	struct world *world = *state;
	uint64_t integer = add_type(world, INT, "int", 8, 0, NAMED, 0);
	uint64_t string = add_type(world, STRING, "string", 16, 8, NAMED, 0);
	uint64_t byte = add_type(world, UINT8, "uint8", 1, 0, NAMED, 0);
	uint64_t top = add_array(world, byte, 8, 8), ints = add_array(world, integer, 8, 64),
		 bucket;
	struct grf_type *map, *bucket_type, *extra;

	bucket = add_struct(
	    world, "map.bucket[int]string", 208,
	    (struct field[]){{"topbits", top, 0},
			     {"keys", ints, 8},
			     {"elems", add_array(world, string, 8, 128), 72},
			     {"overflow",
			      add_type(world, UNSAFE_POINTER, "unsafe.Pointer", 8, 8, NAMED, 0),
			      200}},
	    4);
	map = read_type(world, add_map(world, integer, string, bucket))->slots[0].target;
	grf_type_plan(world->types, map);
	assert_int_equal(map->slot_count, 3);
	expect_slot(map, 0, 16, GRF_SLOT_ARRAY_POINTER, "");
	expect_slot(map, 1, 24, GRF_SLOT_ARRAY_POINTER, "");
	expect_slot(map, 2, 40, GRF_SLOT_POINTER, "");
	bucket_type = map->slots[0].target;
	grf_type_plan(world->types, bucket_type);
	assert_true(bucket_type->array_unnamed);
	assert_int_equal(bucket_type->slot_count, 2);
	expect_slot(bucket_type, 0, 72, GRF_SLOT_INLINE_ARRAY, "");
	expect_slot(bucket_type->slots[0].target, 0, 0, GRF_SLOT_POINTER, "$mapval. (string)");
	expect_slot(bucket_type, 1, 200, GRF_SLOT_POINTER, "");
	assert_ptr_equal(bucket_type->slots[1].target, bucket_type);
	extra = map->slots[2].target;
	grf_type_plan(world->types, extra);
	assert_int_equal(extra->slot_count, 3);
	assert_ptr_equal(extra->slots[2].target, bucket_type);
}

static void test_channel(void **state)
{
	struct world *world = *state;
	uint64_t string = add_type(world, STRING, "string", 16, 8, NAMED, 0);
	uint64_t chan = add_word(world, add_type(world, CHAN, NULL, 8, 8, DIRECT, 16), 0, string);
	struct grf_type *type;

	add_word(world, chan, 1, 3);
	type = read_type(world, chan);
	assert_string_equal(type->name, "chan string");
	type = type->slots[0].target;
	grf_type_plan(world->types, type);
	expect_slot(type, 0, 16, GRF_SLOT_ARRAY_POINTER, "");
	assert_string_equal(type->slots[0].target->name, "string");
	expect_slot(type, 1, 64, GRF_SLOT_UNSAFE, "recvq. (runtime.waitq)");
}

/* --- special types ---------------------------------------------------------------------------- */

static void test_atomic_pointer(void **state)
{
	struct world *world = *state;
	uint64_t unsafe = add_type(world, UNSAFE_POINTER, "unsafe.Pointer", 8, 8, NAMED, 0);
	uint64_t string = add_type(world, STRING, "string", 16, 8, NAMED, 0);
	uint64_t none = add_array(world, add_pointer(world, string), 0, 0);
	uint64_t path = add_name(world, "sync/atomic", 0);
	uint64_t atomic =
	    add_type(world, STRUCT, "atomic.Pointer[string]", 8, 8, NAMED | UNCOMMON, 32);
	struct grf_type *type;

	put(world, atomic + 48 + 32, path - BASE, 4);
	set_fields(world, atomic, (struct field[]){{"_", none, 0}, {"v", unsafe, 0}}, 2);
	type = read_type(world, atomic);
	assert_string_equal(type->name, "sync/atomic.Pointer[string]");
	assert_int_equal(type->slot_count, 1);
	expect_slot(type, 0, 0, GRF_SLOT_POINTER, "");
	assert_ptr_equal(type->slots[0].target, read_type(world, string));
}

/* reflect.Value is an interface's two words and flags. */
static void test_reflect_value(void **state)
{
	struct world *world = *state;
	uint64_t unsafe = add_type(world, UNSAFE_POINTER, "unsafe.Pointer", 8, 8, NAMED, 0);
	uint64_t word = add_type(world, 12, "uintptr", 8, 0, NAMED, 0);
	struct grf_type *type = read_type(
	    world,
	    add_struct(
		world, "reflect.Value", 24,
		(struct field[]){{"typ_", unsafe, 0}, {"ptr", unsafe, 8}, {"flag", word, 16}}, 3));

	assert_int_equal(type->slot_count, 2);
	expect_slot(type, 0, 0, GRF_SLOT_UNSAFE, "typ_. (unsafe.Pointer)");
	expect_slot(type, 1, 0, GRF_SLOT_EFACE, "");
	assert_int_equal(type->pointer_mask, 3);
}

/* Named as Go 1.18 to 1.27 name what all pointers are compiled as. */
static void test_shapes_of_pointers(void **state)
{
	struct world *world = *state;
	static const struct {
		const char *name;
		bool any;
	} names[] = {
	    {"go.shape.*uint8", true},   {"go.shape.*uint8_0", true}, {"go.shape.*uint8_12", true},
	    {"go.shape.*uint8_", false}, {"go.shape.*uint8x", false}, {"go.shape.*uint16", false},
	};
	uint64_t byte = add_type(world, UINT8, "uint8", 1, 0, NAMED, 0);

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		uint64_t shape = add_type(world, POINTER, names[i].name, 8, 8, NAMED, 8);

		put(world, shape + 48, byte, 8);
		expect_slot(read_type(world, shape), 0, 0,
			    names[i].any ? GRF_SLOT_UNSAFE : GRF_SLOT_POINTER, "");
	}
}

static void test_off_heap(void **state)
{
	struct world *world = *state;
	uint64_t mark = add_type(world, STRUCT, "internal/runtime/sys.NotInHeap", 0, 0, NAMED, 32);
	uint64_t integer = add_type(world, INT, "int", 8, 0, NAMED, 0);
	uint64_t base = add_struct(world, "runtime.special", 8,
				   (struct field[]){{"_", mark, 0}, {"n", integer, 0}}, 2);
	uint64_t derived = add_struct(world, "runtime.specialx", 16,
				      (struct field[]){{"special", base, 0}, {"n", integer, 8}}, 2);

	assert_int_equal(read_type(world, add_pointer(world, derived))->slot_count, 0);
	assert_int_equal(read_type(world, add_pointer(world, integer))->slot_count, 1);
}

/* --- interfaces ------------------------------------------------------------------------------- */

static void test_interfaces(void **state)
{
	struct world *world = *state;
	uint64_t string = add_type(world, STRING, "string", 16, 8, NAMED, 0);
	uint64_t pointer = add_pointer(world, string), one, itab = reserve(world, 32);
	uint64_t func = add_type(world, FUNC, NULL, 8, 8, DIRECT, 8);
	uint64_t array = add_array(world, pointer, 1, 8);
	const struct grf_interface_type *found;

	put(world, array + 20, DIRECT, 1);
	one = add_struct(world, "main.One", 8, (struct field[]){{"a", array, 0}}, 1);
	put(world, one + 20, NAMED | DIRECT, 1);
	put(world, itab + 8, string, 8);
	assert_true(grf_types_by_interface(world->types, string, false, &found));
	assert_ptr_equal(found->pointee, read_type(world, string));
	assert_true(grf_types_by_interface(world->types, itab, true, &found));
	assert_ptr_equal(found->type, read_type(world, string));
	assert_true(grf_types_by_interface(world->types, pointer, false, &found));
	assert_ptr_equal(found->type, read_type(world, pointer));
	assert_ptr_equal(found->pointee, read_type(world, string));
	assert_true(grf_types_by_interface(world->types, func, false, &found));
	assert_true(found->is_func);
	assert_null(found->pointee);
	assert_true(grf_types_by_interface(world->types, one, false, &found));
	assert_ptr_equal(found->pointee, read_type(world, string));
	assert_false(grf_types_by_interface(world->types, 0, false, &found));
	assert_false(grf_types_by_interface(world->types, string + 4, false, &found));
	assert_false(grf_types_by_interface(world->types, BASE + MEMORY, true, &found));
}

/* Up to 1.25 the flag stands in the kind byte; up to 1.18 offsets are shifted. */
static void test_old_forms(void **state)
{
	struct world *world = *state;
	uint64_t string = add_type(world, STRING, "string", 16, 8, NAMED, 0);
	uint64_t pointer = add_pointer(world, string);
	const struct grf_interface_type *found;
	struct grf_type *type = read_type(
	    world, add_struct(world, "main.T", 24,
			      (struct field[]){{"p", pointer, 0}, {"s", string, 8 << 1 | 1}}, 2));

	expect_slot(type, 1, 8, GRF_SLOT_POINTER, "s. (string)");
	put(world, pointer + 20, 0, 1);
	assert_true(grf_types_by_interface(world->types, pointer, false, &found));
	assert_ptr_equal(found->pointee, read_type(world, pointer));
	pointer = add_pointer(world, string);
	put(world, pointer + 20, 0, 1);
	put(world, pointer + 23, POINTER | 0x20, 1);
	assert_true(grf_types_by_interface(world->types, pointer, false, &found));
	assert_ptr_equal(found->pointee, read_type(world, string));
}

/* --- what no compiler writes ------------------------------------------------------------------ */

static void test_implausible(void **state)
{
	struct world *world = *state;
	uint64_t type = add_type(world, STRING, "string", 16, 8, NAMED, 0);

	assert_null(grf_types_by_descriptor(world->types, 0));
	assert_null(grf_types_by_descriptor(world->types, type + 1));
	assert_null(grf_types_by_descriptor(world->types, BASE + MEMORY - 16));
	assert_null(grf_types_by_descriptor(world->types, UINT64_MAX - 7));
	assert_null(
	    grf_types_by_descriptor(world->types, add_type(world, 27, "x", 8, 0, NAMED, 0)));
	assert_null(
	    grf_types_by_descriptor(world->types, add_type(world, POINTER, "x", 16, 8, NAMED, 8)));
	assert_null(
	    grf_types_by_descriptor(world->types, add_type(world, STRUCT, "x", 8, 16, NAMED, 32)));
	assert_null(grf_types_by_descriptor(
	    world->types, add_type(world, STRUCT, "x", UINT64_C(1) << 60, 16, NAMED, 32)));
}

static void test_bad_fields(void **state)
{
	struct world *world = *state;
	uint64_t string = add_type(world, STRING, "string", 16, 8, NAMED, 0);
	uint64_t self = add_type(world, STRUCT, "main.Self", 16, 16, NAMED, 32), bad, many;
	struct grf_type *type;

	/* Beyond its end, around the address space, at an odd place; one good one. */
	bad = add_struct(world, "main.Bad", 32,
			 (struct field[]){{"a", string, 24},
					  {"b", string, UINT64_MAX - 8},
					  {"c", string, 4},
					  {"d", string, 8}},
			 4);
	type = read_type(world, bad);
	assert_int_equal(type->slot_count, 1);
	expect_slot(type, 0, 8, GRF_SLOT_POINTER, "d. (string)");
	/* A struct within itself, directly and through an array. */
	set_fields(world, self,
		   (struct field[]){{"self", self, 0}, {"array", add_array(world, self, 1, 16), 0}},
		   2);
	assert_int_equal(read_type(world, self)->slot_count, 0);
	/* More fields than there is memory. */
	many = add_type(world, STRUCT, "main.Many", 64, 64, NAMED, 32);
	add_word(world, many, 1, BASE);
	add_word(world, many, 2, UINT64_MAX / 24);
	assert_int_equal(read_type(world, many)->slot_count, 0);
	/* An array longer than its size. */
	assert_int_equal(read_type(world, add_array(world, string, UINT64_MAX, 32))->slot_count, 0);
	assert_int_equal(read_type(world, add_array(world, string, 3, 32))->slot_count, 0);
}

/* Each level doubles the slots of the one below, or only nests. */
static void test_explosion(void **state)
{
	struct world *world = *state;
	uint64_t wide = add_type(world, UNSAFE_POINTER, "unsafe.Pointer", 8, 8, NAMED, 0),
		 deep = wide;
	char name[32];

	for (uint64_t level = 0; level < 40; level++) {
		snprintf(name, sizeof(name), "main.W%u", (unsigned int)level);
		wide = add_struct(
		    world, name, UINT64_C(16) << level,
		    (struct field[]){{"a", wide, 0}, {"b", wide, UINT64_C(8) << level}}, 2);
	}
	assert_in_range(read_type(world, wide)->slot_count, 0, 65536);
	for (int level = 0; level < 500; level++)
		deep = add_struct(world, "main.D", 8, (struct field[]){{"a", deep, 0}}, 1);
	read_type(world, deep);
	/* Names made of names. */
	deep = wide;
	for (int level = 0; level < 500; level++)
		deep = add_pointer(world, deep);
	assert_true(strlen(read_type(world, deep)->name) < 4096);
}

static void test_bad_names(void **state)
{
	struct world *world = *state;
	uint64_t type = add_type(world, STRING, "string", 16, 8, NAMED, 0), self;

	put(world, type + 40, 0x7fffffff, 4);
	assert_non_null(read_type(world, type)->name);
	type = add_type(world, STRING, "string", 16, 8, NAMED, 0);
	put(world, type + 40, MEMORY - 2, 4);
	put(world, BASE + MEMORY - 1, 0xff, 1);
	assert_non_null(read_type(world, type)->name);
	/* A pointer to itself. */
	self = add_type(world, POINTER, NULL, 8, 8, DIRECT, 8);
	add_word(world, self, 0, self);
	assert_int_equal(read_type(world, self)->slot_count, 1);
	assert_ptr_equal(read_type(world, self)->slots[0].target, read_type(world, self));
}

/* Whatever stands in the memory, something comes back. */
static void test_noise(void **state)
{
	struct world *world = *state;
	uint64_t seed = 88172645463325252;
	const struct grf_interface_type *found;

	for (size_t i = 0; i < MEMORY; i += 8) {
		uint64_t value;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		/* Pointers into the noise, small numbers, anything. */
		value = seed & 1   ? BASE + (seed >> 8) % MEMORY / 8 * 8
			: seed & 2 ? seed >> 50
				   : seed;
		put(world, BASE + i, value, 8);
	}
	for (uint64_t address = BASE; address < BASE + MEMORY; address += 8) {
		struct grf_type *type;

		put(world, address + 8 < BASE + MEMORY ? address + 8 : address,
		    (address >> 3) & 0xf8, 8);
		type = grf_types_by_descriptor(world->types, address);
		if (type)
			grf_type_plan(world->types, type);
		grf_types_by_interface(world->types, address, address & 8, &found);
	}
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_leaves),
	    TEST(test_struct),
	    TEST(test_names),
	    TEST(test_names_of_groups),
	    TEST(test_names_of_unknown_types),
	    TEST(test_swiss_map),
	    cmocka_unit_test_setup_teardown(test_bucket_map, set_up_old, tear_down),
	    TEST(test_channel),
	    TEST(test_atomic_pointer),
	    TEST(test_reflect_value),
	    TEST(test_shapes_of_pointers),
	    TEST(test_off_heap),
	    TEST(test_interfaces),
	    cmocka_unit_test_setup_teardown(test_old_forms, set_up_oldest, tear_down),
	    TEST(test_implausible),
	    TEST(test_bad_fields),
	    TEST(test_explosion),
	    TEST(test_bad_names),
	    TEST(test_noise),
	};

	return cmocka_run_group_tests_name("types", tests, NULL, NULL);
}
