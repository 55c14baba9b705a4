/* SPDX-License-Identifier: BSD-2-Clause */
/* Captures of a live process: what is copied, and what the process and its parent notice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>

#include "base/log.h"
#include "capture/capture.h"
#include "live_target.h"

static bool may_trace;

static int start_target(void **state)
{
	struct live *live;

	if (!may_trace)
		return 0;
	live = calloc(1, sizeof(*live));
	*state = live;
	return live && live_start(live) ? 0 : -1;
}

static int stop_target(void **state)
{
	struct live *live = *state;

	if (live)
		live_stop(live);
	free(live);
	return 0;
}

static const struct grf_image_range *range_of(const struct grf_image_parts *capture,
					      const void *address)
{
	uint64_t wanted = (uint64_t)(uintptr_t)address;
	size_t i;

	for (i = 0; i < capture->range_count; i++)
		if (capture->ranges[i].start <= wanted && wanted < capture->ranges[i].end)
			return &capture->ranges[i];
	return NULL;
}

static const uint8_t *byte_at(const struct grf_image_parts *capture, const void *address)
{
	const struct grf_image_range *range = range_of(capture, address);

	return range ? range->data + ((uint64_t)(uintptr_t)address - range->start) : NULL;
}

static void check_memory(const struct grf_image_parts *capture, const struct live_shared *shared)
{
	const uint8_t *at = byte_at(capture, shared->sparse), *word;
	uint8_t expected[LIVE_PAGE_SIZE];
	size_t i;

	assert_non_null(at);
	for (i = 0; i < LIVE_PAGES; i++, at += LIVE_PAGE_SIZE) {
		memset(expected, i % 3 ? 0 : (int)(1 + i % 200), sizeof(expected));
		assert_memory_equal(at, expected, sizeof(expected));
	}
	assert_int_equal(*byte_at(capture, shared->read_only), 0x5a);
	assert_null(byte_at(capture, shared->reserved));
	/* A file mapping of which one page was changed is there, one without a change is not. */
	assert_int_equal(*byte_at(capture, shared->file), 0);
	assert_int_equal(*byte_at(capture, shared->file + 2 * LIVE_PAGE_SIZE), 0x77);
	assert_null(byte_at(capture, shared->clean_file));
	word = byte_at(capture, &live_data_word);
	assert_non_null(word);
	assert_int_equal(*(const uint64_t *)(const void *)word, LIVE_MAGIC);
}

/* All pages of the copy are of one instant. */
static void check_order(const struct grf_image_parts *capture, const struct live_shared *shared)
{
	const uint64_t *words = (const void *)byte_at(capture, shared->ordered);
	uint64_t first, previous, now;
	int i;

	assert_non_null(words);
	if (!words)
		return;
	first = previous = words[0];
	assert_true(first > 0);
	for (i = 1; i < LIVE_ORDERED; i++) {
		now = words[(size_t)i * LIVE_PAGE_SIZE / sizeof(*words)];
		assert_true(now <= previous && now + 1 >= first);
		previous = now;
	}
}

static void check_ranges(const struct grf_image_parts *capture)
{
	size_t i;

	assert_true(capture->range_count > 3);
	for (i = 0; i < capture->range_count; i++) {
		assert_true(capture->ranges[i].start < capture->ranges[i].end);
		assert_int_equal((uintptr_t)capture->ranges[i].data % LIVE_PAGE_SIZE, 0);
		assert_true(!i || capture->ranges[i - 1].end <= capture->ranges[i].start);
	}
}

static void check_threads(const struct grf_image_parts *capture, const struct live_shared *shared)
{
	const struct grf_thread *spinner = NULL;
	size_t i;

	assert_int_equal(capture->thread_count, live_look(shared->target).threads);
	for (i = 0; i < capture->thread_count; i++) {
		assert_int_equal(capture->threads[i].general_count, 27);
		assert_non_null(byte_at(capture, (void *)capture->threads[i].sp));
		if (capture->threads[i].tid == shared->spinner)
			spinner = &capture->threads[i];
	}
	assert_non_null(spinner);
	if (!spinner)
		return;
	assert_int_equal(spinner->general[0], LIVE_MAGIC);
	assert_int_equal(spinner->general[16], spinner->pc);
	assert_int_equal(spinner->general[19], spinner->sp);
	assert_int_equal(spinner->general[21], shared->spinner_tls);
}

static void check_rest(const struct grf_image_parts *capture)
{
	bool executable = false;
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	size_t i;

	assert_true(length > 0);
	path[length] = '\0';
	for (i = 0; i < capture->mapping_count; i++)
		executable |= !strcmp(capture->mappings[i].path, path);
	assert_true(executable);
	assert_true(capture->auxv_count > 10 && capture->auxv_count % 2 == 0);
	assert_int_equal(capture->auxv[capture->auxv_count - 2], AT_NULL);
	assert_true(capture->provenance.pause.total > 0 &&
		    capture->provenance.pause.total < 5000000000u);
	assert_true(capture->provenance.bytes >= (size_t)(LIVE_PAGES / 3) * LIVE_PAGE_SIZE);
}

static void capture_and_check(void **state, const struct grf_capture_options *options)
{
	struct live *live = *state;
	struct grf_image_parts *capture;
	struct grf_error *error;

	if (!live) {
		skip();
		return;
	}
	error = grf_capture_process(live->shared->target, options, &capture);
	if (error)
		fail_msg("%s", error->message);
	check_ranges(capture);
	check_memory(capture, live->shared);
	check_order(capture, live->shared);
	check_threads(capture, live->shared);
	check_rest(capture);
	grf_image_parts_destroy(capture);
	assert_true(live_beats(live));
}

static void test_capture(void **state)
{
	struct grf_capture_options options = {0};

	capture_and_check(state, &options);
}

static void test_without_ebpf(void **state)
{
	struct grf_capture_options options = {.no_ebpf = true, .threads = 3};
	struct live *live = *state;
	struct grf_image_parts *capture;

	capture_and_check(state, &options);
	if (!live)
		return;
	assert_null(grf_capture_process(live->shared->target, &options, &capture));
	assert_int_equal(capture->provenance.registers_by, GRF_REGISTERS_BY_PTRACE);
	assert_int_equal(capture->provenance.pause.clock, GRF_CLOCK_USER_SPACE);
	grf_image_parts_destroy(capture);
}

#define UNNEEDED ((uint64_t)64 * LIVE_PAGE_SIZE)

/* Two ranges that are not needed; the witness of the second says something else. */
static struct grf_error *find_unneeded(void *context, grf_read_runs *read, void *memory,
				       struct grf_left_out **ret, size_t *ret_count)
{
	uint64_t start = (uint64_t)(uintptr_t)((const struct live_shared *)context)->sparse;
	struct grf_left_out *items = calloc(2, sizeof(*items));

	(void)read;
	(void)memory;
	assert_non_null(items);
	for (size_t i = 0; i < 2; i++, start += 2 * UNNEEDED) {
		items[i] = (struct grf_left_out){.start = start, .end = start + UNNEEDED};
		items[i].witnesses[0].address = (uint64_t)(uintptr_t)&live_data_word;
		items[i].witnesses[0].length = sizeof(uint64_t);
		memcpy(items[i].witnesses[0].bytes, &(uint64_t){i ? 1 : LIVE_MAGIC},
		       sizeof(uint64_t));
	}
	*ret = items;
	*ret_count = 2;
	return NULL;
}

/* What was not copied is said to be so, and what the witnesses do not hold for was copied. */
static void test_left_out(void **state)
{
	struct live *live = *state;
	struct grf_left_out_finder finder = {find_unneeded, live ? live->shared : NULL};
	const struct grf_capture_options options = {.left_out = &finder};
	struct grf_image_parts *capture;
	uint64_t start;

	if (!live) {
		skip();
		return;
	}
	start = (uint64_t)(uintptr_t)live->shared->sparse;
	assert_null(grf_capture_process(live->shared->target, &options, &capture));
	assert_int_equal(capture->left_out_count, 1);
	assert_int_equal(capture->left_out[0].start, start);
	assert_int_equal(capture->left_out[0].end, start + UNNEEDED);
	assert_int_equal(capture->provenance.left_out, UNNEEDED);
	assert_int_equal(*byte_at(capture, live->shared->sparse), 0);
	assert_int_equal(*byte_at(capture, live->shared->sparse + 129 * LIVE_PAGE_SIZE), 130);
	grf_image_parts_destroy(capture);
}

static void test_through_mem(void **state)
{
	struct grf_capture_options options = {.no_process_vm_readv = true, .threads = 1};

	capture_and_check(state, &options);
}

/* What is there, after many captures, as it was before; the parent saw none of them. */
static void test_leaves_no_trace(void **state)
{
	struct grf_capture_options options = {0};
	struct live *live = *state;
	struct live_facts before, after;
	size_t files = live_count_entries("/proc/self/fd");
	struct grf_image_parts *capture;
	int i;

	if (!live) {
		skip();
		return;
	}
	before = live_look(live->shared->target);
	for (i = 0; i < 30; i++) {
		options.no_ebpf = i % 3 != 0;
		assert_null(grf_capture_process(live->shared->target, &options, &capture));
		grf_image_parts_destroy(capture);
	}
	after = live_look(live->shared->target);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(after.stopped, 0);
	assert_int_equal(after.tracer, 0);
	assert_int_equal(live->shared->events, 0);
	assert_int_equal(live_count_entries("/proc/self/fd"), files);
	assert_true(live_beats(live));
}

/* Queued signals keep coming in while the process is held over and over: each arrives. */
static void test_loses_no_signal(void **state)
{
	struct grf_capture_options options = {.no_ebpf = true};
	struct live *live = *state;
	volatile uint64_t *counts;
	struct grf_image_parts *capture;
	pid_t sender;
	int i;

	if (!live) {
		skip();
		return;
	}
	counts =
	    mmap(NULL, LIVE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sender = fork();
	if (!sender) {
		union sigval value = {.sival_int = 0};

		while (!counts[1])
			if (!sigqueue(live->shared->target, SIGRTMIN, value))
				counts[0]++;
			else
				live_sleep(1);
		_exit(0);
	}
	for (i = 0; i < 60; i++) {
		assert_null(grf_capture_process(live->shared->target, &options, &capture));
		grf_image_parts_destroy(capture);
	}
	counts[1] = 1;
	waitpid(sender, NULL, 0);
	for (i = 0; i < LIVE_PATIENCE && live->shared->signals < counts[0]; i++)
		live_sleep(1);
	assert_true(counts[0] > 100);
	assert_int_equal(live->shared->signals, counts[0]);
	munmap((void *)counts, LIVE_PAGE_SIZE);
}

/* A target whose threads come and go: all that are there stand, none is left standing. */
static void test_threads_that_come_and_go(void **state)
{
	struct grf_capture_options options = {.no_ebpf = true};
	struct live *live = *state;
	struct grf_image_parts *capture;
	int i;

	if (!live) {
		skip();
		return;
	}
	live->shared->churn = true;
	for (i = 0; i < 60; i++) {
		assert_null(grf_capture_process(live->shared->target, &options, &capture));
		check_order(capture, live->shared);
		assert_true(capture->thread_count >= LIVE_SLEEPERS + 5);
		grf_image_parts_destroy(capture);
	}
	live->shared->churn = false;
	live_sleep(20);
	assert_int_equal(live_look(live->shared->target).stopped, 0);
	assert_int_equal(live->shared->events, 0);
}

/* Whoever kills the capturing process at any moment, the target runs on. */
static void test_killed_capture(void **state)
{
	struct live *live = *state;
	struct live_facts before, after;
	int i, j;

	if (!live) {
		skip();
		return;
	}
	before = live_look(live->shared->target);
	for (i = 0; i < 60; i++) {
		pid_t pid = fork();

		if (!pid) {
			struct grf_capture_options options = {.no_ebpf = i % 4 != 0};
			struct grf_image_parts *capture;

			for (;;)
				if (!grf_capture_process(live->shared->target, &options, &capture))
					grf_image_parts_destroy(capture);
		}
		usleep((useconds_t)(i * 337 % 20000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		for (j = 0; j < 1000; j++) {
			after = live_look(live->shared->target);
			if (!after.stopped && !after.tracer)
				break;
			live_sleep(1);
		}
		assert_memory_equal(&before, &after, sizeof(before));
	}
	assert_int_equal(live->shared->events, 0);
	assert_true(live_beats(live));
}

/* A target that stands already stays so; its parent hears of that once, and of no more. */
static void test_stopped_before(void **state)
{
	struct grf_capture_options options = {0};
	struct live *live = *state;
	struct live_facts facts;
	struct grf_image_parts *capture;
	int i;

	if (!live) {
		skip();
		return;
	}
	kill(live->shared->target, SIGSTOP);
	for (i = 0; i < LIVE_PATIENCE && !live->shared->events; i++)
		live_sleep(1);
	for (i = 0; i < 5; i++) {
		assert_null(grf_capture_process(live->shared->target, &options, &capture));
		assert_int_equal(capture->provenance.freeze, GRF_FREEZE_POINT_STOPPED);
		check_memory(capture, live->shared);
		grf_image_parts_destroy(capture);
	}
	live_sleep(20);
	facts = live_look(live->shared->target);
	assert_int_equal(facts.stopped, facts.threads);
	assert_int_equal(live->shared->events, 1);
	kill(live->shared->target, SIGCONT);
	assert_true(live_beats(live));
	/* Its parent may take a moment to take note. */
	for (i = 0; i < LIVE_PATIENCE && live->shared->events < 2; i++)
		live_sleep(1);
	assert_int_equal(live->shared->events, 2);
	assert_int_equal(WIFCONTINUED(live->shared->last_event), 1);
}

/* The process dies at any moment of the capture: a capture or an error, and no hang. */
static void test_target_dies(void **state)
{
	int i;

	(void)state;
	if (!may_trace) {
		skip();
		return;
	}
	for (i = 0; i < 25; i++) {
		struct grf_capture_options options = {.no_ebpf = i % 5 != 0};
		struct live live = {0};
		struct grf_image_parts *capture;
		struct grf_error *error = NULL;
		pid_t killer;

		assert_true(live_start(&live));
		killer = fork();
		if (!killer) {
			usleep((useconds_t)(i * 211 % 6000));
			kill(live.shared->target, SIGKILL);
			_exit(0);
		}
		while (!error) {
			error = grf_capture_process(live.shared->target, &options, &capture);
			if (!error)
				grf_image_parts_destroy(capture);
		}
		if (error->code != GRF_ERROR_EXITED && error->code != GRF_ERROR_NO_PROCESS)
			fail_msg("code %d: %s", error->code, error->message);
		grf_error_free(error);
		waitpid(killer, NULL, 0);
		live_stop(&live);
	}
}

static void interrupt(int number)
{
	grf_interrupt(number); /* NOLINT(bugprone-signal-handler): it sets a flag */
}

/* The user's interruption, at any moment. In a process of its own: it cannot be taken back. */
static void test_interrupted(void **state)
{
	struct live *live = *state;
	int i, status;

	if (!live) {
		skip();
		return;
	}
	/* In the background a shell has it ignored. */
	signal(SIGINT, SIG_DFL);
	for (i = 0; i < 30; i++) {
		pid_t pid = fork();

		if (!pid) {
			struct grf_capture_options options = {.no_ebpf = i % 5 != 0};
			struct grf_image_parts *capture;
			struct grf_error *error = NULL;

			signal(SIGINT, interrupt);
			alarm(60);
			while (!error) {
				error =
				    grf_capture_process(live->shared->target, &options, &capture);
				if (!error)
					grf_image_parts_destroy(capture);
			}
			_exit(error->code == GRF_ERROR_INTERRUPTED ? 0 : 1);
		}
		usleep((useconds_t)(1000 + i * 439 % 20000));
		kill(pid, SIGINT);
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
		assert_int_equal(live_look(live->shared->target).stopped, 0);
	}
	assert_true(live_beats(live));
	assert_int_equal(live->shared->events, 0);
}

int main(void)
{
#define with_target(test) cmocka_unit_test_setup_teardown(test, start_target, stop_target)
	const struct CMUnitTest tests[] = {
	    with_target(test_capture),
	    with_target(test_without_ebpf),
	    with_target(test_through_mem),
	    with_target(test_leaves_no_trace),
	    with_target(test_left_out),
	    with_target(test_loses_no_signal),
	    with_target(test_threads_that_come_and_go),
	    with_target(test_killed_capture),
	    with_target(test_stopped_before),
	    cmocka_unit_test(test_target_dies),
	    with_target(test_interrupted),
	};

	may_trace = live_may_trace();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
