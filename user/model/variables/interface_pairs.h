/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which type word of a frame belongs to which data word, where DWARF names more than one; private
 * to the variables. See interface_pairs.c.
 */
#ifndef GRF_MODEL_VARIABLES_INTERFACE_PAIRS_H
#define GRF_MODEL_VARIABLES_INTERFACE_PAIRS_H

#include "base/array.h"

#include <stdint.h>

/* The two words of an interface, by some entry of a location list. */
struct grf_interface_pair {
	int64_t type_word, data_word; /* offsets from the frame address */
	bool valid;                   /* the entry holds at the pc */
	bool in_scope;                /* the variable's scope holds the pc */
	/* Of grf_interface_pairs_settle(): a word of it belongs to another pair, or may as well. */
	bool out, contested;
};

struct grf_interface_pairs {
	GRF_ARRAY(struct grf_interface_pair) array;
	bool incomplete; /* there were more than are kept */
};

void grf_interface_pairs_add(struct grf_interface_pairs *pairs,
			     const struct grf_interface_pair *pair);

/* Rules out pairs of which a word belongs to another one. Once, when all are added. */
void grf_interface_pairs_settle(struct grf_interface_pairs *pairs);

/* Whether these two words surely are an interface at the pc, as far as the places tell. */
bool grf_interface_pairs_hold(const struct grf_interface_pairs *pairs, int64_t type_word,
			      int64_t data_word);

#endif
