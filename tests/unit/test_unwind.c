/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames of a stack, and the live words in them, on a stack and functions made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "go_code.h"
#include "model/stacks/stack_words.h"

#define STACK_LOW  (GO_CODE_BASE + 0x10000)
#define STACK_HIGH (STACK_LOW + 0x1000)
#define MAPS       (GO_CODE_DATA + 0x100)
#define OBJECTS    (GO_CODE_DATA + 0x200)
#define MASK       (GO_CODE_DATA + 0x300)
#define INNER_SIZE 0x20
#define OUTER_SIZE 0x30

static struct go_code code;
static uint64_t top, outer, inner;
static grf_frame_array frames;
static struct grf_met_functions *functions;
static const char *failure;

static void put_map(uint64_t address, uint32_t count, uint32_t bits, uint32_t values)
{
	go_code_put(&code, address, count, 4);
	go_code_put(&code, address + 4, bits, 4);
	go_code_put(&code, address + 8, values, 8);
}

/* main.top, which has no caller, calls main.outer, and that main.inner. From the middle of outer
 * on, its stack map is number 1. */
static void begin(void)
{
	go_code_begin(&code, "go1.26.8");
	top = go_code_add(&code, &(struct go_function){
				     .name = "main.top",
				     .size = 0x40,
				     .pcsp = GO_CODE_VALUES(&code, 0, 4, 0x10, 0x3c),
				     .flag = 1,
				 });
	outer = go_code_add(&code, &(struct go_function){
				       .name = "main.outer",
				       .size = 0x40,
				       .args = 16,
				       .pcsp = GO_CODE_VALUES(&code, 0, 4, OUTER_SIZE, 0x3c),
				       .npcdata = 2,
				       .pcdata = {0, GO_CODE_VALUES(&code, 0, 0x10, 1, 0x30)},
				       .nfuncdata = 3,
				       .funcdata = {MAPS + 0x20, MAPS, OBJECTS},
				   });
	inner = go_code_add(&code, &(struct go_function){
				       .name = "main.inner",
				       .size = 0x40,
				       .pcsp = GO_CODE_VALUES(&code, 0, 4, INNER_SIZE, 0x3c),
				   });
	put_map(MAPS, 2, 5, 0x0500);        /* locals: map 1 is words 0 and 2 of five */
	put_map(MAPS + 0x20, 2, 2, 0x0200); /* arguments: map 1 is the second word */
	go_code_ready(&code);
	functions = grf_met_functions_create(code.table);
	assert_non_null(functions);
}

static void end(void)
{
	grf_array_free(&frames);
	grf_met_functions_destroy(functions);
	go_code_end(&code);
}

/* Lays the three frames; returns the innermost stack pointer. */
static uint64_t lay(void)
{
	uint64_t sp = STACK_HIGH - 0x200, fp = sp + INNER_SIZE + 8;

	go_code_put(&code, fp - 8, outer + 0x20, 8);
	go_code_put(&code, fp + OUTER_SIZE, top + 0x20, 8);
	return sp;
}

static void walk(uint64_t pc, uint64_t sp)
{
	struct grf_unwind_start start = {.pc = pc, .sp = sp};

	frames.count = 0;
	assert_true(grf_unwind(code.image, code.table, functions, &start, STACK_LOW, STACK_HIGH,
			       &frames, &failure));
}

static void test_frames(void **state)
{
	uint64_t sp;

	(void)state;
	begin();
	sp = lay();
	walk(inner + 0x10, sp);
	assert_null(failure);
	assert_int_equal(frames.count, 3);
	assert_string_equal(frames.items[0].function->name, "main.inner");
	assert_int_equal(frames.items[0].fp, sp + INNER_SIZE + 8);
	assert_int_equal(frames.items[0].varp, sp + INNER_SIZE - 8);
	assert_string_equal(frames.items[1].function->name, "main.outer");
	assert_int_equal(frames.items[1].sp, sp + INNER_SIZE + 8);
	assert_int_equal(frames.items[1].lookup_pc, outer + 0x1f);
	assert_string_equal(frames.items[2].function->name, "main.top");
	/* Before the function has made its frame. */
	sp += INNER_SIZE;
	walk(inner, sp);
	assert_null(failure);
	assert_int_equal(frames.items[0].fp, sp + 8);
	assert_int_equal(frames.items[0].lookup_pc, inner);
	assert_int_equal(frames.count, 3);
	end();
}

static void test_broken_stacks(void **state)
{
	uint64_t sp;

	(void)state;
	begin();
	sp = lay();
	walk(GO_CODE_BASE, sp);
	assert_non_null(failure);
	assert_int_equal(frames.count, 0);
	/* A return address that is no code, and one that is zero. */
	go_code_put(&code, sp + INNER_SIZE + 8 + OUTER_SIZE, 0x1234, 8);
	walk(inner + 0x10, sp);
	assert_non_null(failure);
	assert_int_equal(frames.count, 2);
	go_code_put(&code, sp + INNER_SIZE, 0, 8);
	walk(inner + 0x10, sp);
	assert_non_null(failure);
	assert_int_equal(frames.count, 1);
	/* Frames that would reach beyond the stack, and a stack pointer outside of it. */
	walk(inner + 0x10, STACK_HIGH - 8);
	assert_non_null(failure);
	assert_int_equal(frames.count, 0);
	walk(inner + 0x10, STACK_HIGH);
	assert_non_null(failure);
	walk(inner + 0x10, STACK_LOW - 8);
	assert_non_null(failure);
	end();
}

static struct grf_stack_scan scan;

/* The live words of the frames that walk() found, and all from `rest` on where that is not 0. */
static void find_words_and(uint64_t rest, bool interrupted,
			   const struct grf_goroutine_value *values, uint32_t count)
{
	scan = (struct grf_stack_scan){
	    .image = code.image,
	    .layout = &code.layout,
	    .table = code.table,
	    .low = STACK_LOW,
	    .high = STACK_HIGH,
	    .memory = go_code_at(&code, STACK_LOW),
	};
	grf_stack_scan_frames(&scan, frames.items, (uint32_t)frames.count, interrupted, rest,
			      values, count);
	assert_false(scan.no_memory);
}

static void find_words(bool interrupted, const struct grf_goroutine_value *values, uint32_t count)
{
	find_words_and(0, interrupted, values, count);
}

static bool has_word(uint64_t address)
{
	for (size_t i = 0; i < scan.words.count; i++)
		if (scan.words.items[i].address == address)
			return true;
	return false;
}

static void test_stack_maps(void **state)
{
	uint64_t sp, varp, argp;

	(void)state;
	begin();
	sp = lay();
	walk(inner + 0x10, sp);
	find_words(false, NULL, 0);
	varp = frames.items[1].varp;
	argp = frames.items[1].argp;
	/* The return address is in the second half of outer: map 1, which ends at varp. */
	assert_int_equal(scan.words.count, 3);
	assert_true(has_word(varp - 40));
	assert_true(has_word(varp - 24));
	assert_true(has_word(argp + 8));
	grf_stack_scan_free(&scan);
	/* Interrupted anywhere, each word of the innermost frame may be one. */
	find_words(true, NULL, 0);
	for (uint64_t at = sp; at < frames.items[0].varp; at += 8)
		assert_true(has_word(at));
	assert_true(frames.items[0].conservative);
	grf_stack_scan_free(&scan);
	end();
}

static void test_stack_objects(void **state)
{
	const struct grf_layout *layout = &code.layout;
	struct grf_goroutine_value value = {0};
	uint64_t sp, varp, object;

	(void)state;
	begin();
	/* One object of 32 bytes, 40 below varp, whose second word is a pointer. */
	go_code_put(&code, OBJECTS, 1, 8);
	go_code_put(&code, OBJECTS + 8, (uint32_t)-40, 4);
	go_code_put(&code, OBJECTS + 12, 32, 4);
	go_code_put(&code, OBJECTS + 16, 32, 4);
	go_code_put(&code, OBJECTS + 8 + (uint64_t)grf_offset(layout, stack_object_record, gcdata),
		    MASK - GO_CODE_DATA, 4);
	go_code_put(&code, MASK, 0x02, 1);
	put_map(MAPS, 2, 5, 0);
	sp = lay();
	walk(inner + 0x10, sp);
	varp = frames.items[1].varp;
	object = varp - 40;
	find_words(false, NULL, 0);
	assert_int_equal(scan.words.count, 1); /* the argument: nothing points at the object */
	grf_stack_scan_free(&scan);
	/* Pointed at from an argument, into its middle. */
	go_code_put(&code, frames.items[1].argp + 8, object + 20, 8);
	find_words(false, NULL, 0);
	assert_true(has_word(object + 8));
	assert_int_equal(scan.words.count, 2);
	grf_stack_scan_free(&scan);
	/* From a root off the stack. */
	go_code_put(&code, frames.items[1].argp + 8, 0, 8);
	value.value = object;
	find_words(false, &value, 1);
	assert_true(has_word(object + 8));
	grf_stack_scan_free(&scan);
	end();
}

static void test_broken_maps(void **state)
{
	uint64_t sp;

	(void)state;
	begin();
	sp = lay();
	walk(inner + 0x10, sp);
	/* Fewer maps than are asked for; more bits than there is memory; more objects. */
	put_map(MAPS, 1, 5, 0xff);
	put_map(MAPS + 0x20, 2, 1 << 26, 0xff);
	go_code_put(&code, OBJECTS, UINT64_MAX, 8);
	find_words(false, NULL, 0);
	assert_int_equal(scan.words.count, 0);
	grf_stack_scan_free(&scan);
	end();
}

/* What is read conservatively begins where a frame says, which may be anywhere. */
static void test_rest_of_a_broken_stack(void **state)
{
	(void)state;
	begin();
	walk(GO_CODE_BASE, lay());
	assert_int_equal(frames.count, 0);
	find_words_and(8, false, NULL, 0);
	assert_int_equal(scan.words.count, (STACK_HIGH - STACK_LOW) / 8);
	grf_stack_scan_free(&scan);
	find_words_and(UINT64_MAX - 3, false, NULL, 0);
	assert_int_equal(scan.words.count, 0);
	grf_stack_scan_free(&scan);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_frames),      cmocka_unit_test(test_broken_stacks),
	    cmocka_unit_test(test_stack_maps),  cmocka_unit_test(test_stack_objects),
	    cmocka_unit_test(test_broken_maps), cmocka_unit_test(test_rest_of_a_broken_stack),
	};

	return cmocka_run_group_tests_name("unwind", tests, NULL, NULL);
}
