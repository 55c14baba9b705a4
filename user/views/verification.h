/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reached set held against the collector's.
 *
 * Two questions are asked. The first can be answered of any image: is the reached set complete in
 * itself? Every pointer that stands in a root or a reached object, by the runtime's own masks, must
 * lead to a reached object. What it leads to otherwise was missed (an object), or is wrong (a free
 * slot). The second can be answered of an image that was taken at the end of a collection
 * (model/heap/marks.h): what was reached must be marked, and what is marked but was not reached
 * must be what the collector keeps too much: what became garbage, or was allocated, while it
 * marked. Where the marks are exact there must be none of that.
 *
 * A goroutine that was interrupted between safe points is read conservatively, and what its
 * registers hold may be dead. The collector read its stack earlier, when it stood elsewhere; so
 * what only such a frame leads to now may be unmarked without anybody being wrong. Exact marks are
 * made at the very stop at which the image is taken. They excuse one thing: what was allocated
 * while the collector marked is passed over in such a frame (grf_marks_pass_over()).
 */
#ifndef GRF_VIEWS_VERIFICATION_H
#define GRF_VIEWS_VERIFICATION_H

#include "base/array.h"
#include "model/heap/marks.h"
#include "graph/graph.h"

enum grf_difference_kind {
	GRF_MISSED,   /* a root or a reached object points to it, and it was not reached */
	GRF_DANGLING, /* the same, and it is a free slot: there is no object */
	GRF_FLOATING, /* marked; nothing reached points to it */
	GRF_EXTRA,    /* reached, and not marked */
	GRF_STALE,    /* reached, not marked; only frames that are read conservatively lead there */
	GRF_DIFFERENCE_KINDS
};

struct grf_difference {
	uint64_t id;
	uint64_t address; /* of the slot */
	uint32_t span;
	uint32_t node;     /* EXTRA, STALE: where it stands; MISSED, DANGLING: where what points to
			    * it stands; GRF_TREE_NONE: that is a root */
	uint64_t referrer; /* of those: the address of the pointer, 0 for a register */
	const char *referrer_name; /* of those, from a root: its function or segment */
	enum grf_difference_kind kind;
	bool tiny; /* the block that an mcache's tiny allocator is filling, marked for it alone */
};

struct grf_total {
	uint64_t objects, bytes;
};

struct grf_verification {
	struct grf_marks marks;
	struct grf_total agreed; /* reached, and marked where there are marks */
	struct grf_total totals[GRF_DIFFERENCE_KINDS];
	struct grf_total tiny;                    /* of those floating */
	bool with_unfinished;                     /* among the reached may be objects that a thread
						   * was about to complete, with what was there
						   * before: this release does not tell them */
	GRF_ARRAY(struct grf_difference) details; /* by object id */
};

/* Whether what can be compared agrees. */
bool grf_verification_holds(const struct grf_verification *verification);

/* Compares a graph with places to the marks in its image. Gives the result to the caller. Errors:
 * NO_MEMORY, INTERRUPTED. */
struct grf_error *grf_verification_create(const struct grf_graph *graph,
					  struct grf_verification **ret);
void grf_verification_destroy(struct grf_verification *verification);

#endif
