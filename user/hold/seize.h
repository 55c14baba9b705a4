/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared inside the stage: becoming the tracer of a thread, with a way out; see seize.c. */
#ifndef GRF_HOLD_SEIZE_H
#define GRF_HOLD_SEIZE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Of one of our threads at a time. */
struct grf_seizer {
	timer_t timer;
	bool armed;
};

/*
 * From here to grf_seizer_stop() the calling thread may seize threads. It does so for `limit` ns at
 * most, all in all; `persistent`: an interruption of the tool is no reason to end before. Takes
 * some microseconds, and no time for each thread that is seized. Where the system has no timer
 * left, there is no limit.
 */
void grf_seizer_start(struct grf_seizer *seizer, uint64_t limit, bool persistent);
void grf_seizer_stop(struct grf_seizer *seizer);

/*
 * Makes the calling thread the tracer of thread `tid` (PTRACE_SEIZE, PTRACE_O_TRACESYSGOOD).
 * Returns 0, or an errno: that of ptrace(2), EINTR where the time is over or the tool was
 * interrupted. In between, traced threads that ended may be reaped: wait(2) no longer knows them
 * then.
 */
int grf_seize(pid_t tid);

#endif
