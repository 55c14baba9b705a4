/* SPDX-License-Identifier: BSD-2-Clause */
/* The second half of a hold: from the threads that stand to those that run. */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "base/log.h"
#include "hold/held.h"

/* How long the others still stand after the threads in system calls were let go, and how long those
 * go one after the other, at most; ns. */
#define IDLE_TIME 100000u
#define BUSY_TIME 200000u
/* How long a thread that was let go is looked at before we leave it our CPU; ns. */
#define EAGER_TIME 20000u

/* The signal that a thread stands before by now, where work() had it run. */
static int pending_signal(const struct grf_held_thread *thread)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)thread->tid, &info, WSTOPPED | WNOHANG | WNOWAIT | __WALL) ||
	    !info.si_pid)
		return thread->signal;
	return info.si_status >> 7 ? 0 : info.si_status; /* an event, or the end of a call */
}

static void release_thread(struct grf_held *hold, struct grf_held_thread *thread)
{
	thread->state = RELEASED;
	if (hold->freeze->makes_calls)
		thread->signal = pending_signal(thread);
	if (ptrace(PTRACE_DETACH, thread->tid, 0, (long)thread->signal) && errno == ESRCH) {
		/* Only SIGKILL moves a thread that we hold. */
		hold->died |= !thread->foreign;
		grf_held_reap(thread);
	}
}

size_t grf_held_release_stopped(struct grf_held *hold)
{
	size_t i, left = 0;

	for (i = 0; i < hold->threads.count; i++) {
		struct grf_held_thread *thread = &hold->threads.items[i];

		if (thread->state == INTERRUPTED)
			grf_held_look(hold, thread);
		left += thread->state == INTERRUPTED;
		if (thread->state == STOPPED)
			release_thread(hold, thread);
	}
	return left;
}

/*
 * Letting go. A thread that is woken goes to a CPU that has nothing to do, if there is one, and
 * waits for its turn behind others if none is free. Where it waits it stays for some milliseconds,
 * much longer than the stop took, also if another CPU falls idle meanwhile. So a CPU shall be free
 * for each thread that can have one.
 *
 * Threads that were in a system call go first: most need a CPU for a moment only, to sleep on. The
 * others go one after the other, each when the one before has a CPU, as the kernel may not see yet
 * that a CPU is taken by a thread that it woke just before. And we sit on a CPU ourselves. Before
 * the next is woken we move to one where a thread of the target is, so that ours is free; that
 * thread waits for the few microseconds that we have yet to do.
 *
 * All that is bounded: when the time is over, the rest go at once.
 */
static void make_way(const struct grf_freeze *freeze)
{
	uint64_t taken = freeze->on_cpus ? freeze->on_cpus(freeze->context) : 0;
	cpu_set_t set;

	if (!taken)
		return;
	CPU_ZERO(&set);
	CPU_SET(__builtin_ctzll(taken), &set);
	/* Where we may not run there, or do not get on, we stay. */
	sched_setaffinity(0, sizeof(set), &set);
}

/* Until so many threads that were let go have had a CPU, or it is too late. After a moment we leave
 * them ours. */
static void let_run(const struct grf_freeze *freeze, size_t released, uint64_t deadline)
{
	const struct timespec moment = {.tv_nsec = 10000};
	uint64_t eager = grf_now() + EAGER_TIME;

	while (freeze->count_running(freeze->context) < released && grf_now() < deadline)
		if (grf_now() > eager)
			nanosleep(&moment, NULL);
}

/* Lets those go that are in a system call. Returns how many. */
static size_t release_idle(struct grf_held *hold)
{
	const struct grf_freeze *freeze = hold->freeze;
	size_t released = 0;

	for (size_t i = 0; i < hold->threads.count; i++) {
		struct grf_held_thread *thread = &hold->threads.items[i];

		if (thread->state == INTERRUPTED)
			grf_held_look(hold, thread);
		if (thread->state != STOPPED || !freeze->is_idle(freeze->context, thread->tid))
			continue;
		release_thread(hold, thread);
		released++;
	}
	let_run(freeze, released, grf_now() + IDLE_TIME);
	return released;
}

/* Lets the others go, as long as there is time. `released`: how many went before. */
static void release_in_turn(struct grf_held *hold, size_t released)
{
	const struct grf_freeze *freeze = hold->freeze;
	uint64_t deadline = grf_now() + BUSY_TIME;

	for (size_t i = 0; i < hold->threads.count && grf_now() < deadline; i++) {
		struct grf_held_thread *thread = &hold->threads.items[i];

		if (thread->state == INTERRUPTED)
			grf_held_look(hold, thread);
		if (thread->state != STOPPED)
			continue;
		make_way(freeze);
		release_thread(hold, thread);
		let_run(freeze, ++released, deadline);
	}
}

void grf_held_release_all(struct grf_held *hold)
{
	const struct grf_freeze *freeze = hold->freeze;
	size_t released = 0;

	hold->report->releasing = grf_now();
	if (freeze->count_running && freeze->is_idle)
		released = release_idle(hold);
	if (freeze->count_running)
		release_in_turn(hold, released);
	hold->report->waiting = grf_held_release_stopped(hold);
	hold->report->released = grf_now();
}

void grf_held_reap_all(struct grf_held *hold)
{
	const struct timespec moment = {.tv_nsec = 200000};
	uint64_t began = grf_now();
	siginfo_t info;

	for (size_t i = 0; i < hold->threads.count; i++) {
		id_t tid = (id_t)hold->threads.items[i].tid;

		do {
			info.si_pid = 0;
			if (waitid(P_PID, tid, &info, WEXITED | WNOHANG | __WALL) || info.si_pid)
				break;
			nanosleep(&moment, NULL);
		} while (grf_now() - began < GRF_STOP_LIMIT);
	}
}

void grf_held_start_over(struct grf_held *hold)
{
	const struct timespec moment = {.tv_nsec = 20000};

	grf_held_release_all(hold);
	while (grf_held_release_stopped(hold) &&
	       grf_now() - hold->report->released < GRF_STOP_LIMIT)
		nanosleep(&moment, NULL);
	hold->threads.count = hold->known = 0;
	memset(hold->report, 0, sizeof(*hold->report));
	sched_setaffinity(0, sizeof(hold->usual_cpus), &hold->usual_cpus);
}
