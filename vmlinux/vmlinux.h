/* SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause) */
/*
 * The kernel types that the eBPF programs look into, and of each only the fields that they read.
 *
 * Offsets are not those of any kernel: preserve_access_index makes the compiler record every access
 * by name, and libbpf puts in the offsets of the running kernel from its BTF at load time (CO-RE).
 * A name here must therefore be the kernel's name; order and missing neighbours do not matter.
 */
#ifndef GRF_VMLINUX_H
#define GRF_VMLINUX_H

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef _Bool bool;

/* bpf/bpf_helper_defs.h names these in prototypes. */
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

/* From the kernel's user interface, linux/bpf.h. */
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum {
	BPF_ANY = 0,
	BPF_RB_FORCE_WAKEUP = 2,
	BPF_F_NO_PREALLOC = 1,
	BPF_F_MMAPABLE = 1024,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
};

/* The same, linux/bpf_perf_event.h, for x86-64. */
struct bpf_perf_event_data {
	unsigned long regs[21];
	__u64 sample_period;
	__u64 addr;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct pid_namespace {
	struct ns_common ns;
};

/* The number of a process in one of the PID namespaces that it is visible in. */
struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level; /* of the innermost namespace; numbers[] has level + 1 elements */
	struct upid numbers[1];
};

/* arch/x86/include/asm/processor.h */
struct thread_struct {
	unsigned short es;
	unsigned short ds;
	unsigned short fsindex;
	unsigned short gsindex;
	unsigned long fsbase;
	unsigned long gsbase;
};

struct counter {
	long counter;
};

/* Not so with CONFIG_PREEMPT_RT. */
struct rw_semaphore {
	struct counter count; /* 0: nobody holds it */
};

struct mm_struct {
	struct rw_semaphore mmap_lock;
};

/* arch/x86/include/asm/ptrace.h */
struct pt_regs {
	unsigned long orig_ax; /* the number of a system call; -1 in an exception */
	unsigned long ip;
};

struct task_struct {
	unsigned int __state;
	int on_cpu; /* kernels for one CPU alone have none */
	int pid;  /* a thread's number, in the first namespace */
	int tgid; /* a process's */
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct mm_struct *mm;
	struct thread_struct thread;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

#endif
