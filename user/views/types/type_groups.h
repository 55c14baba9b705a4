/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects by type, as views call types: "T"; "[...]T", values of T to the end of the object;
 * "[...]*T", pointers to such; "struct around T", where only a field of type T is pointed to.
 *
 * A doubled kind is an index of grf_graph.kinds, times two, and one more for an object that was
 * reached by a pointer into it.
 */
#ifndef GRF_VIEWS_TYPES_TYPE_GROUPS_H
#define GRF_VIEWS_TYPES_TYPE_GROUPS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "graph/graph.h"

/* Kinds of types of one name and size are one group, as a plugin has types of its own for those
 * that it shares. */
struct grf_type_groups {
	uint32_t count;
	uint32_t *of_kind; /* by doubled kind: its group */
	uint32_t *first;   /* by group: the first doubled kind of it */
};

/* Of a graph that was made with places. The caller frees them, also after false: out of memory. */
bool grf_type_groups_make(const struct grf_graph *graph, struct grf_type_groups *ret);
void grf_type_groups_free(struct grf_type_groups *groups);

/* The doubled kind of a reached object. */
static inline uint32_t grf_type_doubled_kind(const struct grf_graph *graph, uint64_t id)
{
	uint32_t place = grf_places_get(&graph->places, id);

	return (place & ~GRF_GRAPH_INSIDE) * 2 + !!(place & GRF_GRAPH_INSIDE);
}

/* Prints what objects of a doubled kind are called. */
void grf_type_print_kind(FILE *stream, const struct grf_graph *graph, uint32_t doubled);

/* The same as a text, to be freed. NULL: out of memory. */
char *grf_type_kind_name(const struct grf_graph *graph, uint32_t doubled);

#endif
