/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The struct around a field, where all that is known of an object is a pointer to the field: such
 * as to an embedded sync.Mutex. Size class and pointer mask of the object say that there is more
 * than the field. Of the types that the program's code makes values of, one alone may have just
 * that mask, a size of that class, and such a field in that place: then it is that. A type that
 * stands for all of one shape in the code of generics is no other than the one that it stands for.
 */
#ifndef GRF_GRAPH_ENCLOSING_TYPE_H
#define GRF_GRAPH_ENCLOSING_TYPE_H

#include <stdint.h>

#include "model/heap/heap.h"
#include "model/types/types.h"

struct grf_enclosing_types;

/* Borrows the types. NULL: out of memory. */
struct grf_enclosing_types *grf_enclosing_types_create(struct grf_types *types,
						       const struct grf_heap *heap);
void grf_enclosing_types_destroy(struct grf_enclosing_types *enclosing);

/* An object of at most 512 bytes, and what is known to stand in it. */
struct grf_enclosed {
	uint64_t size; /* of the slot */
	uint64_t mask; /* of the collector, a bit a word */
	uint64_t offset;
	const struct grf_type *field;
};

/* What the object may be. */
struct grf_enclosing {
	struct grf_type *type; /* the only one; NULL: none, or several */
	bool several;
	bool array; /* the code makes slices of what is known to stand there */
};
struct grf_enclosing grf_enclosing_type(struct grf_enclosing_types *enclosing,
					const struct grf_enclosed *enclosed);

#endif
