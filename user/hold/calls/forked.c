/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While all threads of the target stand, one of them makes a child: clone(2) without a shared
 * memory, that is fork(2). The child has the memory of that moment, and it never runs: it is born
 * stopped, since we trace the thread that makes it. The threads go on, at the cost of a page fault
 * for each page that they write to from then on, which the kernel copies. We read the child's
 * memory at leisure, and kill it.
 *
 * The child has no exit signal, so the target is not told of it. It shares the table of open files
 * with the target, so that what the target closes meanwhile is closed. It counts as a process of
 * the target's user and control group, and so does the memory that is copied; room.c looks whether
 * there is room for that before anything is done. Nor is a child made where devices may write to
 * the memory (direct_io.c).
 *
 * What our death leaves. The thread restores itself (injected_call.c). The child was given nothing
 * but the way to its own end, and takes it as soon as its tracer is gone. What stays is an entry in
 * the process table until somebody waits for the child on behalf of the target, for which there is
 * a process that outlives us (reaper.c). So there remains a zombie only where
 *
 * - that process is killed as well, as at the end of a whole control group. The zombie, which has
 * no memory, stays as long as the target. In a container that ends, both are gone;
 * - in a whole minute no thread of the target was fit to make a system call for us.
 *
 * And what a kill cannot undo: the time and memory that the child used count as used by children of
 * the target (getrusage(2) with RUSAGE_CHILDREN), as does one of its threads' signal stacks that
 * was written to.
 */
#include "hold/calls/forked.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "hold/calls/direct_io.h"
#include "hold/calls/injected_call.h"
#include "hold/calls/reaper.h"
#include "hold/calls/room.h"
#include "hold/private.h"

/* A fork takes some 20 ms for each GB in use. It cannot be given up. */
#define CLONE_LIMIT 60000000000ull /* ns */
/* From the lower end of a signal stack: where the kernel writes the id of the child. */
#define CHILD_ID 64
/* For a child that was killed to end, which takes as long as to free its memory; ns. */
#define END_LIMIT  60000000000ull
#define FIRST_STEP 10 /* of those for tests */

enum failure {
	NO_FAILURE,
	NO_THREAD, /* is fit */
	STOPPED,   /* by a signal, just then */
	REFUSED,   /* with `errnum` */
	LOST,
};

struct grf_forked {
	struct grf_injector injector;
	struct grf_reaper reaper;
	struct grf_target image;
	pid_t child; /* as we number it; 0: none */
	enum failure failure;
	int errnum;
};

/* The child has the rights of the target, and is ended by a signal: whoever may not send the target
 * one could not end the child. */
static struct grf_error *check_signals(const struct grf_target *target)
{
	if (!kill(target->pid, 0) || errno == ESRCH)
		return NULL;
	if (errno != EPERM)
		return grf_error_errno(GRF_ERROR_UNSUPPORTED, errno,
				       "a child of process %d could not be ended: send a signal",
				       target->pid);
	return grf_error_create(
	    GRF_ERROR_PERMISSION,
	    "a child of process %d could not be ended: not permitted to send it "
	    "signals; run as its user, as root or with CAP_KILL, or copy in "
	    "another way (--copy auto)",
	    target->pid);
}

struct grf_error *grf_forked_open(const struct grf_target *target,
				  const struct grf_injection_site *site, struct grf_forked **ret)
{
	struct grf_forked *forked = calloc(1, sizeof(*forked));
	struct grf_reaping reaping;
	struct grf_error *error;

	if (!forked)
		return grf_error_no_memory();
	forked->image.directory = -1;
	forked->reaper = (struct grf_reaper){.pid = -1, .alive = -1, .note = (void *)-1};
	error = grf_injector_open(&forked->injector, target, site);
	if (!error && grf_target_is_stopped(target))
		error =
		    grf_error_create(GRF_ERROR_UNSUPPORTED,
				     "process %d stands stopped, so it makes no child; how long "
				     "it is held does not matter either",
				     target->pid);
	if (!error && !grf_injector_has_hope(&forked->injector))
		error = grf_error_create(GRF_ERROR_UNSUPPORTED,
					 "no thread of process %d has room for a system call of "
					 "ours",
					 target->pid);
	if (!error)
		error = check_signals(target);
	if (!error)
		error = grf_check_direct_io(target);
	if (!error)
		error = grf_room_for_child(target);
	if (!error)
		error = grf_reaper_start(&forked->reaper, target, site);
	if (error) {
		grf_forked_close(forked, &reaping);
		return error;
	}
	forked->injector.first_step = FIRST_STEP;
	forked->injector.helper = forked->reaper.pid;
	*ret = forked;
	return NULL;
}

/* The thread that has the least to lose. */
static bool choose_thread(struct grf_injector *injector, const pid_t *tids, size_t count)
{
	static const enum grf_restart passes[] = {GRF_RESTART_NONE, GRF_RESTART_AGAIN,
						  GRF_RESTART_ANEW};

	for (size_t pass = 0; pass < sizeof(passes) / sizeof(*passes); pass++)
		for (size_t i = 0; i < count; i++)
			if (grf_injector_take(injector, tids[i], passes[pass]))
				return true;
	return false;
}

static bool fail_fork(struct grf_forked *forked, enum failure failure, int errnum)
{
	forked->failure = failure;
	forked->errnum = errnum;
	if (failure != LOST)
		forked->reaper.note->tid = 0;
	return false;
}

/* So that the reaper knows where to look, should we not live to see the child. */
static bool leave_note(struct grf_forked *forked)
{
	const struct grf_injector *injector = &forked->injector;
	struct grf_reaper_note *note = forked->reaper.note;
	const uint64_t none = 0;

	note->low = injector->low;
	note->high = injector->high;
	note->child_at = injector->low + CHILD_ID;
	if (pwrite(injector->memory, &none, sizeof(none), (off_t)note->child_at) != sizeof(none))
		return false;
	note->tid = injector->tid;
	return true;
}

static bool open_image(struct grf_forked *forked)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", forked->child);
	forked->image.directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	forked->image.pid = forked->child;
	return forked->image.directory >= 0;
}

bool grf_forked_make(struct grf_forked *forked, const pid_t *tids, size_t count)
{
	struct grf_injector *injector = &forked->injector;
	struct grf_injected_call call = {
	    .number = SYS_clone,
	    .arguments = {CLONE_FILES | CLONE_PARENT_SETTID},
	    .makes_child = true,
	    .limit = CLONE_LIMIT,
	};
	enum grf_call_outcome outcome;

	if (!choose_thread(injector, tids, count))
		return fail_fork(forked, NO_THREAD, 0);
	call.arguments[2] = injector->low + CHILD_ID;
	if (!leave_note(forked))
		return fail_fork(forked, REFUSED, EFAULT);
	outcome = grf_injector_call(injector, &call);
	forked->child = injector->child;
	if (outcome == GRF_CALL_LOST)
		return fail_fork(forked, LOST, 0);
	if (outcome == GRF_CALL_NOT_MADE)
		return fail_fork(forked, injector->refused ? REFUSED : STOPPED, injector->refused);
	if (injector->result < 0)
		return fail_fork(forked, REFUSED, (int)-injector->result);
	forked->reaper.note->child = (pid_t)injector->result;
	grf_injector_step(injector, 7);
	if (!forked->child || !open_image(forked))
		return fail_fork(forked, LOST, 0);
	return true;
}

struct grf_error *grf_forked_explain(const struct grf_forked *forked)
{
	pid_t pid = forked->injector.target->pid;

	switch (forked->failure) {
	case NO_FAILURE:
	case LOST:
		break;
	case NO_THREAD:
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					"no thread of process %d was fit to make a child for us",
					pid);
	case STOPPED:
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					"process %d was being stopped by a signal", pid);
	case REFUSED:
		return grf_error_errno(GRF_ERROR_UNSUPPORTED, forked->errnum,
				       "a child of process %d cannot be made", pid);
	}
	return grf_target_exited(pid);
}

bool grf_forked_stands(const struct grf_forked *forked)
{
	return forked->failure == NO_THREAD || forked->failure == STOPPED ||
	       forked->failure == REFUSED;
}

const struct grf_target *grf_forked_image(const struct grf_forked *forked)
{
	return &forked->image;
}

/* Reaps the child if it has ended. */
static bool has_ended(struct grf_forked *forked)
{
	int status;
	pid_t done;

	do
		done = waitpid(forked->child, &status, __WALL | WNOHANG);
	while ((done < 0 && errno == EINTR) || (done == forked->child && WIFSTOPPED(status)));
	return done;
}

/* Until the child that was killed has ended, and is reaped. False: it has not in time. */
static bool wait_for_end(struct grf_forked *forked)
{
	const struct timespec moment = {.tv_nsec = 200000};
	uint64_t began = grf_now(), limit;

	while (!has_ended(forked)) {
		limit = grf_interrupted() ? GRF_HELPER_PATIENCE : END_LIMIT;
		if (grf_now() - began > limit)
			return false;
		nanosleep(&moment, NULL);
	}
	return true;
}

void grf_forked_kill(struct grf_forked *forked)
{

	grf_injector_step(&forked->injector, 8);
	/* The target may have changed its rights since they were looked at; its tracer, which we
	 * are, may end it all the same. */
	if (forked->child > 0 && kill(forked->child, SIGKILL) && errno != ESRCH)
		ptrace(PTRACE_KILL, forked->child, 0, 0);
	/* What does not end now ends by itself with the tracer, see the top of the file. */
	if (forked->child > 0 && !wait_for_end(forked))
		grf_warn(
		    "child %d of process %d, which was made to be copied, was killed and has not "
		    "ended yet; it does so by itself",
		    forked->child, forked->injector.target->pid);
	forked->child = 0;
	grf_injector_step(&forked->injector, 9);
}

void grf_forked_close(struct grf_forked *forked, struct grf_reaping *ret)
{
	*ret = (struct grf_reaping){0};
	if (!forked)
		return;
	grf_target_close(&forked->image);
	grf_reaper_finish(&forked->reaper, &forked->injector, ret);
	grf_injector_close(&forked->injector);
	free(forked);
}
