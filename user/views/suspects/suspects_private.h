/* SPDX-License-Identifier: BSD-2-Clause */
/* What the checks share. A new check is one function and one row of the table in suspects.c. */
#ifndef GRF_VIEWS_SUSPECTS_SUSPECTS_PRIVATE_H
#define GRF_VIEWS_SUSPECTS_SUSPECTS_PRIVATE_H

#include "views/owners/container.h"
#include "views/owners/owner_path.h"
#include "views/owners/owners.h"
#include "views/suspects/suspects.h"

struct grf_suspecting {
	const struct grf_retained *retained;
	const struct grf_graph *graph;
	struct grf_suspects *suspects;
	const struct grf_owners *owners;
	uint64_t least; /* bytes */
};

/** What a check says. */
struct grf_suspicion {
	const char *name;
	uint32_t node;    /* on the way to what would be freed; GRF_NODE_NONE: `path` says it */
	const char *path; /* copied */
	const uint32_t *beside; /* nodes, `node` the first, on each of which the path goes on; NULL:
				   on that one alone */
	uint32_t beside_count;
	struct grf_retained_size size;
	uint64_t stacks; /* bytes of goroutines' stacks, which would be freed too */
	uint64_t count;
};

/**
 * Adds a suspect of a node, with the path to it. The sentence is what it holds and `format`: "PATH
 * holds 25.6 MiB (71 %): FORMAT; freeing it would free 230,869 objects". One that was said of
 * the node already is left out. Errors: NO_MEMORY.
 */
__attribute__((format(printf, 3, 4))) struct grf_error *
grf_suspect_add(struct grf_suspecting *suspecting, const struct grf_suspicion *suspicion,
		const char *format, ...);

/**
 * Adds a suspect that says it in its own words: `format` is the whole sentence. The path is that
 * to the node. Errors: NO_MEMORY.
 */
__attribute__((format(printf, 3, 4))) struct grf_error *
grf_suspect_say(struct grf_suspecting *suspecting, const struct grf_suspicion *suspicion,
		const char *format, ...);

/** The fewest bytes of a suspect that only its size makes one: a tenth of all, so that ten of them
 * would be the whole heap, and no fewer than are asked for. */
uint64_t grf_suspect_least(const struct grf_suspecting *suspecting);

/* So many things of one kind are many: a struct has rarely more fields of a type, and a program
 * seldom keeps more large buffers. */
#define GRF_SUSPECT_MANY 32u

typedef bool grf_suspect_wants(const struct grf_object_kind *kind);

/**
 * Calls visit() for each reached object of the kinds that are wanted, by address. One that is known
 * by what is inside of it is none. Errors: NO_MEMORY, INTERRUPTED.
 */
struct grf_error *grf_suspect_objects(struct grf_suspecting *suspecting, grf_suspect_wants *wants,
				      grf_node_visit *visit, void *context);

/* The checks. Errors: NO_MEMORY, INTERRUPTED. */
typedef struct grf_error *grf_suspect_check(struct grf_suspecting *suspecting);
grf_suspect_check grf_suspect_contexts;
grf_suspect_check grf_suspect_finalizers;
grf_suspect_check grf_suspect_goroutines;
grf_suspect_check grf_suspect_timers;
grf_suspect_check grf_suspect_pools;
grf_suspect_check grf_suspect_accumulations;
grf_suspect_check grf_suspect_shared;

#endif
