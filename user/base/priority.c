/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread may always lower its priority, but needs a permission to raise it (CAP_SYS_NICE, or
 * RLIMIT_NICE). A thread that was lowered and has to work while the target stands would hold it for
 * as long as others keep the CPU. So it is tried first, in a thread that exists for nothing else,
 * whether the way back is open. Where it is not, all that can come between target and stop runs as
 * usual, in the scheduling class that at least wakes up behind others (SCHED_BATCH, which asks for
 * no permission either way), and only the analysis is lowered.
 *
 * Lower priority alone makes nobody give up a CPU soon: who runs is left alone for a slice of some
 * milliseconds, and a thread of the target that wakes up waits for as long. So our slices are the
 * shortest that there are.
 *
 * A nice value is changed only in the usual classes. The scheduler keeps what a thread has yet to
 * get in units of its weight. It converts that when the weight changes, but not while the thread is
 * in SCHED_FIFO: some milliseconds of a thread of low priority that comes back as a usual one would
 * be a hundred, for which nobody else gets that CPU (Linux 6.6 to 6.18 at least).
 */
#include "base/priority.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/threads.h"
#include "base/watcher.h"

/* linux/ioprio.h */
#define IO_BEST_EFFORT (2 << 13)
#define IO_LOWEST      7

/* The shortest slice that the kernel gives; ns. */
#define SLICE 100000u

#define HURRY_INTERVAL 20000000u /* ns */

static int usual_nice, low_nice, usual_io;
static bool lowered; /* even if it is as low as can be already */
static bool can_raise = true;
static volatile bool ends; /* what is low was raised, for good */

static void wait_for_the_end(void);
static struct grf_watcher end_watcher = {
    .watch = wait_for_the_end,
    .wake = grf_end_wait_for_interruption,
};
/* Held, as nothing can be opened any more where we have confined ourselves. */
static DIR *own_threads;

/* linux/sched/types.h cannot be included with sched.h. */
struct scheduling {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t slice, deadline, period;
};

/* Of a thread (0: the calling one), without a change of its nice value. Kernels before 6.12 know
 * nothing of slices of one thread. */
static void set_class_of(pid_t thread, int policy, int priority)
{
	const struct sched_param parameters = {.sched_priority = priority};
	struct scheduling wanted = {
	    .size = sizeof(wanted),
	    .policy = (uint32_t)policy,
	    .nice = getpriority(PRIO_PROCESS, (id_t)thread),
	    .priority = (uint32_t)priority,
	    .slice = policy == SCHED_FIFO ? 0 : SLICE,
	};

	if (syscall(SYS_sched_setattr, thread, &wanted, 0))
		sched_setscheduler(thread, policy, &parameters);
}

static void set_class(int policy, int priority)
{
	set_class_of(0, policy, priority);
}

/* On Linux both are a thread's own. */
static void set_values(int nice, int io)
{
	setpriority(PRIO_PROCESS, 0, nice);
	syscall(SYS_ioprio_set, GRF_IO_WHO_THREAD, 0, io);
}

bool grf_priority_is_lowered(void)
{
	return lowered && !ends;
}

void grf_priority_usual(void)
{
	if (ends && grf_gave_up())
		return;
	set_class(SCHED_OTHER, 0);
	if (can_raise && low_nice != usual_nice)
		set_values(usual_nice, usual_io);
}

void grf_priority_low(void)
{
	if (ends) {
		grf_priority_usual();
		return;
	}
	if (!lowered) {
		set_class(SCHED_OTHER, 0);
		return;
	}
	set_class(SCHED_BATCH, 0);
	if (can_raise)
		set_values(low_nice, IO_BEST_EFFORT | IO_LOWEST);
}

void grf_priority_first(void)
{
	/* At once, and never by way of the usual class: there the target takes the CPU for a slice.
	 * The nice value has no meaning here, and stays (see above). */
	set_class(SCHED_FIFO, 1);
}

void grf_priority_for_good(void)
{
	if (!lowered || ends)
		return;
	set_class(SCHED_BATCH, 0);
	set_values(low_nice, IO_BEST_EFFORT | IO_LOWEST);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* A thread that was interrupted; if we give up for others' sake, who wait for the memory that we
 * have, it comes first. */
static void hurry_thread(pid_t thread, bool first)
{
	int class = sched_getscheduler(thread);

	/* It is first already, maybe while the target stands. */
	if (class == SCHED_FIFO)
		return;
	if (can_raise && low_nice != usual_nice) {
		setpriority(PRIO_PROCESS, (id_t)thread, usual_nice);
		syscall(SYS_ioprio_set, GRF_IO_WHO_THREAD, thread, usual_io);
	}
	if (first)
		set_class_of(thread, SCHED_FIFO, 1);
	else if (class == SCHED_BATCH)
		set_class_of(thread, SCHED_OTHER, 0);
}

static void raise_priority(bool first)
{
	pid_t thread;

	if (!own_threads)
		return;
	rewinddir(own_threads);
	while ((thread = grf_threads_next(own_threads)))
		hurry_thread(thread, first);
}

/*
 * What is left to be done after an interruption is to notice it and to come to an end. Who has a
 * low priority may need ten seconds of a busy machine for that. From a thread of its own, as the
 * others cannot raise themselves before they notice, and it takes more than a signal handler may.
 */
static void wait_for_the_end(void)
{
	grf_priority_first();
	grf_wait_for_interruption();
	if (!grf_interrupted())
		return;
	ends = true;
	/* One may lower its own right now. */
	while (!grf_watcher_leaves(&end_watcher)) {
		raise_priority(grf_gave_up());
		grf_watcher_rest(&end_watcher, HURRY_INTERVAL);
	}
}

void grf_priority_pause(void)
{
	grf_watcher_end(&end_watcher);
}

void grf_priority_resume(void)
{
	if (own_threads)
		grf_watcher_begin(&end_watcher);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void *try_to_raise(void *ret)
{
	bool *raised = ret;

	*raised =
	    !setpriority(PRIO_PROCESS, 0, low_nice) && !setpriority(PRIO_PROCESS, 0, usual_nice);
	return NULL;
}

void grf_priority_begin(int nice)
{
	pthread_t thread;
	long io;

	own_threads = opendir("/proc/self/task");
	grf_priority_resume();
	if (!nice)
		return;
	lowered = true;
	usual_nice = getpriority(PRIO_PROCESS, 0);
	io = syscall(SYS_ioprio_get, GRF_IO_WHO_THREAD, 0);
	usual_io = io > 0 ? (int)io : 0;
	low_nice = usual_nice + nice < 19 ? usual_nice + nice : 19;
	can_raise = false;
	if (!pthread_create(&thread, NULL, try_to_raise, &can_raise))
		pthread_join(thread, NULL);
	if (!can_raise)
		grf_verbose("priority can be lowered and not be raised again (CAP_SYS_NICE): it is "
			    "lowered when the process has been copied");
	grf_priority_low();
}

/* --- without privileges ----------------------------------------------------------------------- */

/* Raises a limit as far as `value`. False: it is lower, and stays so. */
static bool allow_limit(__rlimit_resource_t resource, rlim_t value)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit))
		return false;
	if (limit.rlim_cur >= value)
		return true;
	limit.rlim_cur = value;
	if (limit.rlim_max < value)
		limit.rlim_max = value;
	return !setrlimit(resource, &limit);
}

bool grf_priority_keep_way_back(struct grf_priority_usual *ret)
{
	bool by_limits;

	if (!own_threads)
		return false;
	*ret = (struct grf_priority_usual){usual_nice, usual_io, false};
	if (!lowered || !can_raise)
		return true;
	/* A nice value from 19 to -20 is a limit from 1 to 40. */
	by_limits = allow_limit(RLIMIT_NICE, (rlim_t)(20 - usual_nice));
	by_limits &= allow_limit(RLIMIT_RTPRIO, 1);
	ret->wants_sys_nice = !by_limits;
	return true;
}
