/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Infers the type of an object that no typed pointer reaches: one below a nameless variable (in a
 * program without DWARF each is nameless) or below an unsafe.Pointer.
 *
 * For larger objects the runtime stores the type. For a small one there are its size class, the
 * collector's pointer mask, its contents, and the list of types that the program's code makes
 * values of. Each type with this size and mask is scored against the contents (type_evidence.h). An
 * array is considered only of types that the code makes slices of. A type is taken when it is the
 * only one that fits, or has the highest score. A type that the code only refers to counts as much
 * as one that it makes, as reflection may make it. Where several are left, none is taken, unless
 * one is right for all of them: their element type, the type that they begin with, a map type
 * without a name, their shape. Where the code makes unsafe.Pointers, what looks like another
 * pointer is one only if what it leads to has that type by itself.
 *
 * What the code stores in a nameless root goes before all this (model/types/types.h): where it only
 * stores objects of one type there, the object is of that type if it fits.
 */
#ifndef GRF_GRAPH_INFERENCE_TYPE_INFERENCE_H
#define GRF_GRAPH_INFERENCE_TYPE_INFERENCE_H

#include "graph/inference/slot_fit.h"
#include "model/model.h"

struct grf_type_inference;

/* A value that is known to be in an object. */
struct grf_known_field {
	const struct grf_type *type;
	uint64_t offset; /* bytes from the object's beginning */
};

/* Borrows the model. NULL: out of memory. */
struct grf_type_inference *grf_type_inference_create(struct grf_model *model);
void grf_type_inference_destroy(struct grf_type_inference *inference);

/* Infers the type of the object in `slot` of `span`, among those that have `known` in them if that
 * is not NULL. False: none fits, or several fit equally well. */
bool grf_type_infer(struct grf_type_inference *inference, const struct grf_span *span,
		    uint32_t slot, const struct grf_known_field *known, struct grf_inferred *ret);

/**
 * Whether the object in `slot` of `span` may be `object`: size and pointer mask match, and its
 * contents do not speak against it.
 */
bool grf_type_agrees(const struct grf_type_inference *inference, const struct grf_span *span,
		     uint32_t slot, struct grf_inferred object);

#endif
