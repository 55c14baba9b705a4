/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue in blocks of 65,535 places: one mebibyte each, freed once read. */
#include "graph/walk/frontier.h"

#include <stdlib.h>

#define BLOCK_PLACES 65535

struct grf_frontier_block {
	struct grf_frontier_block *next;
	struct grf_place places[BLOCK_PLACES];
};

static bool add_block(struct grf_frontier *frontier)
{
	struct grf_frontier_block *block = malloc(sizeof(*block));

	if (!block)
		return false;
	block->next = NULL;
	if (frontier->tail)
		frontier->tail->next = block;
	else
		frontier->head = block;
	frontier->tail = block;
	frontier->written = 0;
	return true;
}

bool grf_frontier_push(struct grf_frontier *frontier, const struct grf_place *place)
{
	if ((!frontier->tail || frontier->written == BLOCK_PLACES) && !add_block(frontier))
		return false;
	frontier->tail->places[frontier->written++] = *place;
	frontier->count++;
	return true;
}

bool grf_frontier_pop(struct grf_frontier *frontier, struct grf_place *ret)
{
	struct grf_frontier_block *block = frontier->head;

	if (!frontier->count)
		return false;
	if (frontier->read == BLOCK_PLACES) {
		frontier->head = block->next;
		frontier->read = 0;
		free(block);
		block = frontier->head;
	}
	*ret = block->places[frontier->read++];
	if (!--frontier->count) {
		/* Empty: begin the last block anew rather than walk on through memory. */
		frontier->read = 0;
		frontier->written = 0;
	}
	return true;
}

const struct grf_place *grf_frontier_peek(const struct grf_frontier *frontier, size_t ahead)
{
	size_t at = frontier->read + ahead;

	if (ahead >= frontier->count || at >= BLOCK_PLACES)
		return NULL;
	return &frontier->head->places[at];
}

void grf_frontier_free(struct grf_frontier *frontier)
{
	while (frontier->head) {
		struct grf_frontier_block *block = frontier->head;

		frontier->head = block->next;
		free(block);
	}
	*frontier = (struct grf_frontier){0};
}
