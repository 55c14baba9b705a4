// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Takes the registers and the TLS base of every thread of one process.
 *
 * A task iterator: user space reads from its descriptor, and the kernel calls the program for each
 * task, which writes a record. One read takes all threads in some microseconds, where ptrace needs
 * calls for each of them. A thread's user registers lie on its kernel stack from the moment it
 * entered the kernel; they are valid while it is in there, and so is the saved fs base once it has
 * left its CPU. Whether it has is told for each; the reader makes sure that no thread can go back
 * to its own code meanwhile (hold/hold.c).
 *
 * From Linux 6.1 on the kernel itself limits the walk to one process. Before, it walks all tasks
 * and this program passes over the others. Numbers are compared in the reader's PID namespace,
 * which need not be the first one (a container).
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "grf/thread_registers.h"

#define NAMESPACE_LEVELS 33 /* the kernel nests 32 deep, include/linux/pid_namespace.h */

/* Set before loading: the process, and the PID namespace in which it has that number. */
const volatile __s32 target_pid;
const volatile __u32 namespace_inode;

/* The number of `task` in the reader's namespace, 0 where it is not visible there. */
static __always_inline __s32 number_of(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	unsigned int level, i;
	struct upid number;

	if (!pid)
		return 0;
	level = BPF_CORE_READ(pid, level);
	/* From the innermost outwards: mostly the first one is it. */
	for (i = 0; i < NAMESPACE_LEVELS && i <= level; i++) {
		if (bpf_core_read(&number, sizeof(number), &pid->numbers[level - i]))
			return 0;
		if (BPF_CORE_READ(number.ns, ns.inum) == namespace_inode)
			return number.nr;
	}
	return 0;
}

SEC("iter/task")
int thread_registers(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct grf_thread_registers record = {};

	if (!task || number_of(BPF_CORE_READ(task, group_leader)) != target_pid)
		return 0;
	record.tid = number_of(task);
	record.kernel_tgid = task->tgid;
	/* On a single CPU it is we who run. */
	record.on_cpu = bpf_core_field_exists(task->on_cpu) ? task->on_cpu : 0;
	record.fs_base = task->thread.fsbase;
	record.gs_base = task->thread.gsbase;
	record.ds = task->thread.ds;
	record.es = task->thread.es;
	record.fs = task->thread.fsindex;
	record.gs = task->thread.gsindex;
	if (bpf_probe_read_kernel(record.words, sizeof(record.words),
				  (void *)bpf_task_pt_regs(task)))
		return 0;
	bpf_seq_write(context->meta->seq, &record, sizeof(record));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
