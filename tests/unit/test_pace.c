/* SPDX-License-Identifier: BSD-2-Clause */
/* Rests in long work: where another thread wanted the same CPU, and only if the priority is
 * lowered. The times of the steps are made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pace.h"
#include "base/priority.h"

#define MS     1000000u
#define SECOND 1000000000u

static void test_rests_where_it_is_in_the_way(void **state)
{
	struct grf_pace pace;

	(void)state;
	grf_pace_begin(&pace);
	pace.tenths = 70;
	assert_false(grf_priority_is_lowered());
	assert_int_equal(grf_pace_rest(&pace, 100 * MS, 10 * MS), 0);
	/* As if the last step had begun a second ago. */
	pace.time -= SECOND;
	grf_pace_keep(&pace);
	assert_false(pace.rested);

	grf_priority_begin(15);
	assert_true(grf_priority_is_lowered());
	assert_int_equal(grf_pace_rest(&pace, 10 * MS, 10 * MS), 0);
	assert_int_equal(grf_pace_rest(&pace, 12 * MS, 10 * MS), 0);
	/* The clocks are not read at the same instant. */
	assert_int_equal(grf_pace_rest(&pace, 9 * MS, 10 * MS), 0);
	assert_int_equal(grf_pace_rest(&pace, 13 * MS, 10 * MS), 70 * MS);
	assert_int_equal(grf_pace_rest(&pace, 100 * MS, 10 * MS), 70 * MS);
	assert_int_equal(grf_pace_rest(&pace, 10ull * SECOND, 5ull * SECOND), SECOND);
	assert_int_equal(grf_pace_rest(&pace, SECOND, 0), 0);
	/* Where there are many CPUs, all that one thread can take is little. */
	pace.tenths = 0;
	assert_int_equal(grf_pace_rest(&pace, 100 * MS, 10 * MS), 0);

	pace.tenths = 70;
	pace.time -= SECOND;
	pace.used -= MS;
	grf_pace_keep(&pace);
	assert_true(pace.rested);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rests_where_it_is_in_the_way),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
