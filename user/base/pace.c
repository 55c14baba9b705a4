/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Low priority does not keep work from costing others. Where threads that are short of CPUs sleep
 * and wake thousands of times a second, each of their short absences is a turn for us, after which
 * they find cold caches, and wait until we are seen off; in a control group of our own, as a
 * service or a container, we are not weighed against theirs at all; and two CPUs can be one core.
 * A server that used all of two CPUs lost a quarter of its throughput to one of our threads with a
 * nice value of 15.
 *
 * What is asked of us is to take little at a time rather than little in all. So who had to wait
 * for a CPU, and so is in somebody's way, takes a sixteenth of all CPUs at the most: it rests
 * for a multiple of the CPU time that its last step took.
 */
#include "base/pace.h"

#include <sched.h>
#include <time.h>

#include "base/log.h"
#include "base/priority.h"

/* Of all CPUs, in a system that is short of them: one in so many. */
#define SHARE 16u
/* Who waited for longer than this part of the CPU time of a step was in somebody's way. */
#define WAITED 4u
/* The longest rest; ns. */
#define LONGEST 1000000000u
/* After which an interruption is seen at the latest; ns. */
#define PART 20000000u

static uint64_t thread_time(void)
{
	struct timespec time;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time))
		return 0;
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

unsigned int grf_available_processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return CPU_COUNT(&set) > 0 ? (unsigned int)CPU_COUNT(&set) : 1;
}

void grf_pace_begin(struct grf_pace *pace)
{
	unsigned int cpus = grf_available_processors();

	pace->rested = false;
	pace->tenths = cpus < SHARE ? SHARE * 10 / cpus - 10 : 0;
	pace->time = grf_now();
	pace->used = thread_time();
}

/* In short parts, as nobody sends a signal where we give up of our own accord. */
static void rest_for(uint64_t time)
{
	uint64_t end = grf_now() + time;

	for (uint64_t now = grf_now(); now < end && !grf_interrupted(); now = grf_now())
		nanosleep(
		    &(struct timespec){.tv_nsec = (long)(end - now < PART ? end - now : PART)},
		    NULL);
}

uint64_t grf_pace_rest(const struct grf_pace *pace, uint64_t took, uint64_t used)
{
	uint64_t rest = used / 10 * pace->tenths;

	if (!grf_priority_is_lowered() || took <= used || took - used <= used / WAITED)
		return 0;
	return rest < LONGEST ? rest : LONGEST;
}

void grf_pace_keep(struct grf_pace *pace)
{
	uint64_t rest = grf_pace_rest(pace, grf_now() - pace->time, thread_time() - pace->used);

	if (rest && !pace->rested)
		grf_verbose("CPUs are short: copying takes no more than a part of them "
			    "(--nice 0: what it can get)");
	pace->rested |= rest > 0;
	rest_for(rest);
	pace->time = grf_now();
	pace->used = thread_time();
}
