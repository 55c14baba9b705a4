/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads beside the work: ended while they rest or wait, and begun again. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/watcher.h"

#define ENDLESS (UINT64_C(3600) * 1000000000u)

static unsigned int rounds;
static bool was_interrupted;

static void watch_resting(void);
static struct grf_watcher resting = {.watch = watch_resting};

static void watch_resting(void)
{
	sigset_t blocked;

	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	rounds += sigismember(&blocked, SIGTERM) == 1;
	while (!grf_watcher_leaves(&resting))
		grf_watcher_rest(&resting, ENDLESS);
}

static void test_resting(void **state)
{
	(void)state;
	grf_watcher_end(&resting);
	for (unsigned int i = 0; i < 100; i++) {
		grf_watcher_begin(&resting);
		grf_watcher_end(&resting);
	}
	assert_int_equal(rounds, 100);
}

static void watch_for_interruption(void)
{
	grf_wait_for_interruption();
	was_interrupted = grf_interrupted();
	rounds++;
}

static void test_waiting(void **state)
{
	static struct grf_watcher waiting = {
	    .watch = watch_for_interruption,
	    .wake = grf_end_wait_for_interruption,
	};

	(void)state;
	rounds = 0;
	for (unsigned int i = 0; i < 100; i++) {
		grf_watcher_begin(&waiting);
		grf_watcher_end(&waiting);
		assert_false(was_interrupted);
	}
	assert_int_equal(rounds, 100);
	grf_watcher_begin(&waiting);
	grf_interrupt(SIGTERM);
	assert_int_equal(pthread_join(waiting.thread, NULL), 0);
	assert_true(was_interrupted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_resting),
	    cmocka_unit_test(test_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
