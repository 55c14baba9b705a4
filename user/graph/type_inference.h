/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an object is that nobody names a type of: what hangs from a nameless variable, which is
 * every one in a program without DWARF, and from an unsafe.Pointer.
 *
 * The runtime itself stores the types of larger objects. For a small one there is its size class,
 * the collector's pointer mask, its contents, and the list of types that the program's code makes
 * values of. All that have the size and the mask are held against the contents (type_evidence.h);
 * an object is taken for an array only of a type that the code makes slices of. A type is believed
 * when it is the only one that fits, or the one for which the most speaks; among equals, the one
 * that the code makes and does not only refer to. Where several are left, none is believed, unless
 * one says nothing wrong of the others: the elements of an array, what the others begin with, the
 * map type without a name of its own, the type that stands for them in the code of generics.
 *
 * What the code puts into a nameless root goes before all this (model/types/types.h): where it is
 * objects of one type, wherever the code names the root, the object there is one if it may be.
 */
#ifndef GRF_GRAPH_TYPE_INFERENCE_H
#define GRF_GRAPH_TYPE_INFERENCE_H

#include "graph/plan_mask.h"
#include "model/model.h"

struct grf_type_inference;

struct grf_inferred {
	struct grf_type *type;
	bool array; /* the object is an array of `type` */
};

/* Borrows the model. NULL: out of memory. */
struct grf_type_inference *grf_type_inference_create(struct grf_model *model);
void grf_type_inference_destroy(struct grf_type_inference *inference);

/* The type of the object in `slot` of `span`. False: none, or several with as much reason. */
bool grf_type_infer(struct grf_type_inference *inference, const struct grf_span *span,
		    uint32_t slot, struct grf_inferred *ret);

/**
 * Whether the object in `slot` of `span` may be what `object` says: it has the size and the pointer
 * mask, and nothing in it speaks against.
 */
bool grf_type_agrees(const struct grf_type_inference *inference, const struct grf_span *span,
		     uint32_t slot, struct grf_inferred object);

#endif
