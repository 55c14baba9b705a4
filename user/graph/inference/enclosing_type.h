/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds what is around a field, when an object is known only by a pointer to that field, such as an
 * embedded sync.Mutex or an element of an array. The object's size class and pointer mask show that
 * it holds more than the field. A type is taken when it is the only one, among the types that the
 * program's code makes values or slices of, that has this mask, a size of this class, and such a
 * field at this offset. A shape (the type that stands for all of one shape in the code of generics)
 * counts as the type that it stands for.
 */
#ifndef GRF_GRAPH_INFERENCE_ENCLOSING_TYPE_H
#define GRF_GRAPH_INFERENCE_ENCLOSING_TYPE_H

#include <stdint.h>

#include "graph/inference/slot_fit.h"

struct grf_enclosing_types;

/* Borrows the types. NULL: out of memory. */
struct grf_enclosing_types *grf_enclosing_types_create(struct grf_types *types,
						       const struct grf_heap *heap);
void grf_enclosing_types_destroy(struct grf_enclosing_types *enclosing);

/* An object of at most 512 bytes, and the field that is known to be in it. */
struct grf_enclosed {
	uint64_t size; /* of the slot */
	uint64_t mask; /* of the collector, a bit a word */
	uint64_t offset;
	const struct grf_type *field;
};

/* What the object may be. */
struct grf_enclosing {
	struct grf_inferred whole; /* the only one that fits; no type: none or several fit */
	bool several;
};
struct grf_enclosing grf_enclosing_type(struct grf_enclosing_types *enclosing,
					const struct grf_enclosed *enclosed);

#endif
