// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Takes the stack bounds of every goroutine of one process.
 *
 * A sleepable task iterator, run for the first thread of the process: sleepable, because it reads
 * the target's memory with bpf_copy_from_user_task(), which may have to wait for a page. It walks
 * runtime.allgs (a slice of pointers to runtime.g; runtime/proc.go) and reads the two words of
 * g.stack of each. Needs Linux 5.18, which has bpf_loop() as well.
 *
 * Every pointer here comes from the target. A wrong one makes the copy fail and nothing else; the
 * number of rounds is bounded by the size of the map.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "grf/stack_bounds.h"

#define POINTERS_AT_A_TIME 32

/* Set before loading: the address of the slice runtime.allgs, and the offset of stack in g. */
const volatile __u64 allgs_address;
const volatile __u64 g_stack_offset;

/* How many goroutines the slice held, and how many elements of `bounds` are filled. */
__u64 goroutines;
__u64 taken;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set before loading */
	__type(key, __u32);
	__type(value, struct grf_stack_bounds_record);
} bounds SEC(".maps");

struct walk {
	struct task_struct *task;
	__u64 array; /* of the slice */
	__u64 length;
};

static __always_inline void take_one(struct task_struct *task, __u32 index, __u64 g)
{
	struct grf_stack_bounds_record *record = bpf_map_lookup_elem(&bounds, &index);
	__u64 stack[2];

	if (!record)
		return;
	record->g = g;
	record->high = 0;
	if (bpf_copy_from_user_task(stack, sizeof(stack), (void *)(g + g_stack_offset), task, 0))
		return;
	record->low = stack[0];
	record->high = stack[1];
}

static long take_some(__u32 round, struct walk *walk)
{
	__u64 first = (__u64)round * POINTERS_AT_A_TIME;
	__u64 pointers[POINTERS_AT_A_TIME] = {};
	__u64 count = walk->length - first;
	struct task_struct *task = walk->task;
	int i;

	if (first >= walk->length || !task)
		return 1;
	if (count > POINTERS_AT_A_TIME)
		count = POINTERS_AT_A_TIME;
	if (bpf_copy_from_user_task(pointers, count * sizeof(pointers[0]),
				    (void *)(walk->array + first * sizeof(pointers[0])), task, 0))
		return 1;
	for (i = 0; i < POINTERS_AT_A_TIME; i++) {
		if (i >= count)
			break;
		take_one(task, first + i, pointers[i]);
	}
	taken = first + count;
	return 0;
}

SEC("iter.s/task")
int stack_bounds(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct walk walk = {.task = task};
	__u64 slice[2];

	if (!task || task->pid != task->tgid)
		return 0;
	if (bpf_copy_from_user_task(slice, sizeof(slice), (void *)allgs_address, task, 0))
		return 0;
	walk.array = slice[0];
	walk.length = slice[1];
	goroutines = walk.length;
	bpf_loop((__u32)1 << 23, take_some, &walk, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
