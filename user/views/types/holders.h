/* SPDX-License-Identifier: BSD-2-Clause */
/* Who holds the objects of a type, or one object: by path, and by where pointers to them stand. */
#ifndef GRF_VIEWS_TYPES_HOLDERS_H
#define GRF_VIEWS_TYPES_HOLDERS_H

#include "base/array.h"
#include "graph/owners/retained.h"
#include "views/types/holder_pointers.h"
#include "views/types/own_code.h"
#include "views/table.h"

struct grf_holders_sum {
	uint64_t objects, bytes;
	uint64_t retained; /* bytes that would be freed with all of them */
};

struct grf_holders_row {
	struct grf_holders_sum sum;
	char *path;       /* owned: the chain of the reference tree, root first */
	const char *mine; /* an element of it; NULL: none is of own code */
};

struct grf_holders {
	char *type; /* owned: of the objects */
	struct grf_holders_sum all;
	uint64_t reachable;                     /* bytes of the whole heap */
	GRF_ARRAY(struct grf_holders_row) rows; /* most bytes first */
	struct grf_holder_pointers *pointers;   /* owned */
};

/**
 * Finds who holds `what`: a type by the name that the view of types shows, or that of a pointer to
 * it; or the object around an address, "0xc000012340". Borrows names from the graph, and nothing of
 * `retained` or `own`. To be destroyed by the caller. Errors: USAGE: no reachable object is such a
 * one, with up to five names that are near; NO_MEMORY, INTERRUPTED.
 */
struct grf_error *grf_holders_create(const struct grf_retained *retained, const char *what,
				     struct grf_own_code *own, struct grf_holders **ret);
void grf_holders_destroy(struct grf_holders *holders);

/** The tables "objects" (one row: all of them) and "holders" (a row for each path). Borrow them. */
struct grf_table grf_holders_objects_table(const struct grf_holders *holders);
struct grf_table grf_holders_table(const struct grf_holders *holders);

#endif
