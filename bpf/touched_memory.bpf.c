// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Notes in which parts of a process's memory pages became writable.
 *
 * Under write protection the first write to a page is a page fault, and the page tables then say
 * that the page was written to. To read that of all pages takes time that grows with the process;
 * most of them were not written to since they were looked at last. So these programs note, for each
 * chunk of 2 MiB, whether there was a fault in it, and only chunks with one need be looked at.
 *
 * Faults. A page becomes writable between the beginning and the end of a fault, and as soon as it
 * is, all threads can write to it. A chunk therefore counts as touched from before the fault on:
 * while faults are in it, which are counted, and after that until user space takes the mark away,
 * which it does before it looks at the chunk's pages. The tracepoints of exceptions tell when a
 * fault begins, the software events of perf that it is done. One that fails is never done: its
 * chunk, if it is one at all, counts as touched for good.
 *
 * Everything else sets one flag for all chunks. Others than the process's own code can have faults
 * in it (ptrace, direct I/O), and mappings can be changed: all that is done under the mmap_lock,
 * which has tracepoints; who holds it still is seen by a look at it. And memory can be discarded,
 * by which the process's resident set becomes smaller, which has a tracepoint too.
 *
 * What a fault itself does of all this is not meant. A lock that was taken, a fault that was done,
 * the lock given back, by one thread in that order: that is a fault's, since nobody who has the
 * lock for something else has faults on that mm that count as done. And the resident set becomes
 * larger in a fault: a thread that is in one in its own code is known by what the exception left on
 * its kernel's stack, which no system call leaves there.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "grf/touched_memory.h"

/* Set before find_process runs: the process as the first PID namespace numbers it; 0: the reader.
 */
__u32 target_tgid;

struct grf_touched_memory memory;

enum lock_state {
	NOT_LOCKED,
	LOCKED,
	LOCKED_BY_FAULT,
};

/* Of a thread. */
struct progress {
	__u64 ip; /* of the last fault of its own code */
	__u32 in; /* 1: that is not done */
	__u32 lock;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct progress);
} threads SEC(".maps");

static __always_inline bool is_process(struct task_struct *task)
{
	return memory.mm && (__u64)task->mm == memory.mm;
}

static __always_inline __u32 *chunk_of(unsigned long address)
{
	return &memory.chunks[(address >> GRF_CHUNK_SHIFT) & (GRF_CHUNK_WORDS - 1)];
}

static __always_inline struct progress *progress_of(struct task_struct *task)
{
	return bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(fault_begins, unsigned long address, struct pt_regs *registers)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct progress *thread;

	if (!is_process(task))
		return 0;
	__sync_fetch_and_add(chunk_of(address), GRF_CHUNK_FAULT);
	thread = progress_of(task);
	if (!thread)
		return 0;
	thread->ip = registers->ip;
	thread->in = 1;
	return 0;
}

/* The same in the kernel: in a system call, or on the way back from it. */
SEC("tp_btf/page_fault_kernel")
int BPF_PROG(kernel_fault_begins, unsigned long address)
{
	/* Addresses of the kernel are negative. */
	if ((long)address >= 0 && is_process(bpf_get_current_task_btf()))
		__sync_fetch_and_add(chunk_of(address), GRF_CHUNK_FAULT);
	return 0;
}

/* For the events of minor and of major faults. */
SEC("perf_event")
int fault_ends(struct bpf_perf_event_data *context)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 *chunk = chunk_of(context->addr);
	struct progress *thread;

	if (!is_process(task))
		return 0;
	__sync_fetch_and_or(chunk, GRF_CHUNK_TOUCHED);
	/* One that began before we did is not counted. */
	if (*(volatile __u32 *)chunk >= GRF_CHUNK_FAULT)
		__sync_fetch_and_add(chunk, -GRF_CHUNK_FAULT);
	thread = progress_of(task);
	if (!thread)
		return 0;
	thread->in = 0;
	if (thread->lock == LOCKED)
		thread->lock = LOCKED_BY_FAULT;
	return 0;
}

/* Whether something is about the process, and not by one who only reads. */
static __always_inline bool memory_matters(struct mm_struct *mm, struct task_struct *task)
{
	return memory.mm && (__u64)mm == memory.mm && task->tgid != memory.reader;
}

/* Also called when it was not acquired, which does no harm. */
SEC("tp_btf/mmap_lock_acquire_returned")
int BPF_PROG(lock_acquired, struct mm_struct *mm)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct progress *thread;

	if (!memory_matters(mm, task) || !is_process(task))
		return 0;
	thread = progress_of(task);
	if (thread)
		thread->lock = LOCKED;
	return 0;
}

SEC("tp_btf/mmap_lock_released")
int BPF_PROG(lock_released, struct mm_struct *mm)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct progress *thread;

	if (!memory_matters(mm, task))
		return 0;
	thread = is_process(task) ? progress_of(task) : NULL;
	if (!thread || thread->lock != LOCKED_BY_FAULT)
		memory.disturbed = 1;
	if (thread)
		thread->lock = NOT_LOCKED;
	return 0;
}

/* An exception has no number of a system call. */
static __always_inline bool is_in_fault(struct task_struct *task)
{
	struct progress *thread = progress_of(task);
	struct pt_regs *registers = (struct pt_regs *)bpf_task_pt_regs(task);

	return thread && thread->in && BPF_CORE_READ(registers, ip) == thread->ip &&
	       (long)BPF_CORE_READ(registers, orig_ax) == -1;
}

SEC("tp_btf/rss_stat")
int BPF_PROG(size_changed, struct mm_struct *mm)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (memory_matters(mm, task) && (!is_process(task) || !is_in_fault(task)))
		memory.disturbed = 1;
	return 0;
}

/* Finds the process. Called in the task that reads, for each task there is. */
SEC("iter/task")
int find_process(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task, *self = bpf_get_current_task_btf();

	memory.self = self->tgid;
	if (!target_tgid)
		memory.mm = (__u64)self->mm;
	else if (task && task->tgid == target_tgid && task->mm)
		memory.mm = (__u64)task->mm;
	return 0;
}

/* Run by user space: whether somebody holds the lock. */
SEC("syscall")
int look_at_lock(void *context)
{
	struct mm_struct *mm = (struct mm_struct *)memory.mm;
	long count = 1;

	if (bpf_core_field_exists(mm->mmap_lock.count))
		bpf_core_read(&count, sizeof(count), &mm->mmap_lock.count);
	memory.lock_held = count;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
