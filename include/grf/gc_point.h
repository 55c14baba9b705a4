/* SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause) */
/* What bpf/gc_point.bpf.c and user/hold/gc_point.c tell each other, in memory that both see. */
#ifndef GRF_GC_POINT_H
#define GRF_GC_POINT_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/* Every change is a compare-and-swap, so that each side knows whether it came first. */
enum grf_gc_point_state {
	GRF_GC_POINT_IDLE,     /* a thread that comes by goes on */
	GRF_GC_POINT_ARMED,    /* by user space: the next thread that comes by is to be held */
	GRF_GC_POINT_HELD,     /* by the program: a thread waits in it */
	GRF_GC_POINT_RELEASED, /* by user space: that thread may go on */
	GRF_GC_POINT_EXPIRED,  /* by the program: it waited long enough and went on */
};

struct grf_gc_point {
	__u32 state;
	__u32 reserved;
	__u64 hit;   /* CLOCK_MONOTONIC ns of the moment when a thread came by */
	__u64 limit; /* ns for which the program waits at most */
};

#endif
