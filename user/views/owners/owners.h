/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who owns the heap: the largest of what would be freed if one thing went away, each with the way
 * down from there as long as one thing below holds nearly all of it. What several hold is of none
 * of them: it is listed by type, with its holders.
 */
#ifndef GRF_VIEWS_OWNERS_OWNERS_H
#define GRF_VIEWS_OWNERS_OWNERS_H

#include "base/array.h"
#include "graph/owners/retained.h"
#include "views/owners/container.h"
#include "views/owners/way_down.h"
#include "views/table.h"

/* At most so many are listed. */
#define GRF_OWNERS_LISTED 20u
/* And so many are shown to people. */
#define GRF_OWNERS_SHOWN 12u

struct grf_owners_row {
	uint64_t bytes, objects; /* retained */
	double share;            /* of all bytes that are reached */
	uint64_t owned; /* what the last one of the path owns directly; of a type: its objects */
	char *path;     /* from the root down, parted by " > ", and who holds it, if several do */
	size_t way_length;  /* of the path, without those */
	const char *shared; /* the type of what several hold: the path begins with it; else NULL */
	char *what;         /* the last one of the path is, for people; NULL: nothing more to say */
	const char *type;   /* of the last one of the path; NULL: not known */
	struct grf_container container; /* what that one is, or is a part of */
	uint32_t depth;                 /* how often the element comes that comes most often */
	bool motley;                    /* bytes of many holders, which have nothing in common */
	bool in_parts;                  /* that type is one of a container's own */
	uint32_t identity;              /* private */
	struct grf_way_trail trail;     /* of the path's way down */
};

struct grf_owners {
	GRF_ARRAY(struct grf_owners_row) rows; /* largest first */
};

/**
 * Finds them. Borrows from the graph alone. To be destroyed by the caller. Errors: NO_MEMORY,
 * INTERRUPTED.
 */
struct grf_error *grf_owners_create(const struct grf_retained *retained, struct grf_owners **ret);
void grf_owners_destroy(struct grf_owners *owners);

static inline void grf_owners_cleanup_fn(struct grf_owners **owners)
{
	grf_owners_destroy(*owners);
}
#define _cleanup_owners_ __attribute__((cleanup(grf_owners_cleanup_fn)))

/* The table of the owners: bytes, share, objects, owner, what; owned, type, container, entries,
 * capacity, depth. Borrows them. */
struct grf_table grf_owners_table(const struct grf_owners *owners);

#endif
