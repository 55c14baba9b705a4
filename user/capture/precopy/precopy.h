/* SPDX-License-Identifier: BSD-2-Clause */
/* Copying a process while it runs, so that little is left for the stop; see precopy.c. */
#ifndef GRF_CAPTURE_PRECOPY_PRECOPY_H
#define GRF_CAPTURE_PRECOPY_PRECOPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/error.h"
#include "base/pace.h"
#include "capture/copy/copy.h"
#include "capture/copy/plan.h"
#include "base/pool.h"
#include "capture/precopy/touched.h"
#include "capture/precopy/tracker.h"

/* A part of a piece that a thread takes at a time. */
struct grf_unit {
	uint64_t start, end;
	uint8_t *data;
	enum grf_map_part part;
	bool whole; /* copied as it is, without a look at its pages */
	bool known; /* there from the beginning, and watched since */
};

/* Runs of pages found at the stop, by several threads. */
struct grf_runs {
	struct grf_run *items;
	uint8_t **data; /* where each is copied to; NULL: not wanted */
	size_t capacity;
	size_t count; /* atomic; beyond `capacity` only until the scan has ended */
};

struct grf_precopy {
	struct grf_tracker *tracker; /* made by the user of this, destroyed here; NULL: none */
	struct grf_copy *copy;
	/* Which parts need not be looked at; NULL: that is not known. Not destroyed here. */
	struct grf_touched *touched;
	/* Left out altogether, and not copied at first; made by the user of this, freed here. */
	struct grf_left_out_set skipped, unneeded;
	GRF_ARRAY(struct grf_unit) units;
	size_t next;               /* atomic: the next unit, or run of `written`, to be taken */
	unsigned int arrived;      /* atomic: of them, at the end of the scan */
	uint64_t limit;            /* pages that may be copied at the stop */
	uint64_t deadline;         /* grf_now() after which none may; 0: none */
	struct grf_runs written;   /* to be copied at the stop */
	struct grf_runs changed;   /* written to, discarded or new */
	struct grf_runs existing;  /* of those; the others read as zero */
	uint64_t pages;            /* atomic: in `written` */
	bool overflow;             /* the arrays were too small: too much too */
	bool too_much;             /* more than `limit`, or too late: the stop was for nothing */
	uint64_t scanned;          /* when the scan at the stop ended; grf_now() */
	struct grf_pace *pace;     /* kept by rounds that have time; NULL: by none */
	struct grf_pool *helpers;  /* take part in rounds after the first; NULL: none */
	unsigned int helper_count; /* of them */
	unsigned int rounds;
	unsigned int rounds_with; /* of them, those that copied anything */
	bool copied;              /* all of it, once, since it was watched */
	uint64_t round_bytes;     /* that the last whole round copied */
	uint64_t round_limit;     /* grf_now() at which a round is broken off; 0: none */
	bool swap;                /* the system has swap space */
	/* Whether a round is to be broken off, since the stop has come; or NULL. */
	bool (*is_due)(void *context);
	void *context;
};

/*
 * Begins, with precopy->tracker: has it watch what `plan` says and is not `skipped`. Works with the
 * calling thread alone. Errors: INTERRUPTED, NO_MEMORY, those of the tracker.
 */
struct grf_error *grf_precopy_begin(struct grf_precopy *precopy, struct grf_copy *copy,
				    const struct grf_plan *plan);

/* Copies it but for what is `unneeded`, and again what was written meanwhile, in `rounds` rounds at
 * most: fewer when little is left, or no less than after the round before. */
void grf_precopy_rounds(struct grf_precopy *precopy, unsigned int rounds);

/* Watches the memory that is in the plan `larger` and not in `first`, the plan that the rounds copy
 * now. The rounds copy it too after grf_precopy_replan(). False: `larger` has no such memory, and
 * nothing was done. */
bool grf_precopy_extend(struct grf_precopy *precopy, const struct grf_plan *first,
			const struct grf_plan *larger);

/* Rounds right before the stop, for as long as each leaves less for the next. */
void grf_precopy_catch_up(struct grf_precopy *precopy);

/* Whether the last whole round found next to nothing to copy. */
bool grf_precopy_is_settled(const struct grf_precopy *precopy);

/* A round that is broken off when it takes long. Whether it was not, and leaves little. */
bool grf_precopy_last_round(struct grf_precopy *precopy);

/* Starts again, for trackers that can: the next round copies all of it. */
struct grf_error *grf_precopy_restart(struct grf_precopy *precopy);

/* One more round. Returns the bytes that it copied. */
uint64_t grf_precopy_round(struct grf_precopy *precopy);

/* How many pages would have to be copied at a stop now. Looks at all of them. */
uint64_t grf_precopy_measure(struct grf_precopy *precopy);

/* Has the rounds copy what `first` says: after a stop that was too long, or with a new plan. */
void grf_precopy_replan(struct grf_precopy *precopy, const struct grf_plan *first);

/* Lets the process's memory go. */
void grf_precopy_end(struct grf_precopy *precopy);

#endif
