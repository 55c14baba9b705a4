/* SPDX-License-Identifier: BSD-2-Clause */
/* Our processes that do not end: whoever interrupts does not wait for them. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "hold/apart.h"
#include "hold/private.h"

/* No signal ends the calling process, nor those that it makes, but SIGKILL. */
static void block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

_Noreturn static void stay(void)
{
	for (;;)
		pause();
}

static void test_who_ended_is_reaped(void **state)
{
	pid_t pid = fork();
	int status = 0;

	(void)state;
	if (!pid)
		_exit(7);
	assert_true(grf_helper_wait(pid, &status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_int_equal(waitpid(pid, NULL, 0), -1);
	assert_true(grf_helper_wait(pid, &status));
}

static struct grf_error *never_end(void *context, int *ret)
{
	int *tell = context;

	(void)ret;
	if (write(*tell, &(pid_t){getpid()}, sizeof(pid_t)) == sizeof(pid_t))
		stay();
	return NULL;
}

/* After the user has interrupted, which is for good. */
static void test_who_stays_is_left(void **state)
{
	int ends[2], descriptor = -1, status;
	struct grf_error *error;
	pid_t pid;

	(void)state;
	/* Before they begin: they may be told to end before they have had a CPU. */
	block_signals();
	pid = fork();
	if (!pid)
		stay();
	assert_int_equal(pipe(ends), 0);
	grf_give_up(GRF_ERROR_OTHER, "enough");
	assert_false(grf_helper_wait(pid, &status));
	kill(pid, SIGKILL);
	assert_true(grf_helper_wait(pid, &status));
	error = grf_apart_run(never_end, &ends[1], NULL, 0, &descriptor);
	assert_non_null(error);
	assert_string_equal(error->message, "enough");
	grf_error_free(error);
	assert_int_equal(read(ends[0], &pid, sizeof(pid)), sizeof(pid));
	assert_int_equal(kill(pid, SIGKILL), 0);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_who_ended_is_reaped),
	    cmocka_unit_test(test_who_stays_is_left),
	};

	return cmocka_run_group_tests_name("helper", tests, NULL, NULL);
}
