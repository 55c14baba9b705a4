/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What differs from one architecture to the next where something is done with a thread of a live
 * process: its registers, a system call that it makes for us, the frame from which it comes back,
 * the instruction that a probe stands on. A tool that was built for an architecture does that with
 * processes of the same one: arch/NAME/live/ has all that is declared here, and the Makefile takes
 * the folder of the machine.
 */
#ifndef GRF_ARCH_LIVE_H
#define GRF_ARCH_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <sys/user.h>

#include "arch/arch.h"
#include "grf/thread_registers.h"

/** What live processes are. */
const struct grf_arch *grf_live_arch(void);

/* --- registers -------------------------------------------------------------------------------- */

#define GRF_LIVE_WORDS (sizeof(struct user_regs_struct) / sizeof(uint64_t))

/** The registers as words, as struct grf_arch counts them. */
static inline void grf_live_words(const struct user_regs_struct *registers,
				  uint64_t ret[GRF_LIVE_WORDS])
{
	memcpy(ret, registers, sizeof(*registers));
}

/** The same of what an eBPF program took. */
void grf_live_words_of_record(const struct grf_thread_registers *record,
			      uint64_t ret[GRF_LIVE_WORDS]);

/** Whether a thread was in a system call, not interrupted in its own code. */
bool grf_live_is_in_call(const struct grf_thread_registers *record);

uint64_t grf_live_stack_pointer(const struct user_regs_struct *registers);

/** Reads and writes the registers of a thread that stands, by its tracer; as ptrace(2) returns. */
long grf_live_read(pid_t tid, struct user_regs_struct *ret);
long grf_live_write(pid_t tid, const struct user_regs_struct *registers);

/* --- a system call ---------------------------------------------------------------------------- */

#define GRF_CALL_ARGUMENTS  4
#define GRF_LIVE_CODE_BYTES 16

/** Machine code. */
struct grf_live_code {
	uint8_t size; /* 0: none */
	uint8_t bytes[GRF_LIVE_CODE_BYTES];
};

/** What makes a system call and returns. */
extern const struct grf_live_code grf_live_system_call;

/** What signal handlers return to, which calls rt_sigreturn(2): Go's own, then libc's. */
#define GRF_LIVE_SIGRETURNS 2
extern const struct grf_live_code grf_live_sigreturns[GRF_LIVE_SIGRETURNS];

/** Makes registers those of a thread that is about to make a call by the code at `system_call`, and
 * to return to where `stack_pointer` says. */
void grf_live_set_call(struct user_regs_struct *registers, uint64_t system_call,
		       uint64_t stack_pointer, uint64_t number,
		       const uint64_t arguments[GRF_CALL_ARGUMENTS]);

/** What a call has returned, at its end; negative: an errno. */
int64_t grf_live_result(const struct user_regs_struct *registers);

/** How the kernel would go on with the system call that a thread was interrupted in. */
enum grf_restart {
	GRF_RESTART_NONE,   /* it was in none */
	GRF_RESTART_RETURN, /* it returns */
	GRF_RESTART_AGAIN,  /* it is made again */
	GRF_RESTART_ANEW,   /* it would be resumed by a call of its own; it is made again instead */
};

/** Does to `registers` what the kernel does at the end of a stop in a system call. */
enum grf_restart grf_live_restart(struct user_regs_struct *registers);

/* --- the way back ----------------------------------------------------------------------------- */

/** The largest extended state that is dealt with; AMX has 11 KiB. */
#define GRF_MAX_EXTENDED_STATE 16384
/** Bytes of a signal mask. */
#define GRF_SIGNAL_MASK_BYTES 8

/** A thread's state at a stop. */
struct grf_thread_state {
	struct user_regs_struct registers;
	uint64_t signal_mask;
	uint8_t extended[GRF_MAX_EXTENDED_STATE]; /* what else it has, as ptrace(2) gives it */
	size_t extended_size;
};

/** Reads the state of a thread that stands, by its tracer. */
bool grf_live_read_state(pid_t tid, struct grf_thread_state *ret);

/** What is to be written to the thread's memory: `bytes`, at `address`. */
struct grf_signal_frame {
	uint64_t address;
	uint64_t stack_pointer; /* the thread's, so that its next return goes to sigreturn */
	size_t size;
	uint8_t bytes[GRF_MAX_EXTENDED_STATE + 1024];
};

/**
 * Builds the frame that rt_sigreturn(2) restores `state` from below `high`, the end of an unused
 * stack that begins at `low`, with `sigreturn` as its return address. False: there is no room, or
 * the state is one that a frame cannot hold.
 */
bool grf_signal_frame_build(const struct grf_thread_state *state, uint64_t low, uint64_t high,
			    uint64_t sigreturn, struct grf_signal_frame *ret);

/**
 * Builds a frame below `high` in the same way that does not restore the thread but ends its whole
 * process: it calls exit_group, with the instruction at `system_call`.
 */
bool grf_signal_frame_build_exit(const struct grf_thread_state *state, uint64_t low, uint64_t high,
				 uint64_t sigreturn, uint64_t system_call,
				 struct grf_signal_frame *ret);

/** Whether the CPU keeps a second stack of return addresses of a process, so that no frame that we
 * made can be returned to. `status`: its /proc/PID/status. */
bool grf_live_has_shadow_stack(const char *status);

/* --- a probe ---------------------------------------------------------------------------------- */

/** How many bytes of a function are looked at. */
#define GRF_PROBE_SITE_BYTES 48

/**
 * Where in a function's first instructions a uprobe leaves no trace in its process. A breakpoint
 * replaces an instruction, which the kernel then has to carry out elsewhere. Most it copies into a
 * page that it maps into the process for that purpose ("[uprobes]"), where the page stays for good.
 * Some it carries out by itself, such as jumps.
 *
 * Finds the first such instruction of a function, given its first `length` bytes, as an offset from
 * its beginning; up to there only instructions of Go's stack check may stand, so that it is passed
 * on each entry. A function that grows its stack passes twice. False: none was found.
 */
bool grf_probe_site(const uint8_t *code, size_t length, size_t *ret);

#endif
