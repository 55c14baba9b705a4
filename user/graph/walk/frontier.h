/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frontier of a walk: a first-in first-out queue of places to visit, 16 bytes each, in blocks
 * that are freed once they are read. A place is an address with what is expected there.
 */
#ifndef GRF_GRAPH_WALK_FRONTIER_H
#define GRF_GRAPH_WALK_FRONTIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct grf_place {
	uint64_t address;
	uint32_t spot;  /* the walker's */
	uint32_t where; /* the walker's: a span's index, or a mark that it is something else */
};

struct grf_frontier_block;

struct grf_frontier {
	struct grf_frontier_block *head, *tail;
	size_t read;    /* next place in head */
	size_t written; /* places in tail */
	size_t count;   /* places waiting */
};

/* False: out of memory. */
bool grf_frontier_push(struct grf_frontier *frontier, const struct grf_place *place);

/* Where places that were appended are filled in. */
struct grf_frontier_cursor {
	struct grf_frontier_block *block;
	size_t at;
};

/* Appends `count` places, to be filled in through *ret. False: out of memory. */
bool grf_frontier_append(struct grf_frontier *frontier, size_t count,
			 struct grf_frontier_cursor *ret);
/* Goes on by `count` places. */
void grf_frontier_skip(struct grf_frontier_cursor *cursor, size_t count);
/* Fills in the next place. */
void grf_frontier_fill(struct grf_frontier_cursor *cursor, const struct grf_place *place);

/* Takes the first place out. False: empty. */
bool grf_frontier_pop(struct grf_frontier *frontier, struct grf_place *ret);

/* The first places, which stand at *ret side by side until this is called again. Returns how many
 * there are so: 0 when the queue is empty. */
size_t grf_frontier_next(struct grf_frontier *frontier, const struct grf_place **ret);

/* Takes the first `count` of these out. */
void grf_frontier_take(struct grf_frontier *frontier, size_t count);

void grf_frontier_free(struct grf_frontier *frontier);

#endif
