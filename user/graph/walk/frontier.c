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

bool grf_frontier_append(struct grf_frontier *frontier, size_t count,
			 struct grf_frontier_cursor *ret)
{
	if (!frontier->tail && !add_block(frontier))
		return false;
	*ret = (struct grf_frontier_cursor){frontier->tail, frontier->written};
	while (count) {
		size_t room = BLOCK_PLACES - frontier->written;

		if (!room) {
			if (!add_block(frontier))
				return false;
			continue;
		}
		room = room < count ? room : count;
		frontier->written += room;
		frontier->count += room;
		count -= room;
	}
	return true;
}

void grf_frontier_skip(struct grf_frontier_cursor *cursor, size_t count)
{
	cursor->at += count;
	while (cursor->at > BLOCK_PLACES) {
		cursor->block = cursor->block->next;
		cursor->at -= BLOCK_PLACES;
	}
}

void grf_frontier_fill(struct grf_frontier_cursor *cursor, const struct grf_place *place)
{
	grf_frontier_skip(cursor, 1);
	cursor->block->places[cursor->at - 1] = *place;
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
		/* Empty: begin the last block again rather than walk on through memory. */
		frontier->read = 0;
		frontier->written = 0;
	}
	return true;
}

size_t grf_frontier_next(struct grf_frontier *frontier, const struct grf_place **ret)
{
	struct grf_frontier_block *block = frontier->head;

	if (!frontier->count)
		return 0;
	if (frontier->read == BLOCK_PLACES) {
		frontier->head = block->next;
		frontier->read = 0;
		free(block);
		block = frontier->head;
	}
	*ret = &block->places[frontier->read];
	return (block == frontier->tail ? frontier->written : BLOCK_PLACES) - frontier->read;
}

void grf_frontier_take(struct grf_frontier *frontier, size_t count)
{
	frontier->read += count;
	frontier->count -= count;
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
