/* SPDX-License-Identifier: BSD-2-Clause */
/* A system call that a thread of the target makes for us; see injection.c. */
#ifndef GRF_HOLD_CALLS_INJECTION_H
#define GRF_HOLD_CALLS_INJECTION_H

#include <stdint.h>

#include "arch/live.h"
#include "hold/hold.h"

/*
 * What must be known of the target. Its runtime keeps a record of each of its threads, in a list
 * that begins at *`records`, and in any case where the g that it runs leads; each has its
 * thread's id, and leads to the bounds of the stack on which that thread handles signals. Offsets
 * are in bytes.
 */
struct grf_injection_site {
	uint64_t records;   /* address of the pointer to the first record; 0: not known */
	uint64_t next;      /* in a record: the pointer to the next */
	uint64_t owner;     /* in the g that a thread runs: the pointer to its record */
	uint64_t thread_id; /* in a record */
	uint64_t stack;     /* in a record: the pointer to what has the stack's bounds */
	uint64_t low, high; /* there */
	uint64_t
	    stack_bytes; /* what is between them; a stack of another size is not the one meant */
	uint64_t system_call;                /* address of grf_live_system_call */
	uint64_t sigreturn;                  /* of what calls rt_sigreturn(2), */
	struct grf_live_code sigreturn_code; /* which is this */
};

/* How long the one thread stood; grf_now(). */
struct grf_injection_report {
	uint64_t began, ended;
	pid_t tid;
};

/*
 * Makes a userfaultfd of the target's memory, and our own descriptor for it; the target keeps
 * none. Errors: UNSUPPORTED (the kernel lacks it, no thread is fit, `site` is incomplete),
 * PERMISSION, EXITED, INTERRUPTED.
 */
struct grf_error *grf_injection_userfaultfd(const struct grf_target *target,
					    const struct grf_injection_site *site, int *ret,
					    struct grf_injection_report *ret_report);

#endif
