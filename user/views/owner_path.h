/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way to what is owned, as text: elements from the root down, parted by " > ". An element that
 * comes again and again is there once, with how often.
 */
#ifndef GRF_VIEWS_OWNER_PATH_H
#define GRF_VIEWS_OWNER_PATH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/array.h"
#include "graph/owners/retained.h"

/* A way is no longer than this: a list may have a million elements, and more. */
#define GRF_OWNER_STEPS 1000000u

/* A path that is being written; begin with the stream alone. */
struct grf_owner_path {
	FILE *stream;
	const char *last; /* element */
	uint32_t repeats; /* of it, beside the first */
	uint32_t elements;
	uint32_t deepest; /* how often the element comes that comes most often in a row */
	bool cut;
};

/** Adds an element; NULL: none. It is borrowed until the next one. */
void grf_owner_path_add(struct grf_owner_path *path, const char *element);

/** The same for who prints the element in words of its own. True: it is to be printed now. */
bool grf_owner_path_begin(struct grf_owner_path *path, const char *element);

void grf_owner_path_end(struct grf_owner_path *path);

/** What a step down to a node is called. NULL: it says nothing more. */
const char *grf_owner_element(const struct grf_retained *retained, uint32_t node);

/** What is known of an element but its text. NULL: nothing. */
const struct grf_element *grf_owner_element_about(const struct grf_retained *retained,
						  const char *element);

/** The type of a node. NULL: not known. */
const struct grf_type *grf_owner_type(const struct grf_retained *retained, uint32_t node);

/** What objects of a type, which may be NULL, are called in a sentence. */
const char *grf_owner_type_name(const struct grf_retained *retained, const struct grf_type *type);

struct grf_owner_way {
	GRF_ARRAY(uint32_t) nodes; /* from just below all down to the node */
};

/**
 * Fills in what owns a node, each by the one before it, with the node as the last one; of a longer
 * way, the GRF_OWNER_STEPS nearest to the root. The caller frees the array. False: out of memory.
 */
bool grf_owner_way_to(const struct grf_retained *retained, uint32_t node,
		      struct grf_owner_way *ret);

/**
 * Writes the path of a way. What no single root owns has the shortest chain from a root in front,
 * as the reference tree has it.
 */
void grf_owner_path_write(struct grf_owner_path *path, const struct grf_retained *retained,
			  const struct grf_owner_way *way);

#endif
