/* SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause) */
/* What bpf/pause_clock.bpf.c measures, read by user/capture/probes/pause.c while it goes on. */
#ifndef GRF_PAUSE_CLOCK_H
#define GRF_PAUSE_CLOCK_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/* Nanoseconds of CLOCK_MONOTONIC; 0: has not happened. */
struct grf_pause_clock {
	__u64 first_stop;   /* the first thread left its CPU, held by a tracer */
	__u64 last_stop;    /* the last one did */
	__u64 last_running; /* the last of them came back on a CPU */
	__u64 stopped;      /* threads that were seen to stop */
	__u64 running;      /* those of them that were seen to run again */
	__u64 on_cpu;       /* bit c: a thread of the process is on CPU c; of the first 64 */
};

#endif
