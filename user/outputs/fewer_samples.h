/* SPDX-License-Identifier: BSD-2-Clause */
/* A tree with no more samples than viewers take: what is small counts at what holds it. */
#ifndef GRF_OUTPUTS_FEWER_SAMPLES_H
#define GRF_OUTPUTS_FEWER_SAMPLES_H

#include "base/error.h"
#include "graph/tree.h"

struct grf_sample_values {
	uint64_t objects, bytes;
};

struct grf_folded_samples {
	uint64_t count; /* samples that are none of their own any more */
	uint64_t bytes; /* that they had */
};

/**
 * The objects and bytes to show at each node of a tree. Where more than `limit` nodes have objects
 * (0: there is no limit), only the `limit` nodes keep theirs that hold most, and all roots; those
 * of others count at the nearest node above that does. So what a node holds with all below it stays
 * the same. The caller frees *ret_values, an element for each node. Errors: NO_MEMORY.
 */
struct grf_error *grf_fewer_samples(const struct grf_tree *tree, size_t limit,
				    struct grf_sample_values **ret_values,
				    struct grf_folded_samples *ret_folded);

#endif
