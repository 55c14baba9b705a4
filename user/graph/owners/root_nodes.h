/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The roots by name, as nodes above the objects: a package variable; all goroutines of a function,
 * below it each of them, below that its variables; a class of specials; what is the runtime's own.
 * What several nodes below one hold belongs to that one: what all goroutines of a function share is
 * that function's.
 *
 * The words are those of grf_graph_roots(), and what specials refer to, or the object itself where
 * nothing but finalizers lead to it; timers are the runtime's in whatever list they are; names are
 * those of the tree's roots.
 */
#ifndef GRF_GRAPH_OWNERS_ROOT_NODES_H
#define GRF_GRAPH_OWNERS_ROOT_NODES_H

#include "base/array.h"
#include "graph/graph.h"

enum grf_root_node_kind {
	GRF_ROOT_NODE_ALL,         /* the first node: all there is */
	GRF_ROOT_NODE_RUNTIME,     /* what the runtime's variables, frames and goroutines hold */
	GRF_ROOT_NODE_DESCRIPTORS, /* of goroutines, which the runtime never forgets; below it */
	GRF_ROOT_NODE_VARIABLE,    /* or a symbol, or a segment */
	GRF_ROOT_NODE_FUNCTION,    /* all goroutines that began with a function */
	GRF_ROOT_NODE_GOROUTINE,
	GRF_ROOT_NODE_LOCAL,   /* of a goroutine: a variable of a frame, or the frame's function */
	GRF_ROOT_NODE_SPECIAL, /* all records of a name */
};

/* The nodes that are always there. */
enum { GRF_ROOT_ALL, GRF_ROOT_OF_RUNTIME, GRF_ROOT_OF_DESCRIPTORS, GRF_ROOT_FIXED };

struct grf_root_node {
	const char *name;            /* borrowed from the graph and its model */
	uint32_t parent;             /* before it in the array */
	uint8_t kind;                /* enum grf_root_node_kind */
	uint8_t tier;                /* grf_root_tier() of what it holds directly */
	const struct grf_type *type; /* of a variable; NULL: not known */
	size_t goroutine;            /* GOROUTINE: index of the model's goroutines */
};

/* A pointer from a root to an object. */
struct grf_root_edge {
	uint32_t root;
	uint32_t object; /* id */
};

struct grf_root_nodes {
	GRF_ARRAY(struct grf_root_node) nodes;
	GRF_ARRAY(struct grf_root_edge) edges; /* by root, then by object; each once */
	uint32_t *children;                    /* nodes below each node in turn */
	uint32_t *first_child; /* by node, and one more: where in `children` they begin */
};

/*
 * Roots hold an object in this order, by class: who comes later holds nothing that one before
 * reaches. A variable and a goroutine share what both hold; but what is a variable's does not
 * become everybody's because a queue of the runtime's, or the record of a finalizer, has a pointer
 * to it. An object is reached from the roots of its tier without any of the later ones.
 */
static inline uint8_t grf_root_tier(uint8_t root_class)
{
	return root_class == GRF_ROOT_FINALIZER ? 1 : root_class == GRF_ROOT_RUNTIME ? 2 : 0;
}

/**
 * Collects the roots of a graph that was made with places, and the reached objects that they lead
 * to. The caller frees them, also after an error: NO_MEMORY. There are fewer objects than 2^32.
 */
struct grf_error *grf_root_nodes_collect(const struct grf_graph *graph, struct grf_root_nodes *ret);
void grf_root_nodes_free(struct grf_root_nodes *roots);

#endif
