// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Takes a record of every goroutine of one process: its status, the bounds of its stack, and the
 * registers that it left in its g.
 *
 * A sleepable task iterator, run for the first thread of the process: sleepable, because it reads
 * the target's memory with bpf_copy_from_user_task(), which may have to wait for a page. It walks
 * runtime.allgs (a slice of pointers to runtime.g; runtime/proc.go). Needs Linux 5.18, which has
 * bpf_loop() as well.
 *
 * What a read costs is finding the page, not the bytes. The runtime allocates gs in spans of 8 KiB,
 * some 18 in each, and a program that starts many goroutines has them side by side. So such blocks
 * are read as a whole where the next g lies in the same one, and a few of them are kept: several
 * processors of the runtime fill blocks at the same time.
 *
 * Every pointer here comes from the target. A wrong one makes the copy fail and nothing else; the
 * number of rounds is bounded by the size of the map.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "grf/goroutine_records.h"

#define POINTERS_AT_A_TIME 32
#define BLOCK_SHIFT        13
#define BLOCK_BYTES        (1u << BLOCK_SHIFT)
#define BLOCKS             8u     /* a power of two */
#define SINGLE             BLOCKS /* the last one has a single g */

/* Set before loading: the address of the slice runtime.allgs, and the layout of g. */
const volatile __u64 allgs_address;
const volatile struct grf_goroutine_fields fields;

/* How many goroutines the slice held, and how many elements of `records` are filled; for each run.
 */
__u64 goroutines;
__u64 taken;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set before loading */
	__type(key, __u32);
	__type(value, struct grf_goroutine_record);
} records SEC(".maps");

/* Of the target's memory. `address` 0: none. */
struct block {
	__u64 address;
	__u8 bytes[BLOCK_BYTES];
	__u8 beyond[GRF_G_BYTES]; /* so that what is read at any place in it is in it */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BLOCKS + 1);
	__type(key, __u32);
	__type(value, struct block);
} blocks SEC(".maps");

struct walk {
	struct task_struct *task;
	__u64 array; /* of the slice */
	__u64 length;
};

/* The block that `g` lies in, if it is at hand or `worth` reading. */
static __always_inline struct block *find_block(struct task_struct *task, __u64 g, bool worth)
{
	__u64 address = g & ~(__u64)(BLOCK_BYTES - 1);
	__u32 index = (g >> BLOCK_SHIFT) & (BLOCKS - 1);
	struct block *block = bpf_map_lookup_elem(&blocks, &index);

	if (!block)
		return NULL;
	if (block->address == address)
		return block;
	if (!worth)
		return NULL;
	block->address = 0;
	if (bpf_copy_from_user_task(block->bytes, BLOCK_BYTES, (void *)address, task, 0))
		return NULL;
	block->address = address;
	return block;
}

static __always_inline void take_one(struct task_struct *task, __u32 index, __u64 g, __u64 next)
{
	struct grf_goroutine_record *record = bpf_map_lookup_elem(&records, &index);
	bool crosses = (g & (BLOCK_BYTES - 1)) > BLOCK_BYTES - GRF_G_BYTES;
	struct block *block = NULL;
	__u32 single = SINGLE;

	if (!record)
		return;
	record->g = 0;
	if (!crosses)
		block = find_block(task, g, g >> BLOCK_SHIFT == next >> BLOCK_SHIFT);
	if (block) {
		grf_goroutine_record_make(&fields, g, block->bytes + (g & (BLOCK_BYTES - 8)),
					  record);
	} else {
		block = bpf_map_lookup_elem(&blocks, &single);
		if (!block ||
		    bpf_copy_from_user_task(block->bytes, GRF_G_BYTES, (void *)g, task, 0))
			return;
		grf_goroutine_record_make(&fields, g, block->bytes, record);
	}
}

static long take_some(__u32 round, struct walk *walk)
{
	__u64 first = (__u64)round * POINTERS_AT_A_TIME;
	__u64 pointers[POINTERS_AT_A_TIME + 1] = {};
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
		take_one(task, first + i, pointers[i], pointers[i + 1]);
	}
	taken = first + count;
	return 0;
}

/* What was read at an earlier run is old. */
static __always_inline void forget_blocks(void)
{
	struct block *block;
	__u32 index;

	for (index = 0; index < BLOCKS; index++) {
		block = bpf_map_lookup_elem(&blocks, &index);
		if (block)
			block->address = 0;
	}
}

SEC("iter.s/task")
int goroutine_records(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct walk walk = {.task = task};
	__u64 slice[2];

	if (!task || task->pid != task->tgid)
		return 0;
	goroutines = taken = 0;
	forget_blocks();
	if (bpf_copy_from_user_task(slice, sizeof(slice), (void *)allgs_address, task, 0))
		return 0;
	walk.array = slice[0];
	walk.length = slice[1];
	goroutines = walk.length;
	bpf_loop((__u32)1 << 23, take_some, &walk, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
