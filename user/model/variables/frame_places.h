/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what DWARF says of a function to the variables of a frame at one pc; private to the
 * variables. See frame_places.c.
 */
#ifndef GRF_MODEL_VARIABLES_FRAME_PLACES_H
#define GRF_MODEL_VARIABLES_FRAME_PLACES_H

#include <uthash.h>

#include "model/variables/variables_private.h"

/* The name of the hidden parameter that points to a generic function's dictionary. */
#define GRF_DICTIONARY_NAME ".dict"

struct grf_frame_range {
	uint64_t low, high;
};

struct grf_frame_scope {
	const char *function; /* full name of the (inlined) function */
	uint32_t depth;
	uint32_t first_range, range_count;
};

struct grf_frame_variable {
	const char *name;
	struct grf_type *type;
	uint64_t size;
	uint32_t scope;
	bool indirect;
	bool slot_only;            /* only a name for a slot that nothing else names */
	uint64_t dictionary_entry; /* of the true type, or GRF_NO_DICTIONARY */
	size_t first_place, place_count;
};

struct grf_frame_description {
	struct grf_frame_description *next; /* in grf_locals.descriptions */
	GRF_ARRAY(struct grf_frame_variable) variables;
	GRF_ARRAY(struct grf_frame_scope) scopes;
	GRF_ARRAY(struct grf_frame_range) ranges;
	struct grf_places places;
};

/* The variables of frames at one pc; addresses are offsets from the frame address. */
struct grf_frame_locals {
	uint64_t pc;
	struct grf_local *items;
	uint64_t *dictionary_entries; /* of each item */
	size_t count;
	const char *function; /* of the frame */
	int64_t dictionary;   /* offset of .dict's slot */
	bool have_dictionary;
	bool generic; /* some item is of a shape */
	UT_hash_handle hh;
};

/* Sets the frame's variables at a link-time pc. Without memory for them it has fewer, or none. */
void grf_frame_fill(struct grf_types *types, const struct grf_frame_description *description,
		    uint64_t pc, struct grf_frame_locals *frame);

#endif
