/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared inside the stage: a system call that a thread of the target makes for us, and from which
 * it finds its own way back; see injected_call.c. */
#ifndef GRF_HOLD_CALLS_INJECTED_CALL_H
#define GRF_HOLD_CALLS_INJECTED_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "arch/live.h"
#include "hold/calls/injection.h"

struct grf_injected_call {
	uint64_t number;
	uint64_t arguments[GRF_CALL_ARGUMENTS];
	/* It is clone(2), whose second argument is filled in: the stack of a child that does
	 * nothing but end itself. The child stops for whoever traces the thread before it does so.
	 */
	bool makes_child;
	uint64_t limit; /* that it may take; ns */
};

enum grf_call_outcome {
	GRF_CALL_MADE,     /* the thread stands at the end of the call */
	GRF_CALL_NOT_MADE, /* nothing happened; the thread stands, and is as it was */
	GRF_CALL_LOST,     /* the thread is gone, or did not stop in time and goes its own way */
};

struct grf_injector {
	const struct grf_target *target;
	const struct grf_injection_site *site;
	int memory;         /* /proc/PID/mem, to read and write */
	long options;       /* of ptrace(2) */
	bool persistent;    /* an interruption and the death of the tool are no reasons to end */
	pid_t tool, helper; /* the process that was started by the user, and another that we
			       started, or 0 */
	unsigned int first_step; /* the number of its step 0, for tests/hooks/step.c */

	/* The thread that was last found fit; all of it was read while it stood. */
	pid_t tid;
	uint64_t low, high; /* bounds of the stack that it handles signals on */
	struct grf_thread_state state;
	struct grf_signal_frame frame, child_frame;

	/* What came of the last call. */
	int64_t result; /* of the call: negative errno */
	pid_t child;    /* that stopped for us, as we number it; 0: none */
	int signal;     /* GRF_CALL_NOT_MADE: the thread stands before it, to go with the detach */
	char stuck;     /* the state of a thread that did not stop in time, `tid`; 0: all did */
	uint64_t stuck_for; /* ns */
	int refused;        /* errno of what the tracer was refused last; 0 */
};

/* Errors: UNSUPPORTED (`site` is incomplete; shadow stacks are in use), PERMISSION, EXITED. */
struct grf_error *grf_injector_open(struct grf_injector *injector, const struct grf_target *target,
				    const struct grf_injection_site *site);
void grf_injector_close(struct grf_injector *injector);

/* Whether any thread seems to be fit, as far as that can be told while they run. */
bool grf_injector_has_hope(const struct grf_injector *injector);

/* Waits for the next stop of a thread that we trace. Does not consume it: see hold.c. False: it did
 * not come within `limit` ns, or the thread exited. */
bool grf_injector_wait(const struct grf_target *target, pid_t tid, uint64_t limit, int *ret_status);

/* Whether a thread that stands is fit: is interrupted in something that ends no later than as
 * `worst` says, and has room for a frame. It is then the one that the functions below use. */
bool grf_injector_take(struct grf_injector *injector, pid_t tid, enum grf_restart worst);

/* Has the thread make a call, to its end. */
enum grf_call_outcome grf_injector_call(struct grf_injector *injector,
					const struct grf_injected_call *call);

/* From the end of a call: has it make another one when it is let go. False: it is gone. */
bool grf_injector_call_last(const struct grf_injector *injector,
			    const struct grf_injected_call *call);

/* What is done with a thread that stands and was taken. */
typedef void grf_injector_work(struct grf_injector *injector, void *context);

/*
 * Stops threads of the target, one at a time, until one is fit, has `work` done with it and lets it
 * go. False: none was; injector->refused may say why. Threads that did not stop are let go when the
 * calling thread ends.
 */
bool grf_injector_with_thread(struct grf_injector *injector, grf_injector_work *work, void *context,
			      struct grf_injection_report *report);

/* Called at each step that leaves the target in another state. Nothing happens there but in tests
 * of what becomes of the target when we are killed: step.c, and tests/hooks/step.c instead. */
void grf_injector_step(const struct grf_injector *injector, unsigned int number);

#endif
