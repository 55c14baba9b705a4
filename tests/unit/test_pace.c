/* SPDX-License-Identifier: BSD-2-Clause */
/* Rests in long work: where another thread wants the same CPU, and only if the priority is lowered.
 * That a thread rested is seen by its voluntary context switches. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "base/pace.h"
#include "base/priority.h"

#define STEPS     20
#define STEP_TIME 2000000u /* of CPU; ns */

static volatile bool over;

static void *want_the_cpu(void *argument)
{
	(void)argument;
	while (!over)
		;
	return NULL;
}

static uint64_t thread_time(void)
{
	struct timespec time;

	assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time), 0);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Works, and returns how often it rested. */
static long work(void)
{
	struct rusage before, after;
	struct grf_pace pace;

	grf_pace_begin(&pace);
	assert_int_equal(getrusage(RUSAGE_THREAD, &before), 0);
	for (int i = 0; i < STEPS; i++) {
		uint64_t end = thread_time() + STEP_TIME;

		while (thread_time() < end)
			;
		grf_pace_keep(&pace);
	}
	assert_int_equal(getrusage(RUSAGE_THREAD, &after), 0);
	return after.ru_nvcsw - before.ru_nvcsw;
}

static void share_one_cpu(void)
{
	cpu_set_t all, one;
	int cpu = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
}

static void test_rests_where_it_is_in_the_way(void **state)
{
	pthread_t other;

	(void)state;
	share_one_cpu();
	assert_int_equal(pthread_create(&other, NULL, want_the_cpu, NULL), 0);
	assert_false(grf_priority_is_lowered());
	assert_int_equal(work(), 0);
	grf_priority_begin(15);
	assert_true(grf_priority_is_lowered());
	assert_true(work() > STEPS / 4);
	over = true;
	assert_int_equal(pthread_join(other, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rests_where_it_is_in_the_way),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
