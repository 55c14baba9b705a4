/* SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause) */
/*
 * What bpf/goroutine_records.bpf.c writes for each goroutine at the stop. User space makes the same
 * of the target's memory where eBPF cannot read it, and the model reads it from the image.
 */
#ifndef GRF_GOROUTINE_RECORDS_H
#define GRF_GOROUTINE_RECORDS_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/* So many bytes are read of a g. Every field of a record lies in them (Go 1.17 to 1.27). */
#define GRF_G_BYTES 256u

/* No stack is larger: Go's own limit on 64-bit systems is 1 GB (maxstacksize in runtime/stack.go).
 */
#define GRF_MAX_STACK_BYTES (1ull << 33)
/* There are fewer goroutines. */
#define GRF_MAX_GOROUTINES (1ull << 24)

/* What a goroutine is doing (atomicstatus in runtime/runtime2.go, Go 1.17 to 1.27). */
enum grf_goroutine_status {
	GRF_G_IDLE = 0,
	GRF_G_RUNNABLE = 1,
	GRF_G_RUNNING = 2,
	GRF_G_SYSCALL = 3,
	GRF_G_WAITING = 4,
	GRF_G_DEAD = 6,
	GRF_G_COPYSTACK = 8,
	GRF_G_PREEMPTED = 9,
	GRF_G_LEAKED = 10, /* waiting, and found to be stuck by the collector: from Go 1.26 on */
	GRF_G_DEAD_EXTRA = 11,
	GRF_G_LAST_STATUS = 11,
	GRF_G_SCAN_BIT = 0x1000, /* beside one of them: its stack is being scanned */
};

/* The field of a record that a release has no counterpart of. */
#define GRF_G_NO_FIELD 0xffffu

/* Where in a runtime.g the fields of a record are; bytes. `status` has 4 bytes, all others 8. */
struct grf_goroutine_fields {
	__u16 status, id;
	__u16 low, high;
	__u16 sp, pc, bp;
	__u16 syscall_sp, syscall_pc, syscall_bp;
};

/* A goroutine as its runtime.g (runtime/runtime2.go) has it: where its stack is and where in it the
 * goroutine stood when it last gave up its thread, or went into a system call. */
struct grf_goroutine_record {
	__u64 g;      /* address of the runtime.g; 0: it could not be read */
	__u64 status; /* atomicstatus, with the scan bit */
	__u64 id;
	__u64 low, high;                          /* of its stack */
	__u64 sp, pc, bp;                         /* g.sched */
	__u64 syscall_sp, syscall_pc, syscall_bp; /* 0: it is in no system call */
};

/* A word of the first GRF_G_BYTES of a g; 0: no field of this release. */
static inline __u64 grf_g_word(const __u8 *g, __u16 offset)
{
#ifdef __bpf__
	return offset > GRF_G_BYTES - 8 ? 0 : *(const __u64 *)(g + (offset & (GRF_G_BYTES - 8)));
#else
	__u64 word = 0;

	if (offset <= GRF_G_BYTES - 8)
		__builtin_memcpy(&word, g + offset, sizeof(word));
	return word;
#endif
}

/* The record of the g at `address`, whose first GRF_G_BYTES are at `g`. */
static inline void grf_goroutine_record_make(const volatile struct grf_goroutine_fields *fields,
					     __u64 address, const __u8 *g,
					     struct grf_goroutine_record *ret)
{
	ret->g = address;
	ret->status = grf_g_word(g, fields->status) & 0xffffffff;
	ret->id = grf_g_word(g, fields->id);
	ret->low = grf_g_word(g, fields->low);
	ret->high = grf_g_word(g, fields->high);
	ret->sp = grf_g_word(g, fields->sp);
	ret->pc = grf_g_word(g, fields->pc);
	ret->bp = grf_g_word(g, fields->bp);
	ret->syscall_sp = grf_g_word(g, fields->syscall_sp);
	ret->syscall_pc = grf_g_word(g, fields->syscall_pc);
	ret->syscall_bp = grf_g_word(g, fields->syscall_bp);
}

#endif
