/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The object graph of a model: every live object once, and its node in the reference tree. It is
 * made once, and views work from it. It alone defines roots and edges, by the runtime's own masks,
 * stack maps and specials. The face of this stage; tree.h has the reference tree, owners/retained.h
 * what would be freed, can_run.h which goroutines never run again.
 */
#ifndef GRF_GRAPH_GRAPH_H
#define GRF_GRAPH_GRAPH_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "graph/objects.h"
#include "graph/places.h"
#include "graph/tree.h"
#include "model/model.h"
#include "model/stacks/labels.h"

struct grf_stored_types;

/* With more sets of labels, such as one for each request, they say no more than addresses would. */
#define GRF_LABEL_SETS 256u

struct grf_graph_options {
	uint32_t max_depth; /* elements in a chain; deeper objects count at the last one */
	bool no_fold;       /* every step of recursive structures, not each element once */
	bool places;        /* keep for each object where it stands */
	bool labels;        /* tell goroutines with other labels apart, in `labelled` */
};

/* A word of a data segment or of a stack that leads into the heap, and what it was followed as. */
struct grf_root_claim {
	uint64_t address;
	uint32_t kind;   /* index of grf_graph.kinds: the node is the variable's, or below it */
	uint32_t order;  /* among all claims; the first one of a word counts */
	uint32_t offset; /* bytes from where the variable's value begins; GRF_CLAIM_ALONE */
};

/* The words beside it are not the value's, or it is not known of what value the word is a part. */
#define GRF_CLAIM_ALONE UINT32_MAX

/* Arrays are indexed by object id (model/heap/heap.h). */
struct grf_graph {
	struct grf_model *model; /* borrowed */
	struct grf_tree *tree;   /* owned, as all that follows */
	/* The same with a root for each set of labels of goroutines. NULL: not asked for, no
	 * goroutine has labels, or there are more sets than GRF_LABEL_SETS. */
	struct grf_tree *labelled;
	GRF_ARRAY(struct grf_label_list) label_sets;
	struct grf_places places; /* indices of `kinds`; none unless they are kept */
	struct grf_object_kind *kinds;
	uint32_t kind_count;
	struct grf_root_claim *claims; /* by address, each once; NULL unless places are kept */
	size_t claim_count;
	/* What edges remember between calls; not for two threads at a time. */
	struct grf_stored_types *stored;
};

/**
 * Walks a model from its roots. The same model gives the same graph. The graph borrows names from
 * the model, which must outlive it. Gives it to the caller. Errors: NO_MEMORY, INTERRUPTED.
 */
struct grf_error *grf_graph_create(struct grf_model *model, const struct grf_graph_options *options,
				   struct grf_graph **ret);
void grf_graph_destroy(struct grf_graph *graph);

static inline void grf_graph_cleanup_fn(struct grf_graph **graph)
{
	grf_graph_destroy(*graph);
}
#define _cleanup_graph_ __attribute__((cleanup(grf_graph_cleanup_fn)))

/* Whether an object is alive; where places are kept. */
static inline bool grf_graph_reached(const struct grf_graph *graph, uint64_t id)
{
	assert(grf_places_kept(&graph->places) && "made with places");
	return grf_places_get(&graph->places, id);
}

/* The index of `kinds` of a reached object. */
static inline uint32_t grf_graph_kind_index(const struct grf_graph *graph, uint64_t id)
{
	return grf_places_get(&graph->places, id) & ~GRF_GRAPH_INSIDE;
}

/* Where a reached object stands and what it is; where places are kept. */
static inline struct grf_object_kind grf_graph_kind(const struct grf_graph *graph, uint64_t id)
{
	uint32_t place = grf_places_get(&graph->places, id);
	struct grf_object_kind kind;

	assert(place);
	kind = graph->kinds[place & ~GRF_GRAPH_INSIDE];
	kind.inside = place & GRF_GRAPH_INSIDE;
	return kind;
}

/* What the word of `address` was followed as; NULL: no variable or symbol has claimed it, or it
 * does not lead into the heap. Where places are kept. */
const struct grf_root_claim *grf_graph_claim(const struct grf_graph *graph, uint64_t address);

enum grf_root_source {
	GRF_ROOT_OF_SEGMENT,
	GRF_ROOT_OF_GOROUTINE,
	GRF_ROOT_OF_SPECIAL,
};

/* A word outside the heap with which the collector begins. */
struct grf_root_word {
	enum grf_root_source source;
	size_t index;     /* of the model's goroutines, or specials */
	uint64_t address; /* its address; 0: it is in no memory (a register) */
	uint64_t value;   /* not 0 */
	const char *name; /* function or segment */
	bool conservative;
};
typedef void grf_root_visit(void *context, const struct grf_root_word *word);

/**
 * Calls visit() for each root: the words of data and bss segments and of stacks, and what else
 * goroutines and specials hold. Objects of which only the referents are roots are not among them.
 * The walk takes the words of the same enumeration (root_words.h), class by class and with what is
 * known of each.
 */
void grf_graph_roots(const struct grf_graph *graph, grf_root_visit *visit, void *context);

/* A word at `address` of an object, with the pointer that stands there, which is not 0. */
typedef void grf_edge_visit(void *context, uint64_t address, uint64_t value);

/**
 * Calls visit() for each pointer of an allocated slot that the collector follows. The walk follows
 * the words of the same masks (object_pointers.h), in the order of the types that lead there: a
 * type's own plan instead of a mask only where both are the same. False: out of memory.
 */
bool grf_graph_edges(const struct grf_graph *graph, const struct grf_span *span, uint32_t slot,
		     grf_edge_visit *visit, void *context);

#endif
