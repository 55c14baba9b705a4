/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Variables that the compiler took apart, such as an interface whose two words are in two spill
 * slots, or a slice whose pointer and capacity are in different places. The pieces are put together
 * again, so that a type word is seen with its data word. A word that is not in the frame's memory
 * stays unknown.
 */
#ifndef GRF_GRAPH_WALK_PIECES_H
#define GRF_GRAPH_WALK_PIECES_H

#include "graph/walk/walk.h"
#include "model/variables/variables.h"

/* How many of the `count` locals, from the first one on, are pieces of one variable that do not
 * overlap. At least 1. */
size_t grf_pieces_count(const struct grf_local *locals, size_t count);

/* Whether the pieces are side by side and in order, so that they are one piece. */
bool grf_pieces_adjoin(const struct grf_local *pieces, size_t count);

/* Whether type words are to be checked before they are believed: the variable has interfaces, and
 * is not valid at the pc. Plans the type. */
bool grf_pieces_doubtful(struct grf_walk *walk, const struct grf_local *pieces, size_t count);

/* Follows the variable of `pieces` where its words are pending in `area`, the current stack. `spot`
 * is the variable's; `frame` are the words of its frame. */
void grf_walk_pieces(struct grf_walk *walk, struct grf_area *area, const struct grf_words *frame,
		     const struct grf_local *pieces, size_t count, uint32_t spot);

#endif
