/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether an object may be a value of a type, or an array of such values, by what is the same for
 * all of that type: the size class of its slot, the collector's mask, and a field that is known to
 * be in it.
 */
#ifndef GRF_GRAPH_INFERENCE_SLOT_FIT_H
#define GRF_GRAPH_INFERENCE_SLOT_FIT_H

#include "model/heap/heap.h"
#include "model/types/types.h"

/* Words of an object of which masks are compared. */
#define GRF_MASK_WORDS 64ul

/* What an object is taken for. */
struct grf_inferred {
	struct grf_type *type;
	bool array; /* the object is an array of `type` */
};

/** Whether `mask` is that of elements of `type`, as many as fit into a slot of `size` bytes, and of
 * two or more. */
bool grf_type_repeats(const struct grf_heap *heap, const struct grf_type *type, uint64_t mask,
		      uint64_t size);

/** Whether `mask` is that of one value of `type`, in a slot of its size class. */
bool grf_type_is_alone(const struct grf_heap *heap, const struct grf_type *type, uint64_t mask,
		       uint64_t size);

/** That one of these which `object` is taken for. */
bool grf_inferred_fits(const struct grf_heap *heap, struct grf_inferred object, uint64_t mask,
		       uint64_t size);

/** The elements of an object whose planned type is an array; else the object. */
struct grf_inferred grf_inferred_elements(struct grf_inferred object);

/** Whether `object` has a value of type `field` `offset` bytes from its beginning: its element, its
 * field, or a field of its element. An object that is but that value has it too. */
bool grf_inferred_holds(struct grf_types *types, struct grf_inferred object,
			const struct grf_type *field, uint64_t offset);

#endif
