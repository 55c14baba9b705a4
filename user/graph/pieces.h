/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Variables that the compiler took apart: the two words of an interface in two spill slots that do
 * not stand side by side, the pointer of a slice in one place and its capacity in another. They are
 * put together again, so that a type word is seen with its data word; a word that stands nowhere in
 * the frame's memory is not guessed.
 */
#ifndef GRF_GRAPH_PIECES_H
#define GRF_GRAPH_PIECES_H

#include "graph/walk.h"

/* How many of the `count` locals from the first one on are pieces of one variable that do not
 * overlap; at least 1. */
size_t grf_pieces_count(const struct grf_local *locals, size_t count);

/* Whether such pieces stand side by side and in order, so that they are one piece. */
bool grf_pieces_adjoin(const struct grf_local *pieces, size_t count);

/* Follows the variable that `pieces` are of, as far as its words are pending in `area`, which is
 * the stack at hand. `spot` is the variable's. */
void grf_walk_pieces(struct grf_walk *walk, struct grf_area *area, const struct grf_local *pieces,
		     size_t count, uint32_t spot);

#endif
