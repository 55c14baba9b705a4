/* SPDX-License-Identifier: BSD-2-Clause */
/* Long work in small steps, with rests where others want the CPUs; see pace.c. */
#ifndef GRF_BASE_PACE_H
#define GRF_BASE_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* The CPUs that the calling thread may be on; 1 where that cannot be told. */
unsigned int grf_available_processors(void);

/* Of one thread. */
struct grf_pace {
	uint64_t time, used; /* at the last step: grf_now(), and CPU time of the thread; ns */
	uint64_t tenths;     /* how long to rest; of the CPU time that a step took */
	bool rested;
};

/* Before the first step, in the thread that takes them. */
void grf_pace_begin(struct grf_pace *pace);

/* How long to rest after a step that took so long, of which so much was CPU time of the thread. All
 * in nanoseconds. 0: the thread had the CPU when it wanted it, or the priority is not lowered. */
uint64_t grf_pace_rest(const struct grf_pace *pace, uint64_t took, uint64_t used);

/* After each step, with nothing held that others may wait for: rests if the CPU was not ours alone,
 * unless the priority is not lowered (grf_priority_begin()). An interruption ends the rest. */
void grf_pace_keep(struct grf_pace *pace);

#endif
