/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands out in a heap as leaks do: a few checks, each with a stable name. A suspect says in
 * one sentence what holds how much, and where. Where nothing stands out no suspect
 * is named.
 */
#ifndef GRF_VIEWS_SUSPECTS_SUSPECTS_H
#define GRF_VIEWS_SUSPECTS_SUSPECTS_H

#include "base/array.h"
#include "views/owners/owners.h"

/* Less than this is no leak that anybody looks for, whatever the share. */
#define GRF_SUSPECT_BYTES ((uint64_t)1 << 20)
/* At most so many are named. */
#define GRF_SUSPECTS_NAMED 10u

struct grf_suspect {
	const char *name;        /* of the check; a literal */
	char *sentence;          /* names in it are the target's */
	char *path;              /* from a root down, parted by " > " */
	const char *type;        /* of what it is said of; NULL: not known */
	uint64_t bytes, objects; /* what would be freed, with the stacks of goroutines */
	double share;            /* of all bytes that are reached, with the same stacks */
	uint64_t count;          /* of what the check counts, such as entries */
	const char *shared;      /* private: the type of what several hold; NULL */
	uint32_t node;           /* private: what it is said of */
};

struct grf_suspects {
	GRF_ARRAY(struct grf_suspect) rows; /* largest first */
};

/**
 * Makes all checks. What would free fewer bytes than `least` (GRF_SUSPECT_BYTES) is none. Borrows
 * from the graph alone. To be destroyed by the caller. Errors: NO_MEMORY, INTERRUPTED.
 */
struct grf_error *grf_suspects_create(const struct grf_retained *retained,
				      const struct grf_owners *owners, uint64_t least,
				      struct grf_suspects **ret);
void grf_suspects_destroy(struct grf_suspects *suspects);

static inline void grf_suspects_cleanup_fn(struct grf_suspects **suspects)
{
	grf_suspects_destroy(*suspects);
}
#define _cleanup_suspects_ __attribute__((cleanup(grf_suspects_cleanup_fn)))

#endif
