/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of an object that the collector follows, by the runtime's own masks alone. Inferred
 * types are not consulted.
 */
#ifndef GRF_GRAPH_OBJECT_POINTERS_H
#define GRF_GRAPH_OBJECT_POINTERS_H

#include "graph/graph.h"
#include "graph/plan_mask.h"
#include "model/heap/heap.h"

/* Calls visit() for each pointer of an allocated slot. `stored` remembers masks between calls.
 * False: out of memory. */
bool grf_object_pointers(const struct grf_span *span, uint32_t slot, struct grf_types *types,
			 struct grf_stored_types *stored, grf_edge_visit *visit, void *context);

#endif
