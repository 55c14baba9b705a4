/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Types of a real Go program, built here with the `go` at hand: the pointers of each plan, read
 * from DWARF and from descriptors alone, must be those that the collector's own mask of the type
 * names.
 */
#include <dwarf.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "base/array.h"
#include "model/code/version.h"
#include "model/types/types.h"
#include "model/types_create.h"

static const char program[] =
    "package main\n"
    "import (\"context\"; \"fmt\"; \"net/http\"; \"reflect\"; \"sync\"; \"sync/atomic\"; "
    "\"time\")\n"
    "type Node struct { next *Node; name string; n int }\n"
    "type Big struct { s [20]string }\n"
    "type Pair[K comparable, V any] struct { k K; v *V; m map[K]V }\n"
    "type All struct {\n"
    "  anonymous struct { node *Node }\n"
    "  Node\n"
    "  nodes [3]*Node\n"
    "  grid [2][2]Node\n"
    "  numbers [10]int\n"
    "  index map[string]*Node\n"
    "  large map[Big]Big\n"
    "  c chan *Node\n"
    "  f func(int) string\n"
    "  err error\n"
    "  any interface{}\n"
    "  ap atomic.Pointer[Node]\n"
    "  sm sync.Map\n"
    "  pool sync.Pool\n"
    "  timer *time.Timer\n"
    "  value reflect.Value\n"
    "  pair Pair[string, Node]\n"
    "  ctx context.Context\n"
    "}\n"
    "var all All\n"
    "func main() {\n"
    "  all.ap.Store(&Node{}); all.sm.Store(1, 2); all.pool.Put(1)\n"
    "  all.timer = time.NewTimer(1); all.c = make(chan *Node, 1)\n"
    "  all.index = map[string]*Node{}; all.large = map[Big]Big{}\n"
    "  all.ctx, _ = context.WithCancel(context.Background())\n"
    "  all.pair.m = map[string]Node{}; all.value = reflect.ValueOf(&all)\n"
    "  fmt.Println(all.index, all, http.DefaultClient)\n"
    "}\n";

struct target {
	char directory[64];
	struct grf_executable *executable;
	struct grf_image *image;
	struct grf_layout layout;
	struct grf_modules *modules;
	GRF_ARRAY(struct grf_segment) segments;
	GRF_ARRAY(uint8_t *) owned;
};

static bool build(struct target *target)
{
	char command[512], path[128];
	FILE *file;

	strcpy(target->directory, "/tmp/grf-types-XXXXXX");
	if (!mkdtemp(target->directory))
		return false;
	snprintf(path, sizeof(path), "%s/main.go", target->directory);
	file = fopen(path, "w");
	if (!file)
		return false;
	fputs(program, file);
	fclose(file);
	snprintf(command, sizeof(command),
		 "cd %s && GO111MODULE=off GOFLAGS= CGO_ENABLED=0 go build -o program main.go "
		 ">/dev/null 2>&1",
		 target->directory);
	return system(command) == 0;
}

/* An image of the program as it is on disk. */
static void make_image(struct target *target)
{
	const struct grf_load *loads;
	size_t count;

	loads = grf_executable_loads(target->executable, &count);
	for (size_t i = 0; i < count; i++) {
		uint8_t *memory = calloc(1, loads[i].memory_size + 1);
		struct grf_segment *segment;
		uint8_t **owned;

		assert_non_null(memory);
		if (loads[i].file_size)
			memcpy(memory, loads[i].data, loads[i].file_size);
		owned = grf_array_add(&target->owned);
		if (!owned)
			abort();
		*owned = memory;
		if (!loads[i].memory_size)
			continue;
		segment = grf_array_add(&target->segments);
		if (!segment)
			abort();
		segment->start = loads[i].address;
		segment->end = loads[i].address + loads[i].memory_size;
		segment->flags = loads[i].flags;
		segment->data = memory;
	}
	assert_null(grf_image_from_segments(&grf_arch_amd64, target->segments.items,
					    target->segments.count, &target->image));
}

static int set_up(void **state)
{
	struct target *target = calloc(1, sizeof(*target));
	struct grf_version version;
	char path[128];

	*state = target;
	if (!build(target))
		return 0;
	snprintf(path, sizeof(path), "%s/program", target->directory);
	assert_null(grf_executable_open(path, &target->executable));
	make_image(target);
	assert_null(grf_version_find(target->executable, target->image, &version));
	assert_null(grf_layout_resolve(&version, grf_executable_dwarf(target->executable),
				       &target->layout));
	assert_null(
	    grf_modules_read(target->image, target->executable, &target->layout, &target->modules));
	return 0;
}

static int tear_down(void **state)
{
	struct target *target = *state;
	char command[128];

	grf_modules_destroy(target->modules);
	grf_image_destroy(target->image);
	grf_executable_destroy(target->executable);
	for (size_t i = 0; i < target->owned.count; i++)
		free(target->owned.items[i]);
	grf_array_free(&target->owned);
	grf_array_free(&target->segments);
	if (target->directory[0]) {
		snprintf(command, sizeof(command), "rm -rf %s", target->directory);
		assert_int_equal(system(command), 0);
	}
	free(target);
	return 0;
}

static struct grf_types *open_types(struct target *target, bool dwarf)
{
	struct grf_types *types;

	if (!target->executable)
		skip();
	assert_null(grf_types_create(target->image, dwarf ? target->executable : NULL,
				     &target->layout, target->modules, NULL, &grf_naming_goref,
				     &types));
	assert_int_equal(grf_types_have_dwarf(types), dwarf);
	return types;
}

/* --- masks ------------------------------------------------------------------------------------ */

static void mark(struct grf_types *types, struct grf_type *type, uint8_t *words, uint64_t offset,
		 uint64_t size)
{
	grf_type_plan(types, type);
	for (uint32_t i = 0; i < type->slot_count; i++) {
		const struct grf_slot *slot = &type->slots[i];
		bool pair = slot->kind == GRF_SLOT_EFACE || slot->kind == GRF_SLOT_IFACE;
		uint64_t at = offset + slot->offset + (pair ? 8 : 0);

		if (slot->kind == GRF_SLOT_INLINE_ARRAY) {
			for (uint64_t k = 0; k < slot->count; k++)
				mark(types, slot->target, words, at + k * slot->stride, size);
			continue;
		}
		assert_true(at + 8 <= size);
		words[at / 8] = 1;
	}
}

static void check_mask(struct grf_types *types, struct grf_type *type, uint64_t descriptor)
{
	uint64_t count, size, last = 0;
	const uint64_t *mask = grf_types_pointer_mask(types, descriptor, &count, &size);
	uint8_t *words = calloc(1, type->size / 8 + 1);

	assert_non_null(mask);
	assert_int_equal(size, type->size);
	mark(types, type, words, 0, type->size);
	for (uint64_t i = 0; i < size / 8; i++) {
		int expected = i < count && (mask[i / 64] >> (i % 64) & 1);

		if (words[i] != expected)
			fail_msg("%s: word %llu", type->name, (unsigned long long)i);
		if (i < 64 && size <= 512 && (type->pointer_mask >> i & 1) != (uint64_t)expected)
			fail_msg("%s: mask, word %llu", type->name, (unsigned long long)i);
		last = expected ? i * 8 + 8 : last;
	}
	assert_int_equal(type->pointer_bytes, last);
	free(words);
}

static void expect_name(const char *name, const char *in_dwarf)
{
	assert_string_equal(name, strncmp(in_dwarf, "noalg.", 6) ? in_dwarf : in_dwarf + 6);
}

/* Checks every type in DWARF that has a descriptor; returns how many have. */
static size_t for_each_type(struct target *target, struct grf_types *types, bool from_dwarf)
{
	Dwarf *dwarf = grf_executable_dwarf(target->executable);
	const struct grf_module *module = &target->modules->items[0];
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	size_t count = 0;

	while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0) {
		if (dwarf_child(&die, &die) != 0)
			continue;
		do {
			Dwarf_Attribute attribute;
			struct grf_type *type;
			Dwarf_Addr offset;

			if (!dwarf_attr(&die, 0x2904, &attribute) ||
			    dwarf_formaddr(&attribute, &offset) != 0 || !offset ||
			    offset >= module->etypes - module->types)
				continue;
			type = grf_types_by_descriptor(types, module->types + offset);
			assert_non_null(type);
			assert_int_equal(type->descriptor, module->types + offset);
			if (from_dwarf)
				expect_name(type->name, dwarf_diename(&die));
			check_mask(types, type, type->descriptor);
			count++;
		} while (dwarf_siblingof(&die, &die) == 0);
	}
	return count;
}

static void test_masks(void **state)
{
	struct grf_types *types = open_types(*state, true);

	assert_true(for_each_type(*state, types, true) > 500);
	grf_types_destroy(types);
}

static void test_masks_of_descriptors(void **state)
{
	struct grf_types *types = open_types(*state, false);

	assert_true(for_each_type(*state, types, false) > 500);
	grf_types_destroy(types);
}

/* --- plans ------------------------------------------------------------------------------------ */

/* The slot of that path, path elements joined by " / ". */
static const struct grf_slot *find_slot(struct grf_types *types, struct grf_type *type,
					const char *path)
{
	grf_type_plan(types, type);
	for (uint32_t i = 0; i < type->slot_count; i++) {
		char joined[1024] = "";
		size_t length = 0;

		for (int j = 0; j < type->slots[i].path_length && length < sizeof(joined); j++)
			length += (size_t)snprintf(joined + length, sizeof(joined) - length, "%s%s",
						   j ? " / " : "", type->slots[i].path[j]);
		if (!strcmp(joined, path))
			return &type->slots[i];
	}
	fail_msg("%s has no %s", type->name, path);
	return NULL;
}

static void expect(struct grf_types *types, struct grf_type *type, const char *path, int kind,
		   const char *target)
{
	const struct grf_slot *slot = find_slot(types, type, path);

	assert_int_equal(slot->kind, kind);
	if (target)
		assert_string_equal(slot->target->name, target);
}

static void test_plans(void **state)
{
	struct grf_types *types = open_types(*state, true);
	struct grf_type *all = grf_types_by_name(types, "main.All"), *node;
	const struct grf_slot *slot;

	assert_non_null(all);
	node = grf_types_by_name(types, "main.Node");
	expect(types, all, "anonymous. (struct { main.node *main.Node }) / node. (*main.Node)",
	       GRF_SLOT_POINTER, "main.Node");
	expect(types, all, "Node. (main.Node) / name. (string)", GRF_SLOT_POINTER, "uint8");
	expect(types, all, "nodes. ([3]*main.Node)", GRF_SLOT_INLINE_ARRAY, "*main.Node");
	expect(types, all, "grid. ([2][2]main.Node)", GRF_SLOT_INLINE_ARRAY, "[2]main.Node");
	expect(types, all, "f. (func(int) string)", GRF_SLOT_FUNC, NULL);
	expect(types, all, "err. (error)", GRF_SLOT_IFACE, NULL);
	expect(types, all, "any. (interface {})", GRF_SLOT_EFACE, NULL);
	expect(types, all, "ap. (sync/atomic.Pointer[main.Node])", GRF_SLOT_POINTER, "main.Node");
	expect(types, all, "pool. (sync.Pool) / local. (*sync.poolLocal)", GRF_SLOT_ARRAY_POINTER,
	       "sync.poolLocal");
	expect(types, all, "value. (reflect.Value)", GRF_SLOT_EFACE, NULL);
	expect(types, all, "pair. (main.Pair[string,main.Node]) / v. (*main.Node)",
	       GRF_SLOT_POINTER, "main.Node");
	slot = find_slot(types, all, "c. (chan *main.Node)");
	grf_type_plan(types, slot->target);
	expect(types, slot->target, "", GRF_SLOT_ARRAY_POINTER, "*main.Node");
	slot = find_slot(types, slot->target,
			 "recvq. (waitq<*main.Node>) / first. (*sudog<*main.Node>)");
	expect(types, slot->target, "elem. (**main.Node)", GRF_SLOT_POINTER, "*main.Node");
	assert_ptr_equal(find_slot(types, all, "ap. (sync/atomic.Pointer[main.Node])")->target,
			 node);
	grf_types_destroy(types);
}

/* Keys and elements of a map, behind whichever structure this release has. */
static void expect_map(struct grf_types *types, const char *name, const char *key,
		       const char *element)
{
	struct grf_type *map = grf_types_by_name(types, name);
	struct grf_type *group;
	bool keys = false, elements = false;

	assert_non_null(map);
	grf_type_plan(types, map);
	assert_int_equal(map->slot_count, 1);
	map = map->slots[0].target;
	grf_type_plan(types, map);
	group = map->slots[0].target;
	grf_type_plan(types, group);
	assert_true(group->array_unnamed);
	for (uint32_t i = 0; i < group->slot_count; i++) {
		const struct grf_type *entry = group->slots[i].target;

		assert_int_equal(group->slots[i].path_length, 0);
		if (group->slots[i].kind != GRF_SLOT_INLINE_ARRAY)
			continue;
		assert_true(group->slots[i].unnamed);
		assert_int_equal(group->slots[i].count, 8);
		for (uint32_t k = 0; k < entry->slot_count; k++) {
			keys = keys || !strcmp(entry->slots[k].path[0], key);
			elements = elements || !strcmp(entry->slots[k].path[0], element);
		}
	}
	assert_true(keys && elements);
}

static void test_maps(void **state)
{
	struct grf_types *types = open_types(*state, true);

	expect_map(types, "map[string]*main.Node", "$mapkey. (string)", "$mapval. (*main.Node)");
	expect_map(types, "map[main.Big]main.Big", "$mapkey. (main.Big)", "$mapval. (main.Big)");
	expect_map(types, "map[string]main.Node", "$mapkey. (string)", "$mapval. (main.Node)");
	grf_types_destroy(types);
}

static void test_variants(void **state)
{
	struct target *target = *state;
	struct grf_types *types = open_types(target, true);
	struct grf_type *timer = grf_types_by_name(types, "time.Timer");
	struct grf_type *node =
	    grf_types_by_name(types, "internal/sync.node[interface {},interface {}]");

	grf_type_plan(types, timer);
	if (target->layout.version.minor >= 23) {
		assert_int_equal(timer->variant, GRF_VARIANT_IF_ROOM);
		assert_string_equal(timer->variant_type->name, "runtime.timeTimer");
		expect(types, timer->variant_type, "c. (<-chan time.Time)", GRF_SLOT_POINTER, NULL);
	}
	if (target->layout.version.minor >= 24) {
		grf_type_plan(types, node);
		assert_int_equal(node->variant, GRF_VARIANT_IF_BYTE_SET);
		expect(types, node->variant_type, "key. (interface {})", GRF_SLOT_EFACE, NULL);
		expect(types, node->variant_else,
		       "children. ([16]sync/atomic.Pointer[internal/sync.node[interface "
		       "{},interface {}]])",
		       GRF_SLOT_INLINE_ARRAY, NULL);
	}
	grf_types_destroy(types);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_masks),    cmocka_unit_test(test_masks_of_descriptors),
	    cmocka_unit_test(test_plans),    cmocka_unit_test(test_maps),
	    cmocka_unit_test(test_variants),
	};

	return cmocka_run_group_tests_name("types of a Go program", tests, set_up, tear_down);
}
