/* SPDX-License-Identifier: BSD-2-Clause */
/* A walk over the whole tree of owners, from each owner to what it owns. */
#ifndef GRF_VIEWS_OWNERS_OWNER_WALK_H
#define GRF_VIEWS_OWNERS_OWNER_WALK_H

#include "graph/owners/retained.h"

/* Comes to a node, with the bytes of the object itself (0: a root), before all that it owns. */
typedef void grf_owner_enter(void *context, uint32_t node, uint64_t bytes);
/* Leaves it, after all that it owns. */
typedef void grf_owner_leave(void *context, uint32_t node);

/**
 * Visits every root but the one above all, and every reached object, each once, in an order that is
 * the same for the same graph. Needs 12 bytes for each object id. `what` says what is done, to who
 * sees the progress. Errors: NO_MEMORY, INTERRUPTED.
 */
struct grf_error *grf_owner_walk(const struct grf_retained *retained, const char *what,
				 grf_owner_enter *enter, grf_owner_leave *leave, void *context);

/*
 * What some objects retain together, in such a walk: the bytes that are passed between coming to
 * one of them and leaving it, if no other one was come to before and not left yet.
 */
struct grf_owner_stay {
	uint32_t open; /* of the objects: come to, and not left */
	uint64_t passed_before;
};

/* Comes to one of them. `passed`: bytes of all that the walk has come to before. */
static inline void grf_owner_stay_begin(struct grf_owner_stay *stay, uint64_t passed)
{
	if (!stay->open++)
		stay->passed_before = passed;
}

/* Leaves one of them. Returns the bytes that this adds to what they retain. */
static inline uint64_t grf_owner_stay_end(struct grf_owner_stay *stay, uint64_t passed)
{
	return --stay->open ? 0 : passed - stay->passed_before;
}

#endif
