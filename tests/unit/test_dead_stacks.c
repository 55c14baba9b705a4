/* SPDX-License-Identifier: BSD-2-Clause */
/* Which parts of stacks are not in use, by records of goroutines made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/copy/dead_stacks.h"

#define BASE    UINT64_C(0xc000100000)
#define STACK   UINT64_C(0x4000)
#define LIVE    0x300u
#define MINIMUM 0x1000u
#define RUNNING 2
#define SYSCALL 3
#define WAITING 4
#define DEAD    6
#define COPYING 8

/* Three that wait, in an order that is not that of their stacks. */
static struct grf_goroutine_record records[3];

static void begin(void)
{
	static const int places[3] = {2, 0, 1};

	for (size_t i = 0; i < 3; i++) {
		uint64_t low = BASE + (uint64_t)places[i] * STACK;

		records[i] = (struct grf_goroutine_record){.g = 0xc000000000 + i * 0x1c0,
							   .status = WAITING,
							   .id = i + 1,
							   .low = low,
							   .high = low + STACK,
							   .sp = low + STACK - LIVE,
							   .pc = 0x401000};
	}
}

static void find(struct grf_dead_stacks *dead)
{
	assert_null(grf_dead_stacks_expect(dead, records, 3));
	grf_dead_stacks_find(dead, records, 3, MINIMUM);
}

static void test_what_waits(void **state)
{
	struct grf_dead_stacks dead = {0};

	(void)state;
	begin();
	find(&dead);
	assert_int_equal(dead.run_count, 3);
	for (uint64_t i = 0; i < 3; i++) {
		assert_int_equal(dead.runs[i].start, BASE + i * STACK);
		assert_int_equal(dead.runs[i].end, BASE + (i + 1) * STACK - LIVE);
	}
	assert_int_equal(dead.bytes, 3 * (STACK - LIVE));
	/* Less than what is worth it is copied. */
	grf_dead_stacks_find(&dead, records, 3, STACK);
	assert_int_equal(dead.run_count, 0);
	assert_int_equal(dead.bytes, 0);
	grf_dead_stacks_free(&dead);
}

/* Nothing of the second goroutine's stack, the lowest, is left out. */
static void check_whole(void)
{
	struct grf_dead_stacks dead = {0};

	find(&dead);
	assert_int_equal(dead.run_count, 2);
	assert_int_equal(dead.runs[0].start, BASE + STACK);
	grf_dead_stacks_free(&dead);
}

static void test_what_may_be_in_use(void **state)
{
	static const uint64_t statuses[] = {0,  RUNNING, DEAD, COPYING, WAITING | 0x1000,
					    10, 11,      99};

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		begin();
		records[1].status = statuses[i];
		check_whole();
	}
	begin();
	records[1].sp = records[1].low - 8;
	check_whole();
	records[1].sp = records[1].high;
	check_whole();
	begin();
	records[1].pc = 0;
	check_whole();
	begin();
	records[1].syscall_sp = records[1].high + 8;
	check_whole();
	begin();
	records[1].g = 0;
	check_whole();
	begin();
	records[1].high = records[1].low;
	check_whole();
	begin();
	records[1].low = 0;
	check_whole();
	/* Its frames in a system call are below where it was before. */
	begin();
	records[1].status = SYSCALL;
	records[1].syscall_sp = records[1].low + 0x80;
	check_whole();
}

static void test_what_has_moved(void **state)
{
	struct grf_dead_stacks dead = {0};

	(void)state;
	begin();
	assert_null(grf_dead_stacks_expect(&dead, records, 3));
	records[0].low += 0x100000;
	records[0].high += 0x100000;
	records[0].sp += 0x100000;
	grf_dead_stacks_find(&dead, records, 3, MINIMUM);
	assert_int_equal(dead.run_count, 2);
	assert_int_equal(dead.runs[1].end, BASE + 2 * STACK - LIVE);
	/* Fewer goroutines than there were: no array of a runtime shrinks, but who knows. */
	grf_dead_stacks_find(&dead, records, 1, MINIMUM);
	assert_int_equal(dead.run_count, 0);
	grf_dead_stacks_free(&dead);
}

static void test_two_at_one_place(void **state)
{
	struct grf_dead_stacks dead = {0};

	(void)state;
	begin();
	/* From the middle of the lowest to the middle of the next. */
	records[2].low -= STACK / 2;
	records[2].high -= STACK / 2;
	records[2].sp -= STACK / 2;
	find(&dead);
	assert_int_equal(dead.run_count, 1);
	assert_int_equal(dead.runs[0].start, records[0].low);
	assert_int_equal(dead.bytes, STACK - LIVE);
	grf_dead_stacks_free(&dead);
}

static void test_among_what_else_was_left_out(void **state)
{
	struct grf_run *runs = calloc(3, sizeof(*runs));
	struct grf_dead_stacks dead = {0};
	size_t count = 3;

	(void)state;
	assert_non_null(runs);
	begin();
	find(&dead);
	/* Before all, one that laps over into a stack, behind all. */
	runs[0] = (struct grf_run){BASE - 0x4000, BASE - 0x2000};
	runs[1] = (struct grf_run){BASE + STACK - 0x1000, BASE + STACK + 0x1000};
	runs[2] = (struct grf_run){BASE + 4 * STACK, BASE + 5 * STACK};
	assert_null(grf_dead_stacks_add_to(&dead, &runs, &count));
	assert_int_equal(count, 4);
	assert_int_equal(runs[0].end, BASE - 0x2000);
	assert_int_equal(runs[1].start, BASE);
	assert_int_equal(runs[1].end, BASE + 2 * STACK - LIVE);
	assert_int_equal(runs[2].start, BASE + 2 * STACK);
	assert_int_equal(runs[3].end, BASE + 5 * STACK);
	free(runs);
	grf_dead_stacks_free(&dead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_waits),
	    cmocka_unit_test(test_what_may_be_in_use),
	    cmocka_unit_test(test_what_has_moved),
	    cmocka_unit_test(test_two_at_one_place),
	    cmocka_unit_test(test_among_what_else_was_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
