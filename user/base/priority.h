/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How urgent our threads are: low while the target runs, so that one that is short of CPUs loses
 * little, and first of all while it stands. Each call is for the calling thread, and for those that
 * it makes afterwards.
 */
#ifndef GRF_BASE_PRIORITY_H
#define GRF_BASE_PRIORITY_H

#include <stdbool.h>

/* IOPRIO_WHO_PROCESS of linux/ioprio.h, which means a thread. */
#define GRF_IO_WHO_THREAD 1

/*
 * At the start, before there are other threads: lowers the priority by `nice` (0: not at all), for
 * CPU and disk. Where it could not be raised again, that waits for grf_priority_for_good(). From
 * here on an interruption (base/log.h) raises what is low, for good.
 */
void grf_priority_begin(int nice);

/* Whether it was to be lowered. */
bool grf_priority_is_lowered(void);

/* While the target runs. */
void grf_priority_low(void);

/* As it was before; while we keep something that the target may have to wait for. */
void grf_priority_usual(void);

/* Before everybody else, where that is permitted, else as usual; for short work while the target
 * stands. */
void grf_priority_first(void);

/* Low, and from here on never to be raised again. */
void grf_priority_for_good(void);

/* Ends the thread that waits for an interruption, and begins it again: while there is but one. */
void grf_priority_pause(void);
void grf_priority_resume(void);

/* What an interruption raises threads to. */
struct grf_priority_usual {
	int nice, io;        /* as setpriority(2) and ioprio_set(2) take them */
	bool wants_sys_nice; /* and that takes CAP_SYS_NICE */
};

/**
 * Has the way back to the usual priority stay open for this process, where it is open now, by its
 * own limits (RLIMIT_NICE, RLIMIT_RTPRIO). Without CAP_SYS_RESOURCE, as in many containers, these
 * may be too low. False: nothing is to be raised, as grf_priority_begin() was not called.
 */
bool grf_priority_keep_way_back(struct grf_priority_usual *ret);

#endif
