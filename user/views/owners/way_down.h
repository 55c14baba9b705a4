/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way down in the dominator tree: as long as one object, or objects that are all one element of
 * what is above them (the entries of a map, the same variable of many goroutines), retain nearly
 * all of it.
 */
#ifndef GRF_VIEWS_OWNERS_WAY_DOWN_H
#define GRF_VIEWS_OWNERS_WAY_DOWN_H

#include "graph/graph.h"
#include "graph/owners/retained.h"
#include "views/owners/container.h"
#include "views/owners/owner_path.h"

/* The way goes down to one object that has this share of what is above, or to those that have it of
 * what is below, where that is more than what is above has itself. */
#define GRF_WAY_SHARE 0.7
/* Of many objects beside each other so many are looked below: the first. */
#define GRF_WAY_SAMPLE 1024u

struct grf_way_down {
	struct grf_container container; /* what the last object that is alone is, or is a part of */
	uint32_t depth;                 /* how often the element comes that comes most often */
	const struct grf_type *type;    /* of the last element, or of the first of its objects */
	uint64_t owned; /* what the last object that is alone owns directly; where the way goes on
			   there, how many objects stand beside each other where most do */
};

/* Which elements a way has from each of its nodes on that are alone, to print it again from there.
 * Of a long way nothing is kept. */
struct grf_way_trail {
	GRF_ARRAY(struct grf_way_point) points;
	GRF_ARRAY(struct grf_owner_step) steps;
	bool cut;
};

struct grf_way_point {
	uint32_t node;
	uint32_t step; /* index of the first one behind it */
};

void grf_way_trail_free(struct grf_way_trail *trail);

/**
 * Goes on with a path that leads to a node, and ends it, as grf_way_down_print() does. False: the
 * way did not come by that node, and nothing is done.
 */
bool grf_way_trail_print(const struct grf_way_trail *trail, uint32_t node,
			 struct grf_owner_path *path);

/**
 * Goes on with a path that leads to `nodes`, and ends it: those beside each other are `nodes`,
 * `count` of them, at most GRF_WAY_SAMPLE. Names are those of the tree. Fills in an empty trail,
 * which the caller frees; NULL: none is kept. False: out of memory.
 */
bool grf_way_down_print(const struct grf_retained *retained, const uint32_t *nodes, uint32_t count,
			struct grf_owner_path *path, struct grf_way_trail *trail,
			struct grf_way_down *ret);

#endif
