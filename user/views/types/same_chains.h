/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains of the reference tree by their text: roots of one name, of goroutines that were started in
 * several places, are several nodes with the same elements below them. */
#ifndef GRF_VIEWS_TYPES_SAME_CHAINS_H
#define GRF_VIEWS_TYPES_SAME_CHAINS_H

#include <stdint.h>
#include <stdio.h>

#include "graph/tree.h"

/** For each node of a tree the first one with the same chain. Freed by the caller. NULL: out of
 * memory. */
uint32_t *grf_same_chains(const struct grf_tree *tree);

/** Prints the elements from the root down to a node, parted by " > ". */
void grf_print_chain(FILE *stream, const struct grf_tree *tree, uint32_t node);

#endif
