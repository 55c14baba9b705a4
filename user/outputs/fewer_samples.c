/* SPDX-License-Identifier: BSD-2-Clause */
/* Ranks nodes by what they hold, and adds the rest to what is above. */
#include "outputs/fewer_samples.h"

#include <stdlib.h>

#include "base/cleanup.h"

struct ranked {
	uint64_t bytes; /* of the node and all below it */
	uint32_t node;
};

/* A node comes before those below it, which hold no more and have higher numbers. */
static int by_bytes(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;

	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	return a->node < b->node ? -1 : a->node > b->node;
}

static struct ranked *rank_nodes(const struct grf_tree *tree)
{
	struct ranked *ranked = calloc((size_t)tree->node_count + 1, sizeof(*ranked));

	for (uint32_t i = 0; ranked && i < tree->node_count; i++)
		ranked[i] = (struct ranked){tree->nodes[i].bytes, i};
	for (uint32_t i = tree->node_count; ranked && i-- > 0;)
		if (tree->nodes[i].parent != GRF_TREE_NONE)
			ranked[tree->nodes[i].parent].bytes += ranked[i].bytes;
	if (ranked && tree->node_count)
		qsort(ranked, tree->node_count, sizeof(*ranked), by_bytes);
	return ranked;
}

/* Adds what nodes behind the first `limit` have to those above. */
static struct grf_error *fold_small(const struct grf_tree *tree, size_t limit,
				    struct grf_sample_values *values,
				    struct grf_folded_samples *ret_folded)
{
	_cleanup_free_ struct ranked *ranked = rank_nodes(tree);
	_cleanup_free_ bool *kept = calloc((size_t)tree->node_count + 1, sizeof(*kept));

	if (!ranked || !kept)
		return grf_error_no_memory();
	for (size_t i = 0; i < limit && i < tree->node_count; i++)
		kept[ranked[i].node] = true;
	for (uint32_t i = tree->node_count; i-- > 0;) {
		uint32_t parent = tree->nodes[i].parent;

		if (kept[i] || parent == GRF_TREE_NONE || !values[i].objects)
			continue;
		ret_folded->count += tree->nodes[i].objects != 0;
		ret_folded->bytes += tree->nodes[i].bytes;
		values[parent].objects += values[i].objects;
		values[parent].bytes += values[i].bytes;
		values[i] = (struct grf_sample_values){0};
	}
	return NULL;
}

struct grf_error *grf_fewer_samples(const struct grf_tree *tree, size_t limit,
				    struct grf_sample_values **ret_values,
				    struct grf_folded_samples *ret_folded)
{
	struct grf_sample_values *values = calloc((size_t)tree->node_count + 1, sizeof(*values));
	struct grf_error *error = NULL;
	size_t samples = 0;

	*ret_folded = (struct grf_folded_samples){0};
	if (!values)
		return grf_error_no_memory();
	for (uint32_t i = 0; i < tree->node_count; i++) {
		values[i].objects = tree->nodes[i].objects;
		values[i].bytes = tree->nodes[i].bytes;
		samples += values[i].objects != 0;
	}
	if (limit && samples > limit)
		error = fold_small(tree, limit, values, ret_folded);
	if (error)
		free(values);
	else
		*ret_values = values;
	return error;
}
