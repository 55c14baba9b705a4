/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a walk knows of each object: one byte beside the span table, indexed by the dense object id.
 */
#ifndef GRF_GRAPH_OBJECTS_H
#define GRF_GRAPH_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "model/heap/heap.h"

struct grf_type;

enum grf_object_state {
	GRF_OBJECT_REACHED = 1,
	/* Reached, but by types that do not cover all its pointers; see struct grf_partial. */
	GRF_OBJECT_PARTIAL = 2,
	/* Its pointers have been followed. Until then, what reaches it may know more of its type.
	 */
	GRF_OBJECT_VISITED = 4,
	/* What it was reached as is only a part of it, as far as is known. */
	GRF_OBJECT_WIDER = 8,
	/* Reached, and not looked at yet: how, one thread alone finds out. */
	GRF_OBJECT_UNSETTLED = 16,
	/* A free slot, without an object. Never together with the others. */
	GRF_OBJECT_FREE = 0x80,
};

/* How many values of a type there are. */
enum grf_content {
	GRF_CONTENT_ONE,      /* one value of the type */
	GRF_CONTENT_ARRAY,    /* values of the type, to the end of the object */
	GRF_CONTENT_POINTERS, /* pointers to values of the type, to the end of the object */
};

/* Where an object stands and what it is, by the way on which it was first reached. */
struct grf_object_kind {
	struct grf_type *type; /* NULL: not known */
	uint32_t node;         /* of the tree */
	enum grf_content content;
	bool inside; /* `type` is that of the value pointed to, and the object is more than that */
	bool inferred; /* nothing but likeness tells the type */
};

/* A byte for each object id: 0 for an object not reached yet, FREE for a free slot. The caller
 * frees it. */
struct grf_error *grf_object_states_create(const struct grf_heap *heap, uint8_t **ret);

#endif
