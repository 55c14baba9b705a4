/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The forked picture of a process that changes its memory all the time, also what of it children
 * shall not get: what is copied when it runs again must be what it had when it stood, byte for
 * byte. And it must be what it was, without a child.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "capture/session.h"
#include "restless_target.h"

#define SIGNAL_STACK 32768
#define RUNS_OF_TEST 6
#define THREAD_ROOM  64

/* What a thread is found by, as a Go program has it. */
struct bounds {
	uint64_t low, high;
};

struct record {
	struct record *next;
	uint64_t thread_id;
	struct bounds *stack;
};

static uint8_t signal_stack[SIGNAL_STACK] __attribute__((aligned(4096)));
static struct bounds stack_bounds;
static struct record only_record;
static struct record *records = &only_record;

__attribute__((naked, used)) static void return_from_handler(void)
{
	__asm__("mov $15, %eax\n\tsyscall");
}

__attribute__((naked, used)) static void system_call(void)
{
	__asm__("syscall\n\tret");
}

static struct grf_injection_site site(void)
{
	return (struct grf_injection_site){
	    .records = (uint64_t)(uintptr_t)&records,
	    .next = offsetof(struct record, next),
	    .thread_id = offsetof(struct record, thread_id),
	    .stack = offsetof(struct record, stack),
	    .low = offsetof(struct bounds, low),
	    .high = offsetof(struct bounds, high),
	    .stack_bytes = SIGNAL_STACK,
	    .system_call = (uint64_t)(uintptr_t)system_call,
	    .sigreturn = (uint64_t)(uintptr_t)return_from_handler,
	    .sigreturn_code = {7, {0xb8, 15, 0, 0, 0, 0x0f, 0x05}},
	};
}

/* What children get of an area: it, nothing, or zeros. */
static void mark(struct area *area)
{
	static const int advice[] = {MADV_DONTFORK, MADV_WIPEONFORK, MADV_DOFORK, MADV_KEEPONFORK};

	madvise(area->memory, area->pages * PAGE, advice[next_random() % 4]);
}

/* Children that it makes itself write to areas that they may not have. */
static void end_quietly(int number)
{
	(void)number;
	_exit(0);
}

static void live(int ready, uint64_t seed)
{
	struct area areas[AREAS] = {0};

	signal(SIGSEGV, end_quietly);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	only_record.thread_id = (uint64_t)getpid();
	restless_begin(areas, seed);
	mark(&areas[0]);
	if (write(ready, &ready, sizeof(ready)) < 0)
		_exit(5);
	close(ready);
	restless_live(areas, mark);
}

/* --- the copy --------------------------------------------------------------------------------- */

struct reference {
	struct grf_session session;
	uint8_t **pages; /* of session.final, in order; NULL: could not be read */
	size_t count;
};

static uint8_t zeros[PAGE];

static pid_t start(uint64_t seed)
{
	int ready[2], word;
	pid_t pid;

	stack_bounds = (struct bounds){(uint64_t)(uintptr_t)signal_stack,
				       (uint64_t)(uintptr_t)signal_stack + SIGNAL_STACK};
	only_record.stack = &stack_bounds;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(ready[0]);
		live(ready[1], seed);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &word, sizeof(word)), sizeof(word));
	close(ready[0]);
	return pid;
}

/* Keeps what the process has while it stands, from which nothing is missing or made up. */
static void keep_reference(struct reference *reference)
{
	const struct grf_plan *plan = &reference->session.final;
	size_t pages = 0;

	for (size_t i = 0; i < plan->piece_count; i++)
		pages += (plan->pieces[i].end - plan->pieces[i].start) / PAGE;
	reference->pages = calloc(pages, sizeof(*reference->pages));
	for (size_t i = 0; i < plan->piece_count; i++)
		for (uint64_t at = plan->pieces[i].start; at < plan->pieces[i].end; at += PAGE) {
			uint8_t page[PAGE], **kept = &reference->pages[reference->count++];
			struct iovec local = {page, PAGE}, remote = {(void *)at, PAGE};

			if (process_vm_readv(reference->session.target.pid, &local, 1, &remote, 1,
					     0) != PAGE)
				continue;
			*kept = memcmp(page, zeros, PAGE) ? malloc(PAGE) : zeros;
			if (*kept != zeros)
				memcpy(*kept, page, PAGE);
		}
}

static void at_the_stop(void *context, const pid_t *tids, size_t count)
{
	struct reference *reference = context;
	struct grf_session *session = &reference->session;

	assert_int_equal(grf_plan_again(&session->final, &session->first, session->maps,
					&session->copy.resident, &session->space),
			 GRF_PLAN_DONE);
	session->method->at_stop(session, tids, count);
	/* Only now, as the kernel notes in the thread's memory where it runs (rseq(2)). */
	keep_reference(reference);
}

/* The signal stack is where we write ourselves. */
static bool is_signal_stack(uint64_t at)
{
	return at >= stack_bounds.low && at < stack_bounds.high;
}

static void compare(const struct reference *reference)
{
	const struct grf_plan *plan = &reference->session.final;
	size_t index = 0, compared = 0;

	for (size_t i = 0; i < plan->piece_count; i++) {
		const struct grf_piece *piece = &plan->pieces[i];

		for (uint64_t at = piece->start; at < piece->end; at += PAGE) {
			const uint8_t *kept = reference->pages[index++];

			if (!kept || is_signal_stack(at))
				continue;
			compared++;
			if (memcmp(kept, piece->data + (at - piece->start), PAGE) != 0)
				fail_msg("%#llx of %#llx-%#llx part %d differs",
					 (unsigned long long)at, (unsigned long long)piece->start,
					 (unsigned long long)piece->end, piece->part);
		}
	}
	assert_true(compared > 1000);
}

static void open_session(struct grf_session *session, const struct grf_capture_options *options,
			 pid_t pid)
{
	session->options = options;
	session->method = &grf_copy_by_fork;
	assert_null(grf_target_open(pid, &session->target));
	assert_null(grf_target_open_file(&session->target, "maps", O_RDONLY, &session->maps));
	assert_null(grf_target_open_file(&session->target, "mem", O_RDONLY, &session->mem));
	assert_null(grf_target_open_file(&session->target, "pagemap", O_RDONLY, &session->pagemap));
	session->parts = calloc(1, sizeof(*session->parts));
	session->thread_room = THREAD_ROOM;
	session->parts->threads = calloc(THREAD_ROOM, sizeof(*session->parts->threads));
	grf_copy_init(&session->copy, pid);
	session->copy.mem = session->mem;
	session->copy.resident.pagemap = session->pagemap;
	assert_null(grf_plan_make(&session->first, session->maps, &session->copy.resident,
				  &session->space));
	assert_null(grf_plan_make_room(&session->final, &session->first));
	session->freeze.context = session;
	session->copiers = 2;
	assert_null(grf_pool_create(2, &session->pool));
}

static void close_session(struct reference *reference)
{
	struct grf_session *session = &reference->session;

	session->method->close(session);
	grf_pool_destroy(session->pool);
	grf_copy_destroy(&session->copy);
	grf_plan_free(&session->first);
	grf_plan_free(&session->final);
	grf_space_release(&session->space, NULL, 0);
	grf_image_parts_destroy(session->parts);
	close(session->maps);
	close(session->mem);
	close(session->pagemap);
	grf_target_close(&session->target);
	for (size_t i = 0; i < reference->count; i++)
		if (reference->pages[i] != zeros)
			free(reference->pages[i]);
	free((void *)reference->pages);
}

/* Whether a process is a child of the kind that we make: one without exit signal. */
static bool is_ours(const char *pid)
{
	char path[64], stat[1024] = "", *at;
	int signal = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	at = fgets(stat, sizeof(stat), file) ? strrchr(stat, ')') : NULL;
	fclose(file);
	/* The 36th field behind the name. */
	for (int i = 0; at && i < 36; i++)
		at = strchr(at + 1, ' ');
	return at && sscanf(at, "%d", &signal) == 1 && !signal;
}

static bool has_child_of_ours(pid_t pid)
{
	char path[64], pids[256] = "", *next;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(pids, sizeof(pids), file))
		pids[0] = '\0';
	fclose(file);
	for (char *one = strtok_r(pids, " ", &next); one; one = strtok_r(NULL, " ", &next))
		if (is_ours(one))
			return true;
	return false;
}

static void copy_one(uint64_t seed)
{
	struct grf_capture_options options = {.copy = GRF_COPY_FORK, .injection = site()};
	struct reference *reference = calloc(1, sizeof(*reference));
	struct grf_session *session = &reference->session;
	pid_t pid = start(seed);
	siginfo_t news = {0};
	int status;

	open_session(session, &options, pid);
	assert_null(session->method->open(session));
	assert_null(session->method->ahead(session));
	assert_null(
	    grf_hold(&session->target, &session->freeze, at_the_stop, reference, &session->report));
	assert_int_equal(session->failure, GRF_STOP_DONE);
	assert_int_equal(session->parts->thread_count, 2);
	assert_null(session->method->after(session));
	compare(reference);
	assert_false(has_child_of_ours(pid));
	assert_int_equal(
	    waitid(P_PID, (id_t)pid, &news, WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT),
	    0);
	assert_int_equal(news.si_pid, 0);
	close_session(reference);
	free(reference);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static bool may_trace(void)
{
	pid_t pid = start(1);
	bool may = !ptrace(PTRACE_SEIZE, pid, 0, 0);

	kill(pid, SIGKILL);
	waitpid(pid, NULL, __WALL);
	if (!may)
		fprintf(stderr, "skipped: ptrace is not permitted here\n");
	return may;
}

static void test_the_copy_is_the_original(void **state)
{
	const char *more = getenv("GRF_TEST_RUNS");
	unsigned long runs = more ? strtoul(more, NULL, 10) : RUNS_OF_TEST;

	(void)state;
	if (!may_trace())
		skip();
	for (unsigned long i = 0; i < runs; i++)
		copy_one(0x9e3779b97f4a7c15u * (i + 1));
}

/* A program that does not tell where there is room is left alone. */
static void test_no_site(void **state)
{
	struct grf_injection_site none = {0}, wrong = site();
	struct grf_forked *forked;
	struct grf_target target;
	struct grf_error *error;
	pid_t pid = start(1);

	(void)state;
	assert_null(grf_target_open(pid, &target));
	error = grf_forked_open(&target, &none, &forked);
	assert_non_null(error);
	assert_int_equal(error->code, GRF_ERROR_UNSUPPORTED);
	grf_error_free(error);
	wrong.stack_bytes /= 2;
	error = grf_forked_open(&target, &wrong, &forked);
	assert_non_null(error);
	assert_non_null(strstr(error->message, "no thread"));
	grf_error_free(error);
	grf_target_close(&target);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_copy_is_the_original),
	    cmocka_unit_test(test_no_site),
	};

	return cmocka_run_group_tests_name("forked", tests, NULL, NULL);
}
