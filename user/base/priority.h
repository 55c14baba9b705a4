/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How urgent our threads are: low while the target runs, so that one that is short of CPUs loses
 * little, and first of all while it stands. Each call is for the calling thread, and for those that
 * it makes afterwards.
 */
#ifndef GRF_BASE_PRIORITY_H
#define GRF_BASE_PRIORITY_H

/* At the start, before there are other threads: lowers the priority by `nice` (0: not at all), for
 * CPU and disk. Where it could not be raised again, that waits for grf_priority_for_good(). */
void grf_priority_begin(int nice);

/* While the target runs. */
void grf_priority_low(void);

/* As it was before; while we keep something that the target may have to wait for. */
void grf_priority_usual(void);

/* Before everybody else, where that is permitted, else as usual; for short work while the target
 * stands. */
void grf_priority_first(void);

/* Low, and from here on never to be raised again. */
void grf_priority_for_good(void);

/* All our threads first, where that is permitted, and for good: what is left is to come to an end,
 * and others wait for the memory that we have. May be called from any thread. */
void grf_priority_hurry(void);

#endif
