/* SPDX-License-Identifier: BSD-2-Clause */
/* A child of the target that is a picture of its memory at one moment; see forked.c. */
#ifndef GRF_HOLD_CALLS_FORKED_H
#define GRF_HOLD_CALLS_FORKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hold/calls/injection.h"
#include "hold/hold.h"

struct grf_forked;

enum grf_child_outcome {
	GRF_CHILD_NONE,   /* none was made */
	GRF_CHILD_REAPED, /* nothing is left of it */
	GRF_CHILD_LEFT,   /* it is dead, but nobody could wait for it */
	GRF_CHILD_PENDING /* one of our processes is still at that, and goes on without us */
};

struct grf_reaping {
	enum grf_child_outcome outcome;
	uint64_t stop; /* how long a thread of the target stood for it; ns */
};

/*
 * Looks whether a child of the target can be made, and may be: limits of the target that it would
 * count against are not to be reached. Starts a process that survives a kill of this one.
 * Nothing of the target stops. Errors: UNSUPPORTED, with the reason; PERMISSION, EXITED, OTHER.
 */
struct grf_error *grf_forked_open(const struct grf_target *target,
				  const struct grf_injection_site *site, struct grf_forked **ret);

/* While `tids` stand, by their tracer, whose end also ends the child: has one of them make it.
 * Allocates nothing. */
bool grf_forked_make(struct grf_forked *forked, const pid_t *tids, size_t count);

/* Why it was not made. */
struct grf_error *grf_forked_explain(const struct grf_forked *forked);

/* Whether, when none was made, all threads still stand as they did before. */
bool grf_forked_stands(const struct grf_forked *forked);

/* The child, which does not run; for reading its memory. `pid` 0: no child. */
const struct grf_target *grf_forked_image(const struct grf_forked *forked);

/* Ends the child; by the same tracer. */
void grf_forked_kill(struct grf_forked *forked);

/* Has it reaped, when it is ended, and frees all. NULL is allowed. */
void grf_forked_close(struct grf_forked *forked, struct grf_reaping *ret);

#endif
