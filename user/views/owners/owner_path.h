/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way to what is owned, as text: elements from the root down, parted by " > ".
 */
#ifndef GRF_VIEWS_OWNERS_OWNER_PATH_H
#define GRF_VIEWS_OWNERS_OWNER_PATH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/array.h"
#include "graph/owners/retained.h"

/* A way is no longer than this: a list may have a million elements, and more. */
#define GRF_OWNER_STEPS 1000000u

/* So many elements of a path are shown. */
#define GRF_OWNER_PATH_ELEMENTS 12u

struct grf_owner_step {
	const char *element;    /* as it was added */
	const char *unspecific; /* NULL; or what is shown before `shown`, with ")" behind that */
	const char *shown;
	uint32_t times; /* so often it came */
};

/* A path that is being written; begin with the stream alone. All names live as long as the graph.
 * An element that comes again, as in a list or a tree, is shown once, with how often: that of the
 * chain which goes around is where it came first. */
struct grf_owner_path {
	FILE *stream;
	struct grf_owner_step steps[GRF_OWNER_PATH_ELEMENTS];
	uint32_t count;   /* of them */
	const char *last; /* element */
	uint32_t in_row;  /* so often it came at the end, shown or not */
	uint32_t deepest; /* how often the element comes that comes most often */
	bool cut;
};

/** Adds an element; NULL: none. */
void grf_owner_path_add(struct grf_owner_path *path, const char *element);

/** The same for who shows the element in words of its own: they are to be put into what is
 * returned. NULL: it is not shown. */
struct grf_owner_step *grf_owner_path_step(struct grf_owner_path *path, const char *element);

/** Writes it. */
void grf_owner_path_end(struct grf_owner_path *path);

/** What a step down to a node is called. NULL: it says nothing more. */
const char *grf_owner_element(const struct grf_retained *retained, uint32_t node);

/** What is known of an element but its text. NULL: nothing. */
const struct grf_element *grf_owner_element_about(const struct grf_retained *retained,
						  const char *element);

/** The type of a node. NULL: not known. */
const struct grf_type *grf_owner_type(const struct grf_retained *retained, uint32_t node);

/** What a node is called that no single root owns: its type. NULL: it is a root, or of a
 * type that is not known or has no pointers. */
const char *grf_owner_shared_name(const struct grf_retained *retained, uint32_t node);

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

/* Gets an element of a way; `first`: it is a root, or what the way begins with. */
typedef void grf_owner_element_visit(void *context, const char *element, bool first);

/**
 * Calls visit() for the elements of a way that are not NULL. What no single root owns begins with
 * its type: any chain that leads there is one of many, by a callback or a log of whoever else has a
 * pointer to it. It has the shortest one in front, as the reference tree has it, where there is no
 * such type.
 */
void grf_owner_way_elements(const struct grf_retained *retained, const struct grf_owner_way *way,
			    grf_owner_element_visit *visit, void *context);

/** Adds the elements of a way. */
void grf_owner_path_add_way(struct grf_owner_path *path, const struct grf_retained *retained,
			    const struct grf_owner_way *way);

#endif
