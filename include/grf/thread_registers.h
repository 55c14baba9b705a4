/* SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause) */
/* What bpf/thread_registers.bpf.c writes for each thread, read by user/capture/probes/registers.c.
 */
#ifndef GRF_THREAD_REGISTERS_H
#define GRF_THREAD_REGISTERS_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/* The words of struct pt_regs on x86-64: the first 21 of user_regs_struct, in the same order. */
#define GRF_PT_REGS_WORDS 21

struct grf_thread_registers {
	__s32 tid;         /* in the PID namespace of grf-bpf */
	__u32 kernel_tgid; /* the process, as the first PID namespace numbers it */
	__u32 on_cpu;      /* it runs just now: what follows is not what it has */
	__u32 reserved;
	__u64 fs_base; /* on amd64 the TLS base */
	__u64 gs_base;
	__u16 ds;
	__u16 es;
	__u16 fs;
	__u16 gs;
	__u64 words[GRF_PT_REGS_WORDS];
};

#endif
