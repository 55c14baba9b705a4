/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared inside the stage: a process of this tool that sees to it that the target keeps no child
 * that it did not make; see reaper.c. */
#ifndef GRF_HOLD_CALLS_REAPER_H
#define GRF_HOLD_CALLS_REAPER_H

#include <stdint.h>
#include <sys/types.h>

#include "hold/calls/forked.h"
#include "hold/calls/injected_call.h"

/* In memory that both processes have. */
struct grf_reaper_note {
	/* Written by the one that makes the child. */
	volatile pid_t tid;    /* of the thread that does; 0: none does */
	volatile uint64_t low; /* the bounds of that thread's signal stack */
	volatile uint64_t high;
	volatile uint64_t child_at; /* where in the target the kernel writes the child's id */
	volatile pid_t child;       /* the child, as the target numbers it; 0: not known yet */
	/* Written by the reaper. */
	struct grf_reaping reaping;
};

struct grf_reaper {
	pid_t pid;
	int alive; /* as long as it is open, the reaper waits */
	struct grf_reaper_note *note;
};

/* Starts it. The tool goes on with `reaper`, and the reaper waits for grf_reaper_finish(), or for
 * the death of the tool. */
struct grf_error *grf_reaper_start(struct grf_reaper *reaper, const struct grf_target *target,
				   const struct grf_injection_site *site);

/* Has it do its work, and waits for that; with `injector`, which is one of the same target, another
 * one where it was killed. */
void grf_reaper_finish(struct grf_reaper *reaper, struct grf_injector *injector,
		       struct grf_reaping *ret);

#endif
