/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The heap by type: how many objects there are of each, what they take, what would be freed if all
 * of them went away, and who owns most of that.
 */
#ifndef GRF_VIEWS_TYPES_TYPE_HISTOGRAM_H
#define GRF_VIEWS_TYPES_TYPE_HISTOGRAM_H

#include "base/array.h"
#include "graph/owners/retained.h"
#include "views/table.h"

struct grf_type_row {
	char *type;              /* owned; "[...]T": elements of type T to the end of the object */
	uint64_t objects, bytes; /* of the objects themselves */
	uint64_t retained;       /* bytes that only objects of this type hold, with themselves */
	char *holder;      /* owned; the root that owns most of that, and the way from there */
	uint64_t inferred; /* of the objects, those whose type no pointer and no record tells */
	char *likely;      /* owned; that in words; NULL: there are none */
};

struct grf_type_histogram {
	GRF_ARRAY(struct grf_type_row) rows; /* most bytes first */
	uint64_t bytes;                      /* of all objects */
};

/**
 * Counts the reached objects of a graph. Borrows names from it, and nothing of `retained`. An
 * object that another one of its type owns, directly or not, adds nothing to what its type retains.
 * To be destroyed by the caller. Errors: NO_MEMORY, INTERRUPTED.
 */
struct grf_error *grf_type_histogram_create(const struct grf_retained *retained,
					    struct grf_type_histogram **ret);
void grf_type_histogram_destroy(struct grf_type_histogram *histogram);

/* The table "types": bytes, share, objects, retained, type, holder, likely. Borrows the
 * histogram. */
struct grf_table grf_type_histogram_table(const struct grf_type_histogram *histogram);

#endif
