/* SPDX-License-Identifier: BSD-2-Clause */
/* All pointers to some objects, by where they stand: a field of a type, or a root. */
#ifndef GRF_VIEWS_TYPES_HOLDER_POINTERS_H
#define GRF_VIEWS_TYPES_HOLDER_POINTERS_H

#include "base/array.h"
#include "graph/graph.h"
#include "graph/owners/ranked_set.h"
#include "views/table.h"
#include "views/types/type_groups.h"

struct grf_holder_pointers_row {
	char *holder; /* owned: "main.Session.owner", or the chain of a root */
	uint64_t pointers;
	uint64_t objects; /* how many of the objects they lead to */
};

struct grf_holder_pointers {
	GRF_ARRAY(struct grf_holder_pointers_row) rows; /* most pointers first */
};

/** Whose pointers are looked for. */
struct grf_held_objects {
	const struct grf_graph *graph;        /* made with places */
	const struct grf_type_groups *types;  /* of it */
	const uint32_t *same_chains;          /* grf_same_chains() of its tree */
	const struct grf_ranked_set *objects; /* ids; counted */
};

/**
 * Finds them in one pass over all edges, with four bytes for each of the objects. What stands in
 * objects that are not reached is left out. To be destroyed by the caller, from whose input nothing
 * is borrowed. Errors: NO_MEMORY, INTERRUPTED.
 */
struct grf_error *grf_holder_pointers_create(const struct grf_held_objects *held,
					     struct grf_holder_pointers **ret);
void grf_holder_pointers_destroy(struct grf_holder_pointers *pointers);

/** The table "pointers": pointers, objects, holder. Borrows them. */
struct grf_table grf_holder_pointers_table(const struct grf_holder_pointers *pointers);

#endif
