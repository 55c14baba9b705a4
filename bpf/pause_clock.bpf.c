// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Measures the pause of one process from inside the kernel.
 *
 * What a process feels of being held is the time that its threads cannot run. A thread that a
 * tracer stops sets its state to traced and gives up its CPU; after the tracer let it go it is put
 * on a CPU again. Both are context switches, so one program on the scheduler's switch tells them
 * all:
 *
 *   first_stop    the first thread of the target leaves its CPU in the traced state
 *   last_stop     the last one does: from here on nothing of the target runs
 *   last_running  the last of the stopped threads is back on a CPU
 *
 * The pause is last_running - first_stop. It counts in what no clock in the tracer can see: the way
 * from the stop to the tracer's notice of it, and from the release to the thread's first
 * instruction, waiting for a free CPU included.
 *
 * The tracepoint needs BTF but neither kprobes nor tracefs. It costs the system a compare or two
 * for each context switch while it is attached, which is from just before the stop to just after.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "grf/pause_clock.h"

#define TRACED 0x8 /* __TASK_TRACED, include/linux/sched.h */

/* The process as the first PID namespace numbers it; 0: not yet. Set by user space. */
__u32 target_tgid;

struct grf_pause_clock clock;

/* The threads that were seen to stop; the value is 1 until they run again. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1); /* set before loading */
	__type(key, __u32);
	__type(value, __u32);
} held SEC(".maps");

static __always_inline void left_cpu(struct task_struct *task, __u64 now)
{
	__u32 tid = task->pid, yes = 1;

	if (!(task->__state & TRACED) || bpf_map_update_elem(&held, &tid, &yes, BPF_ANY))
		return;
	__sync_val_compare_and_swap(&clock.first_stop, 0, now);
	clock.last_stop = now;
	__sync_fetch_and_add(&clock.stopped, 1);
}

static __always_inline void came_on_cpu(struct task_struct *task, __u64 now)
{
	__u32 tid = task->pid;
	__u32 *waits = bpf_map_lookup_elem(&held, &tid);

	if (!waits || !*waits)
		return;
	*waits = 0;
	clock.last_running = now;
	__sync_fetch_and_add(&clock.running, 1);
}

/* Which CPUs the process is on. */
static __always_inline void note_cpu(bool was_on, bool is_on)
{
	__u32 cpu = bpf_get_smp_processor_id();

	if (cpu >= 64 || was_on == is_on)
		return;
	if (is_on)
		__sync_fetch_and_or(&clock.on_cpu, 1ull << cpu);
	else
		__sync_fetch_and_and(&clock.on_cpu, ~(1ull << cpu));
}

SEC("tp_btf/sched_switch")
int BPF_PROG(note_switch, bool preempt, struct task_struct *previous, struct task_struct *next)
{
	__u32 target = target_tgid;

	if (!target)
		return 0;
	if (previous->tgid == target)
		left_cpu(previous, bpf_ktime_get_ns());
	if (next->tgid == target)
		came_on_cpu(next, bpf_ktime_get_ns());
	note_cpu(previous->tgid == target, next->tgid == target);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
