/* SPDX-License-Identifier: BSD-2-Clause */
/* The numbers of a run, which the summary and all other outputs show. */
#ifndef GRF_VIEWS_FACTS_H
#define GRF_VIEWS_FACTS_H

#include "graph/graph.h"
#include "image/provenance.h"
#include "views/shown_tree.h"
#include "views/table.h"
#include "views/verification.h"

struct grf_suspects;

#define GRF_FACTS_LARGEST 10u

/* Sizes in bytes. Borrows from the graph and its model. */
struct grf_facts {
	const struct grf_provenance *provenance;
	const char *program;    /* the path of the executable as the process has it */
	const char *opened;     /* the path of the file that was read instead, or the same */
	bool deleted;           /* the executable was deleted */
	const char *build_id;   /* in hexadecimal digits; empty: none */
	const char *go_version; /* as the program says */
	bool has_dwarf;
	/* Set by who shows them: of the summary, only what a view needs to be read; or also how the
	 * process was held and copied. */
	bool brief, details;
	uint64_t goroutines;         /* as runtime.NumGoroutine counts them */
	uint64_t runtime_goroutines; /* those that the runtime started for itself */
	uint64_t cut_stacks; /* stacks of goroutines that could not be walked to their end */
	uint64_t allocated_objects, allocated_bytes;
	uint64_t heap_in_use; /* bytes of spans that hold objects: HeapInuse */
	uint64_t reachable_objects, reachable_bytes;
	uint64_t untyped_objects, untyped_bytes; /* of those reachable */
	/* Set by who shows a part of the tree, and borrowed; NULL: all is shown. */
	const struct grf_shown_elements *shown;
	uint64_t shown_objects, shown_bytes;
	/* Set by who looked for them, and borrowed; NULL: nobody did. */
	const struct grf_suspects *suspects;
	const struct grf_verification *verification; /* likewise: the facts are those of one */
	bool
	    without_suspects; /* the heap is too large to look for them where no table is written */
	struct grf_tree_root largest[GRF_FACTS_LARGEST];
	size_t largest_count;
	char build_id_text[129];
};

/* Collects the facts of an analysis. */
void grf_facts_collect(const struct grf_graph *graph, struct grf_facts *ret);

/* The table of the largest roots: bytes, share of what is reachable, objects, name. Borrows the
 * facts. */
struct grf_table grf_facts_largest_roots(const struct grf_facts *facts);

#endif
