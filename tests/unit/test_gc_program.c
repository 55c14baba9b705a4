/* SPDX-License-Identifier: BSD-2-Clause */
/* Pointer masks that are packed into programs, and broken programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/heap/gc_program.h"

#define MASK_BYTES 32

static uint8_t mask[MASK_BYTES];

static bool run(const void *program, size_t length, uint64_t words)
{
	memset(mask, 0, sizeof(mask));
	return grf_gc_program_run(program, length, mask, words);
}

#define RUN(words, ...) run((const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}), words)

static void test_literal_bits(void **state)
{
	(void)state;
	assert_true(RUN(12, 12, 0xa5, 0x0f, 0));
	assert_int_equal(mask[0], 0xa5);
	assert_int_equal(mask[1], 0x0f);
	/* What it says beyond the words that there are is ignored. */
	assert_true(RUN(4, 12, 0xff, 0x0f, 0));
	assert_int_equal(mask[0], 0x0f);
	assert_int_equal(mask[1], 0);
}

static void test_repeats(void **state)
{
	(void)state;
	/* 101, and that twice more: 101 101 101, from the lowest bit on. */
	assert_true(RUN(9, 3, 0x05, 0x83, 2, 0));
	assert_int_equal(mask[0], 0x6d);
	assert_int_equal(mask[1], 0x01);
	/* The same with the count as a number of its own, and times of two bytes: 130 times. */
	assert_true(RUN(131, 1, 0x01, 0x80, 1, 0x82, 0x01, 0));
	for (unsigned int i = 0; i < 131; i++)
		assert_true(mask[i / 8] >> (i % 8) & 1);
	assert_int_equal(mask[16], 0x07);
	/* More repetitions than there are words end with the words. */
	assert_true(RUN(10, 1, 0x01, 0x81, 0xff, 0xff, 0xff, 0xff, 0x7f, 0));
	assert_int_equal(mask[1], 0x03);
}

static void test_broken_programs(void **state)
{
	(void)state;
	/* Cut off: bits, numbers, the end. */
	assert_false(RUN(20, 20, 0xff));
	assert_false(RUN(20, 1, 0x01, 0x81));
	assert_false(RUN(20, 1, 0x01, 0x80, 1, 0x80));
	assert_false(RUN(20, 8, 0xff));
	assert_false(run("", 0, 1));
	/* Repeats what was not written, or nothing. */
	assert_false(RUN(20, 1, 0x01, 0x82, 1, 0));
	assert_false(RUN(20, 0x81, 1, 0));
	assert_false(RUN(20, 1, 0x01, 0x80, 0, 1, 0));
	/* A number without an end. */
	assert_false(RUN(20, 1, 0x01, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
			 0x80, 0x80, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_literal_bits),
	    cmocka_unit_test(test_repeats),
	    cmocka_unit_test(test_broken_programs),
	};

	return cmocka_run_group_tests_name("gc program", tests, NULL, NULL);
}
