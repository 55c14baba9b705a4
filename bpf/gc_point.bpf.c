// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Holds a Go process at the end of a garbage collection's mark phase.
 *
 * A uprobe at the beginning of runtime.gcSweep. The thread that comes there has stopped Go's world
 * itself, marking is complete, nothing is swept yet. The program says so to user space and keeps
 * the thread here, going round in circles, until user space has asked every thread to stop; then it
 * lets go, and the thread stops before its next instruction.
 *
 * Waiting here rather than stopping the thread by a signal has two reasons. No thread need be
 * traced while a collection is awaited, which may take minutes: a traced thread stops for each
 * signal, and Go preempts goroutines with signals. And nothing can be left behind: if user space
 * dies or does not get a CPU, the wait ends by itself after some milliseconds.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include "grf/gc_point.h"

/* Rounds are bounded by the time; this bounds them where the clock would stand still. */
#define MAX_ROUNDS (1u << 23)

/* Set before loading: the process as the first PID namespace numbers it; 0: any. */
const volatile __u32 target_tgid;

struct grf_gc_point point;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

static long wait_round(__u32 round, void *context)
{
	const volatile __u32 *state = &point.state;

	if (*state != GRF_GC_POINT_HELD)
		return 1;
	return bpf_ktime_get_ns() - point.hit > point.limit;
}

SEC("uprobe")
int gc_point(struct pt_regs *registers)
{
	__u64 hit;

	if (target_tgid && bpf_get_current_pid_tgid() >> 32 != target_tgid)
		return 0;
	if (point.state != GRF_GC_POINT_ARMED)
		return 0;
	hit = bpf_ktime_get_ns();
	if (__sync_val_compare_and_swap(&point.state, GRF_GC_POINT_ARMED, GRF_GC_POINT_HELD) !=
	    GRF_GC_POINT_ARMED)
		return 0;
	point.hit = hit;
	bpf_ringbuf_output(&events, &hit, sizeof(hit), BPF_RB_FORCE_WAKEUP);
	bpf_loop(MAX_ROUNDS, wait_round, NULL, 0);
	__sync_val_compare_and_swap(&point.state, GRF_GC_POINT_HELD, GRF_GC_POINT_EXPIRED);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
