/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who owns the heap: the largest of what would be freed if one thing went away, each with the way
 * down from there as long as one thing below holds nearly all of it. What several hold is of none
 * of them: it is listed by type, with its holders.
 */
#ifndef GRF_VIEWS_OWNERS_H
#define GRF_VIEWS_OWNERS_H

#include "base/array.h"
#include "graph/graph.h"
#include "views/table.h"

/* At most so many are listed. */
#define GRF_OWNERS_LISTED 20u

struct grf_owners_row {
	uint64_t bytes, objects; /* retained */
	double share;            /* of all bytes that are reached */
	uint64_t owned;    /* what the last one of the path owns directly; of a type: its objects */
	char *path;        /* from the root down, parted by " > " */
	const char *type;  /* of the last one of the path; NULL: not known */
	uint32_t identity; /* private */
};

struct grf_owners {
	GRF_ARRAY(struct grf_owners_row) rows; /* largest first */
};

/**
 * Finds them in a graph that was made with places, from which it borrows. To be destroyed by the
 * caller. Errors: NO_MEMORY, UNSUPPORTED (too many objects), INTERRUPTED.
 */
struct grf_error *grf_owners_create(const struct grf_graph *graph, struct grf_owners **ret);
void grf_owners_destroy(struct grf_owners *owners);

static inline void grf_owners_cleanup_fn(struct grf_owners **owners)
{
	grf_owners_destroy(*owners);
}
#define _cleanup_owners_ __attribute__((cleanup(grf_owners_cleanup_fn)))

/* The table of the owners: bytes, share, objects, owned, owner, type. Borrows them. */
struct grf_table grf_owners_table(const struct grf_owners *owners);

#endif
