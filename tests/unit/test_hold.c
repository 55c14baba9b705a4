/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom the hold refuses, and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "hold/hold.h"
#include "hold/incarnation.h"
#include "live_target.h"

static bool may_trace;

static void expect_refusal(pid_t pid, enum grf_error_code code, const char *words)
{
	struct grf_target target;
	struct grf_error *error = grf_target_open(pid, &target);

	assert_non_null(error);
	if (error->code != code || !strstr(error->message, words))
		fail_msg("code %d: %s", error->code, error->message);
	grf_error_free(error);
}

static void test_no_process(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	expect_refusal(pid, GRF_ERROR_NO_PROCESS, "no process");
	expect_refusal(0, GRF_ERROR_NO_PROCESS, "no process id");
	expect_refusal(-5, GRF_ERROR_NO_PROCESS, "no process id");
	expect_refusal(INT32_MAX, GRF_ERROR_NO_PROCESS, "no process");
}

static void test_zombie(void **state)
{
	pid_t pid = fork();
	siginfo_t info;

	(void)state;
	if (!pid)
		_exit(0);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	expect_refusal(pid, GRF_ERROR_NO_PROCESS, "zombie");
	waitpid(pid, NULL, 0);
}

static void write_file(int folder, const char *name, const char *text)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* Fields 3 to 47 of a stat file; those that tell programs apart have one value. */
static void write_stat(int folder, unsigned int code)
{
	char text[512] = "7 (program) S";

	for (unsigned int field = 4; field <= 47; field++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %u", code);
	write_file(folder, "stat.next", text);
	assert_int_equal(renameat(folder, "stat.next", folder, "task/7/stat"), 0);
}

static void *finish_exec(void *folder)
{
	const struct timespec moment = {.tv_nsec = 30000000};

	nanosleep(&moment, NULL);
	write_stat(*(int *)folder, 4096);
	return NULL;
}

/* While the kernel reads the file of the next program the process has memory and no code. Which
 * program it is must be known all the same: else nobody would see that it is another later. */
static void test_on_the_way_to_another_program(void **state)
{
	char name[] = "/tmp/grf-process-XXXXXX";
	struct grf_incarnation incarnation;
	pthread_t thread;
	int folder;

	(void)state;
	assert_non_null(mkdtemp(name));
	folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(folder >= 0);
	assert_int_equal(mkdirat(folder, "task", 0700), 0);
	assert_int_equal(mkdirat(folder, "task/7", 0700), 0);
	write_file(folder, "pagemap", "8 bytes.");
	write_stat(folder, 0);
	assert_int_equal(pthread_create(&thread, NULL, finish_exec, &folder), 0);
	grf_incarnation_take(folder, 7, &incarnation);
	pthread_join(thread, NULL);
	assert_true(incarnation.known);
	assert_int_equal(incarnation.places[0], 4096);
	assert_int_equal(grf_incarnation_look(&incarnation, folder, 7), GRF_INCARNATION_SAME);
	write_stat(folder, 8192);
	assert_int_equal(grf_incarnation_look(&incarnation, folder, 7), GRF_INCARNATION_ANOTHER);
	grf_incarnation_release(&incarnation);
	unlinkat(folder, "task/7/stat", 0);
	unlinkat(folder, "task/7", AT_REMOVEDIR);
	unlinkat(folder, "task", AT_REMOVEDIR);
	unlinkat(folder, "pagemap", 0);
	close(folder);
	rmdir(name);
}

static void test_ourselves(void **state)
{
	(void)state;
	expect_refusal(getpid(), GRF_ERROR_NO_PROCESS, "itself");
}

static void test_thread(void **state)
{
	struct live live = {0};
	char words[64];

	(void)state;
	assert_true(live_start(&live));
	snprintf(words, sizeof(words), "thread of process %d", live.shared->target);
	expect_refusal(live.shared->thread, GRF_ERROR_NO_PROCESS, words);
	live_stop(&live);
}

static void test_traced(void **state)
{
	char words[64];
	pid_t pid;

	(void)state;
	if (!may_trace)
		skip();
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	assert_int_equal(ptrace(PTRACE_SEIZE, pid, 0, 0), 0);
	snprintf(words, sizeof(words), "traced by process %d", getpid());
	expect_refusal(pid, GRF_ERROR_PERMISSION, words);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Without privilege, somebody else's process: the capability is named. */
static void test_permission(void **state)
{
	struct live live = {0};
	int status;
	pid_t pid;

	(void)state;
	if (geteuid())
		skip();
	assert_true(live_start(&live));
	pid = fork();
	if (!pid) {
		struct grf_target target;
		struct grf_error *error;
		int fd;

		if (setuid(65534) || grf_target_open(live.shared->target, &target))
			_exit(1);
		error = grf_target_open_file(&target, "mem", 0, &fd);
		_exit(error && error->code == GRF_ERROR_PERMISSION &&
			      strstr(error->message, "CAP_SYS_PTRACE")
			  ? 0
			  : 2);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	live_stop(&live);
}

struct stand {
	struct live *live;
	uint64_t beats;
	bool still;
	size_t threads;
	struct live_facts facts;
};

static void stand_work(void *context, const pid_t *tids, size_t count)
{
	struct stand *stand = context;

	(void)tids;
	stand->facts = live_look(stand->live->shared->target);
	stand->threads = count;
	stand->beats = stand->live->shared->beats;
	live_sleep(30);
	stand->still = stand->live->shared->beats == stand->beats;
}

static void test_stands_while_held(void **state)
{
	struct grf_hold_report report;
	struct grf_target target;
	struct live live = {0};
	struct stand stand = {.live = &live};

	(void)state;
	if (!may_trace)
		skip();
	assert_true(live_start(&live));
	assert_null(grf_target_open(live.shared->target, &target));
	assert_null(grf_hold(&target, &(struct grf_freeze){0}, stand_work, &stand, &report));
	assert_true(stand.still);
	assert_int_equal(stand.threads, LIVE_SLEEPERS + 5);
	assert_int_equal(stand.facts.stopped, stand.threads);
	assert_int_not_equal(stand.facts.tracer, 0);
	assert_true(report.interrupting < report.stopped && report.stopped < report.releasing);
	assert_true(report.releasing - report.stopped >= 30000000);
	assert_true(live_beats(&live));
	assert_int_equal(live_look(live.shared->target).tracer, 0);
	grf_target_close(&target);
	live_stop(&live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_process),
	    cmocka_unit_test(test_zombie),
	    cmocka_unit_test(test_on_the_way_to_another_program),
	    cmocka_unit_test(test_ourselves),
	    cmocka_unit_test(test_thread),
	    cmocka_unit_test(test_traced),
	    cmocka_unit_test(test_permission),
	    cmocka_unit_test(test_stands_while_held),
	};

	may_trace = live_may_trace();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
