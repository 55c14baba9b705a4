/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame that rt_sigreturn(2) restores a thread from (arch/x86/include/uapi/asm/sigcontext.h and
 * ucontext.h of Linux): every register, the extended state, the signal mask.
 */
#ifndef GRF_HOLD_SIGNAL_FRAME_H
#define GRF_HOLD_SIGNAL_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/user.h>

/* The largest extended state that is dealt with; AMX has 11 KiB. */
#define GRF_MAX_EXTENDED_STATE 16384

/* A thread's state at a stop. */
struct grf_thread_state {
	struct user_regs_struct registers;
	uint64_t signal_mask;
	uint8_t extended[GRF_MAX_EXTENDED_STATE]; /* NT_X86_XSTATE of ptrace(2) */
	size_t extended_size;
};

/* What is to be written to the thread's memory: `bytes`, at `address`. */
struct grf_signal_frame {
	uint64_t address;
	uint64_t stack_pointer; /* the thread's, so that its next `ret` goes to sigreturn */
	size_t size;
	uint8_t bytes[GRF_MAX_EXTENDED_STATE + 1024];
};

/* How the kernel would go on with the system call that the thread was interrupted in. */
enum grf_restart {
	GRF_RESTART_NONE,   /* it was in none */
	GRF_RESTART_RETURN, /* it returns */
	GRF_RESTART_AGAIN,  /* it is made again */
	GRF_RESTART_ANEW,   /* it would be resumed by a call of its own; it is made anew instead */
};

/* Does to `registers` what the kernel does at the end of a stop in a system call. */
enum grf_restart grf_signal_frame_restart(struct user_regs_struct *registers);

/*
 * Builds the frame that restores `state` below `high`, the end of an unused stack that begins at
 * `low`, with `sigreturn` as its return address. False: there is no room, or the state is one that
 * a frame cannot hold.
 */
bool grf_signal_frame_build(const struct grf_thread_state *state, uint64_t low, uint64_t high,
			    uint64_t sigreturn, struct grf_signal_frame *ret);

/*
 * Builds a frame below `high` in the same way that does not restore the thread but ends its whole
 * process: it calls exit_group, with the instruction at `system_call`.
 */
bool grf_signal_frame_build_exit(const struct grf_thread_state *state, uint64_t low, uint64_t high,
				 uint64_t sigreturn, uint64_t system_call,
				 struct grf_signal_frame *ret);

#endif
