/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reference tree: chains of elements ("main.cache", "entries. (map[string]*main.T)",
 * "$mapval. (*main.T)", ...) with the objects and bytes that stand at each. Every live object is
 * counted at one node.
 */
#ifndef GRF_GRAPH_TREE_H
#define GRF_GRAPH_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Root classes in the order in which they take objects. */
enum grf_root_class {
	GRF_ROOT_APPLICATION, /* package variables of the program and its libraries */
	GRF_ROOT_GOROUTINE,   /* frames of its goroutines */
	GRF_ROOT_FINALIZER,   /* finalizers, cleanups, weak handles */
	GRF_ROOT_RUNTIME,     /* the runtime's variables and goroutines */
	GRF_ROOT_CLASSES
};

#define GRF_TREE_NONE UINT32_MAX

struct grf_label_list;

struct grf_tree_node {
	const char *name; /* interned; borrowed from the model or the tree */
	uint32_t parent;  /* GRF_TREE_NONE for a root */
	uint32_t depth;   /* 0 for a root */
	uint32_t first_child, last_child, next_sibling; /* or GRF_TREE_NONE */
	bool untyped;                                   /* at or below "$sub_objects$" */
	bool inferred; /* at or below an element whose type no pointer and no record tells */
	const char
	    *created_by; /* of a goroutine's roots: where it was started, or NULL; interned */
	uint8_t root_class;
	uint32_t labels;  /* of a goroutine's roots: 1 + index of its label_sets; 0: none */
	uint64_t objects; /* at this node alone */
	uint64_t bytes;
};

struct grf_tree {
	struct grf_tree_node *nodes; /* parents before their children; roots in class order */
	uint32_t node_count;
	uint64_t objects, bytes; /* totals over all nodes */
	/* At or below "$sub_objects$". */
	uint64_t untyped_objects, untyped_bytes;
	uint64_t class_objects[GRF_ROOT_CLASSES], class_bytes[GRF_ROOT_CLASSES];
	uint64_t heap_objects, heap_bytes;       /* allocated slots in the heap, reached or not */
	const struct grf_label_list *label_sets; /* borrowed */
	void *strings;                           /* private: names that the tree made itself */
};

/* Writes the chain of a node into `buffer`, its elements separated by " <- ", the root last. Leaves
 * out the middle of a long chain. Returns `buffer`. */
const char *grf_tree_chain(const struct grf_tree *tree, uint32_t node, char *buffer, size_t size);

/* The names of the elements of a chain, from `node` up; of a long one those nearest to it. Returns
 * how many there are, at most `capacity`. */
size_t grf_tree_chain_elements(const struct grf_tree *tree, uint32_t node, const char **ret,
			       size_t capacity);

void grf_tree_destroy(struct grf_tree *tree);

static inline void grf_tree_cleanup_fn(struct grf_tree **tree)
{
	grf_tree_destroy(*tree);
}
#define _cleanup_tree_ __attribute__((cleanup(grf_tree_cleanup_fn)))

/* How many nodes have objects of their own. */
size_t grf_tree_samples(const struct grf_tree *tree);

/* Bytes and objects of each root with all nodes below it, largest first, at most `capacity`.
 * Returns how many were written. */
struct grf_tree_root {
	const char *name;
	uint64_t objects, bytes;
};
size_t grf_tree_largest_roots(const struct grf_tree *tree, struct grf_tree_root *ret,
			      size_t capacity);

#endif
