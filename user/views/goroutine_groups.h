/* SPDX-License-Identifier: BSD-2-Clause */
/* The program's goroutines, by function, place of the go statement and what they do. */
#ifndef GRF_VIEWS_GOROUTINE_GROUPS_H
#define GRF_VIEWS_GOROUTINE_GROUPS_H

#include "base/array.h"
#include "graph/owners/retained.h"
#include "views/table.h"

struct grf_goroutine_group {
	const char *function; /* of the go statement; NULL: not known */
	const char *state;
	char *created_by;   /* owned; NULL: not known, or the main goroutine */
	const char *labels; /* as grf_labels_text(); NULL: they have none, or are not told apart */
	uint64_t count;
	uint64_t never;   /* of them, that can never run again; GRF_CELL_UNKNOWN */
	uint64_t waiting; /* the longest, in nanoseconds; GRF_CELL_UNKNOWN */
	uint64_t stacks;  /* bytes */
	uint64_t held;    /* bytes that only they hold */
	uint64_t entry;   /* of the function; 0: not known */
	bool blocked;     /* as their state says, only goroutines can wake them */
	uint32_t node; /* the root of their function's goroutines; GRF_ROOT_ALL: none holds any */
	/* Of those that can never run again. */
	struct {
		uint64_t stacks; /* bytes */
		struct grf_retained_size held;
	} stuck;
};

struct grf_goroutine_groups {
	GRF_ARRAY(struct grf_goroutine_group) rows; /* by stacks and held bytes, largest first */
	GRF_ARRAY(char *) label_texts;              /* owned */
};

/**
 * Groups the goroutines of a graph, without the runtime's own, by function, place of the go
 * statement, state and labels. Borrows names from its model, and
 * nothing of `retained`. To be destroyed by the caller. Errors: NO_MEMORY, INTERRUPTED.
 */
struct grf_error *grf_goroutine_groups_create(const struct grf_retained *retained,
					      struct grf_goroutine_groups **ret);

/**
 * The same but by labels, where the verdict is known.
 * @param never as grf_graph_never_run() says; NULL: not known
 */
struct grf_error *grf_goroutine_groups_of(const struct grf_retained *retained, const bool *never,
					  struct grf_goroutine_groups **ret);
void grf_goroutine_groups_destroy(struct grf_goroutine_groups *groups);

/* The table "goroutines": goroutines, never, waiting, stacks, held, state, function, created_by,
 * labels. Borrows the groups. */
struct grf_table grf_goroutine_groups_table(const struct grf_goroutine_groups *groups);

#endif
