/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child that a thread of the target made for us stays in the kernel's books after its end until
 * the target waits for it, which it does not, as it knows nothing of it. Nobody else can. So one
 * thread is stopped once more, for some 0.2 ms, and makes that call: wait4 with __WALL, as children
 * without exit signal are found by no other wait.
 *
 * That is the work of a process apart. It is started before anything is done to the target, leaves
 * our session, takes no notice of signals, and waits until our end of a pipe is closed: by us, when
 * the child is dead, or by the kernel, when we are. What it must know stands in memory that we
 * share. If we were killed just when the child was being made, nobody has told us of it; but the
 * kernel has written the child's id to the target's memory, at the lower end of the thread's signal
 * stack, where no handler comes. It is there by the time that the thread has left its frame.
 */
#include "hold/calls/reaper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/priority.h"
#include "hold/calls/injected_call.h"
#include "hold/private.h"
#include "hold/seize.h"

#define PATIENCE   60000000000ull /* for the child's end, and a thread that is fit; ns */
#define FIRST_NAP  1000000u       /* ns */
#define LAST_NAP   50000000u
#define FIRST_STEP 20 /* of those for tests */
/* How often it is started again where it is killed. */
#define TRIES 3

struct work {
	struct grf_injector *injector;
	struct grf_reaper_note *note;
	uint64_t deadline;
};

/* False: there is no time for more. */
static bool nap_once(const struct work *work, unsigned int *length)
{
	const struct timespec time = {.tv_nsec = *length};

	nanosleep(&time, NULL);
	*length = *length < LAST_NAP / 2 ? *length * 2 : LAST_NAP;
	return grf_now() < work->deadline;
}

/* Whether the target has ended. Its threads may still be listed, as long as nobody waits for them;
 * its memory is gone. With it its children change hands, and are reaped. */
static bool has_ended(const struct work *work)
{
	char byte;

	return !pread(work->injector->memory, &byte, 1, (off_t)work->note->child_at) ||
	       !grf_target_thread_count(work->injector->target);
}

static int seize_maker(pid_t tid)
{
	struct grf_seizer seizer;
	int refused;

	grf_seizer_start(&seizer, PATIENCE, true);
	refused = grf_seize(tid);
	grf_seizer_stop(&seizer);
	return refused;
}

/* Whether the thread that made the child has left its frame; 0: the thread is gone, -1: it is not
 * known yet. */
static int has_returned(const struct work *work)
{
	struct user_regs_struct registers;
	uint64_t sp;
	pid_t tid = work->note->tid;
	int status, refused, signal = 0, result = -1;

	refused = seize_maker(tid);
	if (refused)
		return refused == ESRCH ? 0 : -1;
	ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	if (!grf_injector_wait(work->injector->target, tid, PATIENCE, &status))
		return 0;
	if (!(status >> 8))
		signal = status & 0x7f;
	if (!grf_live_read(tid, &registers)) {
		sp = grf_live_stack_pointer(&registers);
		if (sp <= work->note->low || sp > work->note->high)
			result = 1;
	}
	ptrace(PTRACE_DETACH, tid, 0, (long)signal);
	return result;
}

/* The child of which we were not told; 0: no such child. */
static pid_t find_child(const struct work *work)
{
	unsigned int length = FIRST_NAP;
	pid_t child = 0;

	while (has_returned(work) < 0 && !has_ended(work) && nap_once(work, &length))
		;
	if (pread(work->injector->memory, &child, sizeof(child), (off_t)work->note->child_at) !=
		sizeof(child) ||
	    child < 0)
		return 0;
	return child;
}

static void wait_for_child(struct grf_injector *injector, void *context)
{
	struct work *work = context;
	const struct grf_injected_call call = {
	    .number = SYS_wait4,
	    .arguments = {(uint64_t)work->note->child, 0, WNOHANG | __WALL, 0},
	};

	if (grf_injector_call(injector, &call) == GRF_CALL_MADE &&
	    (injector->result == work->note->child || injector->result == -ECHILD))
		work->note->reaping.outcome = GRF_CHILD_REAPED;
}

static void reap_child(struct work *work)
{
	struct grf_reaping *reaping = &work->note->reaping;
	struct grf_injection_report report = {0};
	unsigned int length = FIRST_NAP;

	reaping->outcome = GRF_CHILD_LEFT;
	do {
		grf_injector_with_thread(work->injector, wait_for_child, work, &report);
		reaping->stop = report.ended - report.began;
		if (has_ended(work))
			reaping->outcome = GRF_CHILD_REAPED;
	} while (reaping->outcome == GRF_CHILD_LEFT && nap_once(work, &length));
}

_Noreturn static void work_apart(int alive, struct grf_injector *injector,
				 struct grf_reaper_note *note)
{
	struct work work = {.injector = injector, .note = note};
	sigset_t all;
	char nothing;

	setsid();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	injector->persistent = true;
	injector->first_step = FIRST_STEP;
	while (read(alive, &nothing, 1) > 0 || errno == EINTR)
		errno = 0;
	/* A thread of the target is to stand for a moment. */
	grf_priority_usual();
	work.deadline = grf_now() + PATIENCE;
	if (note->tid && !note->child)
		note->child = find_child(&work);
	if (note->child)
		reap_child(&work);
	else if (note->tid)
		note->reaping.outcome = GRF_CHILD_REAPED; /* there was none after all */
	_exit(0);
}

/* With the note that there is. */
static struct grf_error *start_reaper(struct grf_reaper *reaper, struct grf_injector *injector)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return grf_error_errno(GRF_ERROR_OTHER, errno, "make a pipe");
	reaper->pid = fork();
	if (!reaper->pid) {
		close(ends[1]);
		work_apart(ends[0], injector, reaper->note);
	}
	close(ends[0]);
	if (reaper->pid < 0) {
		struct grf_error *error = grf_error_errno(GRF_ERROR_OTHER, errno, "fork");

		close(ends[1]);
		return error;
	}
	reaper->alive = ends[1];
	return NULL;
}

struct grf_error *grf_reaper_start(struct grf_reaper *reaper, const struct grf_target *target,
				   const struct grf_injection_site *site)
{
	_cleanup_free_ struct grf_injector *injector = calloc(1, sizeof(*injector));
	struct grf_error *error;

	*reaper = (struct grf_reaper){.pid = -1, .alive = -1, .note = MAP_FAILED};
	if (!injector)
		return grf_error_no_memory();
	reaper->note = mmap(NULL, sizeof(*reaper->note), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (reaper->note == MAP_FAILED)
		return grf_error_no_memory();
	error = grf_injector_open(injector, target, site);
	if (!error)
		error = start_reaper(reaper, injector);
	grf_injector_close(injector);
	return error;
}

/* Has it do its work. False: it was killed before that was done. *ret_alone: it goes on without
 * us, as the user has interrupted. */
static bool has_worked(struct grf_reaper *reaper, bool *ret_alone)
{
	int status = 0;

	if (reaper->alive >= 0)
		close(reaper->alive);
	reaper->alive = -1;
	*ret_alone = reaper->pid > 0 && !grf_helper_wait(reaper->pid, &status);
	return *ret_alone || !WIFSIGNALED(status);
}

void grf_reaper_finish(struct grf_reaper *reaper, struct grf_injector *injector,
		       struct grf_reaping *ret)
{
	struct grf_error *error = NULL;
	bool alone;

	*ret = (struct grf_reaping){0};
	/* Who killed it, as one does who looks for memory, has not killed us: another can do it. */
	for (unsigned int i = 0;
	     !has_worked(reaper, &alone) && reaper->note->tid && !error && i < TRIES; i++)
		error = start_reaper(reaper, injector);
	grf_error_free(error);
	if (reaper->note != MAP_FAILED) {
		*ret = reaper->note->reaping;
		/* It was killed before it came to anything. */
		if (reaper->note->tid && ret->outcome == GRF_CHILD_NONE)
			ret->outcome = GRF_CHILD_LEFT;
		if (alone && ret->outcome == GRF_CHILD_LEFT)
			ret->outcome = GRF_CHILD_PENDING;
		munmap(reaper->note, sizeof(*reaper->note));
	}
	*reaper = (struct grf_reaper){.pid = -1, .alive = -1, .note = MAP_FAILED};
}
