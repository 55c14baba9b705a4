/* SPDX-License-Identifier: BSD-2-Clause */
/* Compares chains element by element: parents come before their children, and names are interned.
 */
#include "views/types/same_chains.h"

#include <stdbool.h>
#include <stdlib.h>

#include "graph/pair_map.h"

/* Elements of a chain that are printed, those nearest to its end: so many as --max-depth has by
 * default. */
#define CHAIN_ELEMENTS 256u

/* Fills in `ret`. False: out of memory. */
static bool find_same(const struct grf_tree *tree, struct grf_pair_map *known, uint32_t *ret)
{
	for (uint32_t i = 0; i < tree->node_count; i++) {
		const struct grf_tree_node *node = &tree->nodes[i];
		uint64_t above = node->parent == GRF_TREE_NONE ? GRF_TREE_NONE : ret[node->parent];
		uint32_t same = grf_pair_map_get(known, above, (uintptr_t)node->name);

		if (same == GRF_PAIR_MAP_NONE) {
			same = i;
			if (!grf_pair_map_put(known, above, (uintptr_t)node->name, i))
				return false;
		}
		ret[i] = same;
	}
	return true;
}

uint32_t *grf_same_chains(const struct grf_tree *tree)
{
	uint32_t *same = calloc((size_t)tree->node_count + 1, sizeof(*same));
	struct grf_pair_map known = {0};

	if (same && !find_same(tree, &known, same)) {
		free(same);
		same = NULL;
	}
	grf_pair_map_free(&known);
	return same;
}

void grf_print_chain(FILE *stream, const struct grf_tree *tree, uint32_t node)
{
	const char *chain[CHAIN_ELEMENTS];
	size_t count = grf_tree_chain_elements(tree, node, chain, CHAIN_ELEMENTS);

	while (count) {
		fputs(chain[--count], stream);
		if (count)
			fputs(" > ", stream);
	}
}
