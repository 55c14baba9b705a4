/* SPDX-License-Identifier: BSD-2-Clause */
/* Pointer masks of types, on descriptors made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/arch.h"
#include "model/types/type_masks.h"

#define BASE   UINT64_C(0x500000)
#define LENGTH 0x10000

enum { KIND_ARRAY = 17, KIND_POINTER = 22, KIND_STRING = 24, KIND_STRUCT = 25 };

struct fixture {
	uint8_t memory[LENGTH];
	struct grf_layout layout;
	struct grf_module module;
	struct grf_modules modules;
	struct grf_image *image;
	struct grf_type_masks *masks;
	uint64_t words, size;
};

static void put(struct fixture *fixture, uint64_t address, uint64_t value, size_t bytes)
{
	assert_true(address >= BASE && address + bytes <= BASE + LENGTH);
	memcpy(fixture->memory + (address - BASE), &value, bytes);
}

/* A descriptor as every release has it. */
static void put_type(struct fixture *fixture, uint64_t address, uint64_t size,
		     uint64_t pointer_bytes, uint8_t kind, uint8_t tflag, uint64_t gcdata)
{
	put(fixture, address, size, 8);
	put(fixture, address + 8, pointer_bytes, 8);
	put(fixture, address + 20, tflag, 1);
	put(fixture, address + 23, kind, 1);
	put(fixture, address + 32, gcdata, 8);
}

static void put_bytes(struct fixture *fixture, uint64_t address, const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		put(fixture, address + i, bytes[i], 1);
}

static void start(struct fixture *fixture, int minor)
{
	const struct grf_segment segment = {BASE, BASE + LENGTH, GRF_SEGMENT_READ, fixture->memory};
	struct grf_layout *layout = &fixture->layout;

	memset(fixture, 0, sizeof(*fixture));
	for (int i = 0; i < GRF_FIELD_COUNT; i++)
		layout->offset[i] = -1;
	layout->version.minor = minor;
	layout->release = grf_release_of(minor);
	grf_offset(layout, type, _size) = 48;
	grf_offset(layout, type, size) = 0;
	grf_offset(layout, type, ptr_bytes) = 8;
	grf_offset(layout, type, tflag) = 20;
	grf_offset(layout, type, kind) = 23;
	grf_offset(layout, type, gcdata) = 32;
	fixture->module.noptrbss = BASE + 0xf000;
	fixture->module.enoptrbss = BASE + 0xf100;
	fixture->modules = (struct grf_modules){&fixture->module, 1};
	assert_null(grf_image_from_segments(&grf_arch_amd64, &segment, 1, &fixture->image));
	fixture->masks = grf_type_masks_create(fixture->image, layout, &fixture->modules);
	assert_non_null(fixture->masks);
}

static void stop(struct fixture *fixture)
{
	grf_type_masks_destroy(fixture->masks);
	grf_image_destroy(fixture->image);
}

static const uint64_t *find(struct fixture *fixture, uint64_t address)
{
	return grf_type_masks_find(fixture->masks, address, &fixture->words, &fixture->size);
}

static struct fixture fixture;

static void test_plain(void **state)
{
	static const uint8_t bitmap[] = {0x05, 0xff, 0x80, 0, 0, 0, 0, 0, 0xfb};
	const uint64_t *mask;

	(void)state;
	start(&fixture, 26);
	put_bytes(&fixture, BASE + 0x800, bitmap, sizeof(bitmap));
	put_type(&fixture, BASE + 0x100, 24, 24, KIND_STRUCT, 0, BASE + 0x800);
	mask = find(&fixture, BASE + 0x100);
	assert_non_null(mask);
	assert_int_equal(fixture.words, 3);
	assert_int_equal(fixture.size, 24);
	assert_int_equal(mask[0], 5);
	assert_ptr_equal(find(&fixture, BASE + 0x100), mask);

	/* More than 64 words; the bits behind the last word are cut off. */
	put_type(&fixture, BASE + 0x200, 67 * 8 + 16, 67 * 8, KIND_STRUCT, 0, BASE + 0x800);
	mask = find(&fixture, BASE + 0x200);
	assert_non_null(mask);
	assert_int_equal(fixture.words, 67);
	assert_int_equal(mask[0], UINT64_C(0x80ff05));
	assert_int_equal(mask[1], 3);

	put_type(&fixture, BASE + 0x300, 8, 0, 2, 0, 0);
	assert_non_null(find(&fixture, BASE + 0x300));
	assert_int_equal(fixture.words, 0);
	stop(&fixture);
}

static void test_implausible(void **state)
{
	(void)state;
	start(&fixture, 26);
	put_type(&fixture, BASE + 0x100, 24, 32, KIND_STRUCT, 0, BASE + 0x800);
	assert_null(find(&fixture, BASE + 0x100)); /* PtrBytes > Size */
	put_type(&fixture, BASE + 0x200, 24, 12, KIND_STRUCT, 0, BASE + 0x800);
	assert_null(find(&fixture, BASE + 0x200)); /* half a word */
	put_type(&fixture, BASE + 0x300, 24, 24, KIND_STRUCT, 0, BASE + LENGTH);
	assert_null(find(&fixture, BASE + 0x300)); /* no mask there */
	put_type(&fixture, BASE + 0x400, UINT64_C(1) << 46, UINT64_C(1) << 46, KIND_STRUCT, 0,
		 BASE + 0x800);
	assert_null(find(&fixture, BASE + 0x400));
	assert_null(find(&fixture, BASE + LENGTH - 40));
	assert_null(find(&fixture, 0));
	assert_null(find(&fixture, UINT64_MAX - 7));
	put_type(&fixture, BASE + 0x500, 1 << 20, 1 << 20, KIND_STRUCT, 0, BASE + LENGTH - 64);
	assert_null(find(&fixture, BASE + 0x500)); /* the mask ends outside */
	stop(&fixture);
}

/* Two literal bits 01, then "the previous 2 bits 5 times", then 9 literal bits. */
static void test_program(void **state)
{
	static const uint8_t program[] = {8, 0, 0, 0, 0x02, 0x01, 0x82, 0x05, 0x09, 0xff, 0x00, 0};
	const uint64_t *mask;

	(void)state;
	start(&fixture, 22);
	put_bytes(&fixture, BASE + 0x800, program, sizeof(program));
	put_type(&fixture, BASE + 0x100, 22 * 8, 21 * 8, KIND_STRUCT | 0x40, 0, BASE + 0x800);
	mask = find(&fixture, BASE + 0x100);
	assert_non_null(mask);
	assert_int_equal(fixture.words, 21);
	assert_int_equal(mask[0], 0x555 | 0xff << 12);
	stop(&fixture);
}

/* One pointer and two scalars, 70,000 times: both numbers as varints. */
static void test_program_repeats(void **state)
{
	static const uint8_t program[] = {9, 0, 0, 0, 0x03, 0x01, 0x80, 0x03, 0xef, 0xa2, 0x04, 0};
	const uint64_t *mask;

	(void)state;
	start(&fixture, 23);
	put_bytes(&fixture, BASE + 0x800, program, sizeof(program));
	put_type(&fixture, BASE + 0x100, 210000 * 8, 209998 * 8, KIND_ARRAY | 0x40, 0,
		 BASE + 0x800);
	mask = find(&fixture, BASE + 0x100);
	assert_non_null(mask);
	assert_int_equal(fixture.words, 209998);
	for (uint64_t i = 0; i < fixture.words; i++)
		assert_int_equal(mask[i / 64] >> (i % 64) & 1, i % 3 == 0);
	stop(&fixture);
}

static void test_program_broken(void **state)
{
	/* Repeats more than there is; ends inside a literal; a count that never ends. */
	static const uint8_t programs[][8] = {
	    {4, 0, 0, 0, 0x82, 0x05, 0, 0},
	    {2, 0, 0, 0, 0x7f, 0x05, 0, 0},
	    {4, 0, 0, 0, 0x80, 0xff, 0xff, 0xff},
	    {0xff, 0xff, 0xff, 0xff, 0x01, 0x01, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		start(&fixture, 21);
		put_bytes(&fixture, BASE + 0x800, programs[i], sizeof(programs[i]));
		put_type(&fixture, BASE + 0x100, 1600, 1600, KIND_STRUCT | 0x40, 0, BASE + 0x800);
		assert_null(find(&fixture, BASE + 0x100));
		stop(&fixture);
	}
}

/* A dummy type of 1.22 with the program written out has TFlag bit 4, which means something else
 * from 1.24 on. */
static void test_unrolled(void **state)
{
	const uint64_t *mask;

	(void)state;
	start(&fixture, 22);
	put(&fixture, BASE + 0x800, 0x0b, 8);
	put_type(&fixture, BASE + 0x100, 32, 32, 0, 0x10, BASE + 0x800);
	mask = find(&fixture, BASE + 0x100);
	assert_non_null(mask);
	assert_int_equal(mask[0], 0x0b);
	stop(&fixture);
}

/* struct { a string; b [50][3]struct { x int; p *T }; c *T }, all masks on demand. */
static void put_on_demand(uint64_t slot_value)
{
	uint64_t string = BASE + 0x100, pair = BASE + 0x200, inner = BASE + 0x300,
		 outer = BASE + 0x400, structure = BASE + 0x500, pointer = BASE + 0x600,
		 fields = BASE + 0x700;

	put(&fixture, BASE + 0x800, 1, 8);
	put(&fixture, BASE + 0x808, 2, 8);
	put(&fixture, BASE + 0x810, slot_value, 8);
	put_type(&fixture, string, 16, 8, KIND_STRING, 0, BASE + 0x800);
	put_type(&fixture, pointer, 8, 8, KIND_POINTER, 0, BASE + 0x800);
	put_type(&fixture, pair, 16, 16, KIND_STRUCT, 0, BASE + 0x808);
	put_type(&fixture, inner, 48, 48, KIND_ARRAY, 0x10, BASE + 0x810);
	put(&fixture, inner + 48, pair, 8);
	put(&fixture, inner + 64, 3, 8);
	put_type(&fixture, outer, 2400, 2400, KIND_ARRAY, 0x10, BASE + 0x810);
	put(&fixture, outer + 48, inner, 8);
	put(&fixture, outer + 64, 50, 8);
	put_type(&fixture, structure, 2424, 2424, KIND_STRUCT, 0x10, BASE + 0x810);
	put(&fixture, structure + 56, fields, 8);
	put(&fixture, structure + 64, 3, 8);
	put(&fixture, fields + 8, string, 8);
	put(&fixture, fields + 24 + 8, outer, 8);
	put(&fixture, fields + 24 + 16, 16, 8);
	put(&fixture, fields + 48 + 8, pointer, 8);
	put(&fixture, fields + 48 + 16, 2416, 8);
}

static void check_on_demand(void)
{
	const uint64_t *mask = find(&fixture, BASE + 0x500);

	assert_non_null(mask);
	assert_int_equal(fixture.words, 303);
	assert_int_equal(fixture.size, 2424);
	for (uint64_t i = 0; i < 303; i++) {
		bool wanted = i == 0 || i == 302 || (i >= 2 && i < 302 && i % 2 == 1);

		assert_int_equal(mask[i / 64] >> (i % 64) & 1, wanted);
	}
}

static void test_on_demand(void **state)
{
	(void)state;
	start(&fixture, 24);
	put_on_demand(0);
	check_on_demand();
	stop(&fixture);

	/* Another thread is at it: the slot holds &runtime.inProgress. */
	start(&fixture, 27);
	put_on_demand(BASE + 0xf008);
	check_on_demand();
	stop(&fixture);

	/* The slot is not in the image, or points out of it. */
	start(&fixture, 26);
	put_on_demand(BASE + LENGTH);
	check_on_demand();
	stop(&fixture);
}

static void test_on_demand_built(void **state)
{
	const uint64_t *mask;

	(void)state;
	start(&fixture, 25);
	put_on_demand(BASE + 0x900);
	put(&fixture, BASE + 0x900, 0xdeadbeef, 8);
	mask = find(&fixture, BASE + 0x500);
	assert_non_null(mask);
	assert_int_equal(mask[0], 0xdeadbeef);
	stop(&fixture);
}

/* Types that contain themselves, or more than fits. */
static void test_on_demand_hostile(void **state)
{
	(void)state;
	start(&fixture, 26);
	put_type(&fixture, BASE + 0x100, 64, 64, KIND_ARRAY, 0x10, 0);
	put(&fixture, BASE + 0x100 + 48, BASE + 0x100, 8);
	put(&fixture, BASE + 0x100 + 64, 1, 8);
	assert_null(find(&fixture, BASE + 0x100));

	put_type(&fixture, BASE + 0x200, 64, 64, KIND_STRUCT, 0x10, 0);
	put(&fixture, BASE + 0x200 + 56, BASE + 0x300, 8);
	put(&fixture, BASE + 0x200 + 64, 1, 8);
	put(&fixture, BASE + 0x300 + 8, BASE + 0x200, 8);
	assert_null(find(&fixture, BASE + 0x200));

	put_on_demand(0);
	put(&fixture, BASE + 0x300 + 64, UINT64_MAX, 8); /* array length */
	assert_null(find(&fixture, BASE + 0x300));
	put(&fixture, BASE + 0x700 + 48 + 16, 2424, 8); /* field behind the end */
	put(&fixture, BASE + 0x300 + 64, 3, 8);
	assert_null(find(&fixture, BASE + 0x500));
	stop(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_implausible),
	    cmocka_unit_test(test_program),
	    cmocka_unit_test(test_program_repeats),
	    cmocka_unit_test(test_program_broken),
	    cmocka_unit_test(test_unrolled),
	    cmocka_unit_test(test_on_demand),
	    cmocka_unit_test(test_on_demand_built),
	    cmocka_unit_test(test_on_demand_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
