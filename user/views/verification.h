/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares the reached set with the collector's marks.
 *
 * There are two questions. The first can be answered for any image: is the reached set complete?
 * Every pointer in a root or a reached object, by the runtime's own masks, must lead to a reached
 * object. If it leads to another object, that was missed; if it leads to a free slot, it is
 * dangling. The second can be answered for an image that was taken at the end of a collection
 * (model/marks.h): every reached object must be marked. An object that is marked and not
 * reached must be one that became garbage, or was allocated, while the collector marked. With exact
 * marks there are no such objects.
 *
 * A goroutine that was interrupted between safe points is read conservatively, and its registers
 * may hold dead pointers. The collector read its stack earlier, at another point, so an object that
 * only such a frame leads to may be unmarked. Exact marks are made at the stop at which the image
 * is taken. They leave one exception: an object that was allocated while the collector marked is
 * passed over in such a frame (grf_marks_pass_over()).
 */
#ifndef GRF_VIEWS_VERIFICATION_H
#define GRF_VIEWS_VERIFICATION_H

#include "base/array.h"
#include "graph/graph.h"
#include "model/marks.h"

enum grf_difference_kind {
	GRF_MISSED,   /* not reached, though a root or a reached object points to it */
	GRF_DANGLING, /* a free slot, to which a root or a reached object points */
	GRF_FLOATING, /* marked; nothing reached points to it */
	GRF_EXTRA,    /* reached, and not marked */
	GRF_STALE,    /* reached, not marked; only frames that are read conservatively lead there */
	GRF_DIFFERENCE_KINDS
};

struct grf_difference {
	uint64_t id;
	uint64_t address; /* of the slot */
	uint32_t span;
	uint32_t node;     /* EXTRA, STALE: its node; MISSED, DANGLING: the node of the object that
			      points to it; GRF_TREE_NONE: a root points to it */
	uint64_t referrer; /* MISSED, DANGLING: the address of the pointer; 0: a register */
	const char *referrer_name; /* the same, from a root: its function or segment */
	enum grf_difference_kind kind;
	bool tiny; /* a block that an mcache's tiny allocator is filling, marked for that reason
		      only */
};

struct grf_total {
	uint64_t objects, bytes;
};

struct grf_verification {
	struct grf_marks marks;
	struct grf_total agreed; /* reached, and marked where there are marks */
	struct grf_total totals[GRF_DIFFERENCE_KINDS];
	struct grf_total tiny; /* of those floating */
	bool with_unfinished;  /* reached objects may include one that a thread was about to
				  complete, with its slot's earlier contents: this release does not
				  record them */
	GRF_ARRAY(struct grf_difference) details; /* by object id */
};

/* Whether all that can be compared agrees. */
bool grf_verification_holds(const struct grf_verification *verification);

/* Compares a graph with places to the marks in its image. Gives the result to the caller. Errors:
 * NO_MEMORY, INTERRUPTED. */
struct grf_error *grf_verification_create(const struct grf_graph *graph,
					  struct grf_verification **ret);
void grf_verification_destroy(struct grf_verification *verification);

#endif
