/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stopping a process so that neither it nor its parent can tell.
 *
 * PTRACE_SEIZE makes us the tracer of a thread without stopping it, and PTRACE_INTERRUPT then
 * stops it without a signal: the parent's waitpid(WUNTRACED) reports nothing, and no handler of the
 * target runs. PTRACE_DETACH lets it go. A system call in which the thread waited is taken up again
 * by the kernel. What needs care:
 *
 * - Signals. A seized thread stops for its tracer before each signal that it is about to receive,
 *   and Go sends itself one (SIGURG) to preempt a goroutine. We therefore seize at the last moment.
 *   A thread that stops with a signal instead of our interrupt stands all the same; it is left so,
 *   and the signal goes with the detach, which delivers it.
 *
 * - Our own death. If the tracer dies the kernel detaches all threads, and they run on. But it
 *   forgets a signal whose stop was already consumed by wait. All waits here use WNOWAIT: the
 *   kernel keeps the stop's signal, and a tracer that is killed at any instant loses none.
 *   PTRACE_O_TRACESYSGOOD keeps a stop that nobody waited for from becoming a SIGTRAP. No option
 *   is set that would kill.
 *
 * - A thread that cannot be detached. Detaching needs a stopped thread; one in uninterruptible
 *   sleep does not stop. The tracer is one of our threads that ends with the hold, and its end
 *   detaches what is left, in any state.
 *
 * - New threads. A thread may be just making another one. The list of threads is read again until
 *   a pass over it, with all known threads standing, finds no new one. Then none is left that could
 *   make one.
 *
 * - A target that was stopped before (SIGSTOP, a shell's Ctrl-Z): seizing keeps the group stop, and
 *   detaching goes back into it without a word to the parent.
 *
 * - A busy machine. A thread that sleeps must be given a CPU to take note of the interrupt, for
 *   which it may wait long, while those that were running stand. But from the interrupt on it does
 *   not come back to its own code, and so can change nothing: only threads that are on a CPU need
 *   be waited for, and those the kernel interrupts at once. Where an eBPF program tells which are
 *   (freeze->stands), the others are held as they are.
 */
#include "hold/hold.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/priority.h"
#include "base/threads.h"
#include "hold/gc_point.h"
#include "hold/held.h"
#include "hold/private.h"
#include "hold/seize.h"

static struct grf_held_thread *find_thread(struct grf_held *hold, pid_t tid)
{
	size_t i, index;

	/* The kernel lists threads in the order of their numbering, so the next is mostly next. */
	for (i = 0; i < hold->threads.count; i++) {
		index = (hold->known + i) % hold->threads.count;
		if (hold->threads.items[index].tid == tid) {
			hold->known = index + 1;
			return &hold->threads.items[index];
		}
	}
	return NULL;
}

/* Why PTRACE_SEIZE was refused. NULL: the thread is about to exit, which is no error. */
static struct grf_error *seize_refused(struct grf_held *hold, pid_t tid, int errnum)
{
	bool ended = grf_target_thread_has_ended(hold->target, tid);
	pid_t tracer;

	if (errnum == EINTR && grf_interrupted())
		return grf_error_interrupted();
	if (errnum == ESRCH || ended)
		return NULL;
	if (errnum == EINTR)
		return grf_error_create(
		    GRF_ERROR_TOO_LONG,
		    "process %d is at exec(2) or loses its threads, and cannot be "
		    "held meanwhile; try again",
		    hold->target->pid);
	tracer = grf_target_tracer(hold->target, tid);
	if (tracer > 0)
		return grf_target_traced(hold->target->pid, tracer);
	if (errnum == EPERM || errnum == EACCES)
		return grf_target_refused(hold->target->pid);
	return grf_error_errno(GRF_ERROR_OTHER, errnum, "seize thread %d of process %d", tid,
			       hold->target->pid);
}

static struct grf_error *seize_thread(struct grf_held *hold, pid_t tid, bool *ret_new)
{
	struct grf_held_thread *thread = find_thread(hold, tid);
	int refused;

	if (thread && thread->state != GONE) {
		thread->pass = hold->report->passes;
		return NULL;
	}
	refused = grf_seize(tid);
	if (refused)
		return seize_refused(hold, tid, refused);
	if (!thread)
		thread = grf_array_add(&hold->threads);
	if (!thread)
		return grf_error_no_memory();
	*thread = (struct grf_held_thread){
	    .tid = tid,
	    .state = SEIZED,
	    .pass = hold->report->passes,
	};
	*ret_new = true;
	return NULL;
}

/* Seizes every thread in the list that is not ours yet. */
static struct grf_error *seize_all(struct grf_held *hold, bool *ret_new)
{
	int fd = openat(hold->target->directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct grf_error *error = NULL;
	pid_t thread;
	DIR *task;

	*ret_new = false;
	if (fd < 0)
		return grf_target_exited(hold->target->pid);
	task = fdopendir(fd);
	if (!task) {
		close(fd);
		return grf_error_no_memory();
	}
	while (!error && (thread = grf_threads_next(task)))
		error = seize_thread(hold, thread, ret_new);
	closedir(task);
	return error;
}

static void interrupt_all(struct grf_held *hold)
{
	size_t i;

	for (i = 0; i < hold->threads.count; i++) {
		struct grf_held_thread *thread = &hold->threads.items[i];

		if (thread->state != SEIZED)
			continue;
		/* ESRCH: it exits just now. The wait will tell. */
		ptrace(PTRACE_INTERRUPT, thread->tid, 0, 0);
		thread->state = INTERRUPTED;
	}
}

/* One look at every thread that was interrupted. True when none is left to look at. */
static bool look_at_all(struct grf_held *hold, struct grf_held_thread **ret_running)
{
	size_t i;

	*ret_running = NULL;
	for (i = 0; i < hold->threads.count; i++) {
		struct grf_held_thread *thread = &hold->threads.items[i];

		if (thread->state == INTERRUPTED)
			grf_held_look(hold, thread);
		if (thread->state == INTERRUPTED)
			*ret_running = thread;
	}
	return !*ret_running;
}

/*
 * A process that is killed now: its first thread is a zombie, of which wait tells nothing as long
 * as other threads that we hold are not reaped. True when the thread is that far.
 */
static bool given_up(struct grf_held *hold, struct grf_held_thread *thread)
{
	if (!grf_target_thread_has_ended(hold->target, thread->tid))
		return false;
	thread->state = GONE;
	return true;
}

static uint64_t stop_limit(const struct grf_held *hold)
{
	return hold->freeze->limit ? hold->freeze->limit : GRF_STOP_LIMIT;
}

/* Whether threads have taken too long to stop. */
static bool is_late(const struct grf_held *hold)
{
	return grf_now() - hold->report->interrupting > stop_limit(hold);
}

static struct grf_error *does_not_stop(const struct grf_held *hold, pid_t tid)
{
	char state = grf_target_thread_state(hold->target, tid);

	return grf_error_create(
	    GRF_ERROR_TOO_LONG,
	    "thread %d of process %d did not stop in %.3g ms: %s (state %c); try again%s", tid,
	    hold->target->pid, (double)stop_limit(hold) / 1e6,
	    state == 'D'   ? "it is in a wait in the kernel that nothing interrupts"
	    : state == 'R' ? "it had no CPU for that, or is at work in the kernel"
			   : "it is neither running nor stopped",
	    state, hold->freeze->limit ? ", or give it more time (--max-pause)" : "");
}

static struct grf_error *wait_all(struct grf_held *hold)
{
	const struct timespec moment = {.tv_nsec = 20000};
	struct grf_held_thread *running;
	unsigned int round;

	for (round = 0; !look_at_all(hold, &running); round++) {
		if (round >= GRF_EAGER_ROUNDS && given_up(hold, running))
			continue;
		if (grf_interrupted())
			return grf_error_interrupted();
		if (is_late(hold))
			return does_not_stop(hold, running->tid);
		if (round < GRF_EAGER_ROUNDS)
			sched_yield();
		else
			nanosleep(&moment, NULL);
	}
	return NULL;
}

static bool is_held(const struct grf_held_thread *thread)
{
	return !thread->foreign && (thread->state == STOPPED || thread->state == INTERRUPTED);
}

/* A thread may end between being listed and being seized, and its number may be another process's
 * by then. That one is in no later list; it is let go with the others, and is none of them. The
 * list may also pass over a thread, where others end meanwhile: one that is not in it is asked for.
 */
static void note_foreign(struct grf_held *hold)
{
	char name[32];

	for (size_t i = 0; i < hold->threads.count; i++) {
		struct grf_held_thread *thread = &hold->threads.items[i];

		if (thread->pass == hold->report->passes)
			continue;
		snprintf(name, sizeof(name), "task/%d", thread->tid);
		thread->foreign =
		    faccessat(hold->target->directory, name, F_OK, 0) && errno == ENOENT;
	}
}

static size_t count_held(struct grf_held *hold)
{
	size_t i, count = 0;

	for (i = 0; i < hold->threads.count; i++)
		count += is_held(&hold->threads.items[i]);
	return count;
}

/*
 * Until no thread is on a CPU. One that was interrupted and is in the kernel does not come back to
 * its own code: it stops on the way. It stands from then on, also if it sleeps, or waits for a CPU,
 * and will take note of the interrupt only later; on a busy machine much later.
 */
static struct grf_error *wait_standing(struct grf_held *hold)
{
	const struct grf_freeze *freeze = hold->freeze;

	while (!freeze->stands(freeze->context)) {
		if (grf_interrupted())
			return grf_error_interrupted();
		if (is_late(hold))
			return grf_error_create(
			    GRF_ERROR_TOO_LONG,
			    "a thread of process %d does not leave its CPU; try "
			    "again",
			    hold->target->pid);
	}
	return NULL;
}

/* Stops every thread, wherever it is. One that waits at the freeze point is asked to stop like the
 * others, and only then let go from there. */
static struct grf_error *stop_threads(struct grf_held *hold)
{
	struct grf_error *error;
	bool found;

	/* Bounded: a pass takes its time, and all of them together the limit of wait_all(). */
	for (;;) {
		error = seize_all(hold, &found);
		if (error)
			return error;
		if (!found)
			break;
		if (!hold->report->interrupting)
			hold->report->interrupting = grf_now();
		hold->report->passes++;
		interrupt_all(hold);
		if (hold->report->gc_point && hold->report->passes == 1 &&
		    !grf_gc_point_release(hold->freeze->gc_point))
			hold->report->gc_point = 0;
		error = hold->freeze->stands ? NULL : wait_all(hold);
		if (error)
			return error;
		if (is_late(hold))
			return grf_error_create(GRF_ERROR_TOO_LONG,
						"process %d makes threads faster than they can be "
						"stopped; try again",
						hold->target->pid);
	}
	error = hold->freeze->stands ? wait_standing(hold) : NULL;
	if (error)
		return error;
	note_foreign(hold);
	hold->report->threads = count_held(hold);
	return hold->report->threads ? NULL : grf_target_exited(hold->target->pid);
}

static struct grf_error *stop_all(struct grf_held *hold)
{
	struct grf_seizer seizer;
	struct grf_error *error;

	grf_seizer_start(&seizer, stop_limit(hold), false);
	error = stop_threads(hold);
	grf_seizer_stop(&seizer);
	return error;
}

/* After what is to be done just before, which is not urgent. */
static struct grf_error *stop_anywhere(struct grf_held *hold)
{
	const struct grf_freeze *freeze = hold->freeze;

	/* At the usual priority: what falls behind here is copied while the target stands. */
	if (freeze->just_before) {
		grf_priority_usual();
		freeze->just_before(freeze->context);
	}
	if (freeze->urgent)
		grf_priority_first();
	return stop_all(hold);
}

/* Why the target was not held at the end of a collection, for which it was waited long enough. */
static struct grf_error *point_not_reached(const struct grf_held *hold)
{
	const struct grf_freeze *freeze = hold->freeze;
	double seconds = (double)freeze->wait / 1e9;
	uint32_t missed = grf_gc_point_missed(freeze->gc_point);

	if (freeze->waited)
		return grf_error_create(
		    GRF_ERROR_NO_COLLECTION,
		    "process %d was let go at the end of a garbage collection, as it could not be "
		    "copied in time, and did not finish another one in the %.3g s that are waited "
		    "in all; wait longer (--gc-wait) or take it as it is (--freeze now)",
		    hold->target->pid, seconds);

	if (missed)
		return grf_error_create(GRF_ERROR_NO_COLLECTION,
					"process %d finished %u garbage collection%s in %.3g s, "
					"but grf-bpf did not get a "
					"CPU in time to hold it there; give it more of the CPUs "
					"(--nice 0), wait longer "
					"(--gc-wait) or take the process as it is (--freeze now)",
					hold->target->pid, missed, missed == 1 ? "" : "s", seconds);
	return grf_error_create(
	    GRF_ERROR_NO_COLLECTION,
	    "process %d did not finish a garbage collection in %.3g s; wait longer (--gc-wait) or "
	    "take it as it is (--freeze now)",
	    hold->target->pid, seconds);
}

/* Waits for the point, and holds the target there, or elsewhere if that will do. */
static struct grf_error *stop_at_point(struct grf_held *hold)
{
	const struct grf_freeze *freeze = hold->freeze;
	uint64_t left = freeze->wait > freeze->waited ? freeze->wait - freeze->waited : 0;
	uint64_t began = grf_now();

	/* Bounded by the deadline; a collection that we came too late for is tried once more. */
	for (;;) {
		struct grf_error *error;
		uint64_t hit;

		error = grf_gc_point_wait(freeze, hold->target, began + left, &hit);
		hold->report->waited = grf_now() - began;
		if (error)
			return error;
		if (!hit && freeze->only_gc_point)
			return point_not_reached(hold);
		if (!hit)
			return stop_anywhere(hold);
		hold->report->gc_point = hold->report->interrupting = hit;
		error = stop_all(hold);
		if (error && hold->report->gc_point)
			grf_gc_point_release(freeze->gc_point);
		if (error || hold->report->gc_point || !freeze->only_gc_point)
			return error;
		grf_held_start_over(hold);
	}
}

/* Brings the target to a standstill where it is wanted. */
static struct grf_error *reach_freeze_point(struct grf_held *hold)
{
	if (!hold->freeze->gc_point)
		return stop_anywhere(hold);
	if (hold->freeze->urgent)
		grf_priority_first();
	return stop_at_point(hold);
}

/* Fills hold->tids, which was made before the stop; grown here only if many threads came. */
static bool list_tids(struct grf_held *hold, size_t *ret_count)
{
	size_t i, count = 0;

	if (hold->threads.count > hold->tid_capacity) {
		pid_t *grown = reallocarray(hold->tids, hold->threads.count, sizeof(*grown));

		if (!grown)
			return false;
		hold->tids = grown;
		hold->tid_capacity = hold->threads.count;
	}
	for (i = 0; i < hold->threads.count; i++)
		if (is_held(&hold->threads.items[i]))
			hold->tids[count++] = hold->threads.items[i].tid;
	*ret_count = count;
	return true;
}

static void *run_tracer(void *argument)
{
	struct grf_held *hold = argument;
	bool worked = false;
	size_t count = 0;

	prctl(PR_SET_TIMERSLACK, 1ul);
	sched_getaffinity(0, sizeof(hold->usual_cpus), &hold->usual_cpus);
	/* What made this thread may be of low priority; the target stands for as long as we need.
	 */
	grf_priority_usual();
	hold->error = reach_freeze_point(hold);
	hold->report->stopped = grf_now();
	if (!hold->error && !list_tids(hold, &count))
		hold->error = grf_error_no_memory();
	if (!hold->error) {
		hold->work(hold->context, hold->tids, count);
		worked = true;
		hold->replaced = !grf_target_has_memory(hold->target);
	}
	grf_held_release_all(hold);
	if (hold->died)
		grf_held_reap_all(hold);
	if (worked && hold->freeze->released)
		hold->freeze->released(hold->freeze->context);
	if (!hold->error && (hold->died || hold->replaced))
		hold->error = grf_target_exited(hold->target->pid);
	hold->error = grf_target_explain(hold->target, hold->error);
	return NULL;
}

/* Room for the threads that there are and many more, so that nothing is allocated at the stop. */
static struct grf_error *make_room(struct grf_held *hold)
{
	size_t count = grf_target_thread_room(hold->target);

	hold->threads.items = calloc(count, sizeof(*hold->threads.items));
	hold->tids = calloc(count, sizeof(*hold->tids));
	if (!hold->threads.items || !hold->tids)
		return grf_error_no_memory();
	hold->threads.capacity = hold->tid_capacity = count;
	return NULL;
}

struct grf_error *grf_hold(const struct grf_target *target, const struct grf_freeze *freeze,
			   grf_hold_work *work, void *context, struct grf_hold_report *ret)
{
	struct grf_held hold = {
	    .target = target,
	    .freeze = freeze,
	    .work = work,
	    .context = context,
	    .report = ret,
	};
	struct grf_keeper keeper;
	pthread_t thread;
	int result;

	memset(ret, 0, sizeof(*ret));
	hold.error = make_room(&hold);
	if (!hold.error) {
		grf_keeper_start(&keeper);
		result = pthread_create(&thread, NULL, run_tracer, &hold);
		if (result)
			hold.error = grf_error_errno(GRF_ERROR_OTHER, result, "create a thread");
		else
			pthread_join(thread, NULL);
		grf_keeper_stop(&keeper);
	}
	grf_array_free(&hold.threads);
	free(hold.tids);
	return hold.error;
}
