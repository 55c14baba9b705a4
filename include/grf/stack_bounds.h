/* SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause) */
/* What bpf/stack_bounds.bpf.c writes for each goroutine, read by user/capture/stacks.c. */
#ifndef GRF_STACK_BOUNDS_H
#define GRF_STACK_BOUNDS_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/* Zero `high`: the goroutine has no stack, or it could not be read. */
struct grf_stack_bounds_record {
	__u64 g;
	__u64 low;
	__u64 high;
};

#endif
