/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The views: each makes a tree or a table from a graph, and knows no format. A new view is one file
 * and one row in views.c.
 */
#ifndef GRF_VIEWS_VIEW_H
#define GRF_VIEWS_VIEW_H

#include "graph/graph.h"
#include "graph/owners/retained.h"
#include "views/facts.h"
#include "views/shown_tree.h"
#include "views/table.h"
#include "views/verification.h"

struct grf_owners;

/* What must be there before a view can be made. Each has all those before it. */
enum grf_view_needs {
	GRF_NEEDS_TREE,     /* the graph's tree, and the facts */
	GRF_NEEDS_PLACES,   /* grf_graph_options.places */
	GRF_NEEDS_RETAINED, /* what would be freed with what */
	GRF_NEEDS_OWNERS,
};

/* An option of a view's command that is the view's own, with a value; it may be given again. */
struct grf_view_option {
	const char *name;  /* "hide": --hide */
	const char *value; /* what --help calls its value */
	const char *about; /* for --help */
};

#define GRF_VIEW_OPTIONS 8u  /* of one view */
#define GRF_VIEW_VALUES  64u /* of all options together, as often as they are given */

/* What was asked of a view on its command line; borrowed from there. */
struct grf_view_asked {
	const char *argument; /* NULL: the view wants none */
	struct {
		const struct grf_view_option *option;
		const char *value;
	} values[GRF_VIEW_VALUES]; /* in the order in which they were given */
	size_t value_count;
};

/* What views are made from. */
struct grf_view_input {
	const struct grf_graph *graph; /* borrowed */
	const struct grf_facts *facts; /* borrowed */
	struct grf_retained *retained; /* owned; NULL: not made */
	struct grf_owners *owners;     /* owned; NULL: not made */
	/* Borrowed, and set by who shows it: for the views of it. So many of its differences of
	 * each kind are listed. */
	const struct grf_verification *verification;
	uint64_t differences;
	/* Borrowed; the part of the tree to show; NULL: all. Set by the caller. */
	const struct grf_shown_elements *shown;
	struct grf_view_asked asked; /* set by the caller, where the view wants anything */
};

#define GRF_VIEW_TABLES 4u

/* What a view has given. */
struct grf_view_result {
	const struct grf_view *view;
	const struct grf_tree *tree; /* borrowed from the graph or `made`; NULL: it is tables */
	/* The same with a root for each set of labels that goroutines have; NULL: not told apart.
	 */
	const struct grf_tree *labelled;
	struct grf_table tables[GRF_VIEW_TABLES];
	size_t table_count;
	void *made; /* the view's own; what the tables borrow */
};

/* People get so many rows of a view that has a command, unless they ask for others. */
#define GRF_COMMAND_ROWS 30u

/* A view: a row of a list. */
struct grf_view {
	const char *name; /* lower-case: of its table or of one of them, and of its command */
	enum grf_view_needs needs;
	size_t people_rows; /* people get so many rows at the most; 0: all */
	bool in_summary;    /* it is not written where the summary is, which has it */
	/* Of its command; NULL: it has none. A line for the list of commands; all of --help. */
	const char *about, *help;
	/* Of its command: what it calls the argument behind the others; NULL: it wants none. And
	 * the options that it alone has, up to one without a name; NULL: none. */
	const char *argument;
	const struct grf_view_option *options;
	/* Fills in the tree, or tables and `made`. Errors: NO_MEMORY, INTERRUPTED; USAGE: what was
	 * asked for is not there. */
	struct grf_error *(*make)(const struct grf_view_input *input, struct grf_view_result *ret);
	void (*destroy)(void *made); /* NULL: `made` is nothing to free */
};

extern const struct grf_view grf_view_owners;
extern const struct grf_view grf_view_tree;
extern const struct grf_view grf_view_largest_roots;
extern const struct grf_view grf_view_types;
extern const struct grf_view grf_view_goroutines;
extern const struct grf_view grf_view_holders;

/* Of input->verification. */
extern const struct grf_view grf_view_verification;
extern const struct grf_view grf_view_differences;

/* Lists end with NULL. What attach and core write, in the order in which people read it. */
extern const struct grf_view *const grf_profile_views[];
/* What has a command of its own. */
extern const struct grf_view *const grf_command_views[];

/* What must be there for all views of a list. */
enum grf_view_needs grf_views_need(const struct grf_view *const *views);

/**
 * Makes what views with such needs are made from, but the facts, which the caller sets. The caller
 * destroys it, also after an error. Errors: NO_MEMORY; UNSUPPORTED: too many objects; INTERRUPTED.
 */
struct grf_error *grf_view_input_create(const struct grf_graph *graph, enum grf_view_needs needs,
					struct grf_view_input *ret);
void grf_view_input_destroy(struct grf_view_input *input);
#define _cleanup_view_input_ __attribute__((cleanup(grf_view_input_destroy)))

#define GRF_MAX_VIEWS 16u

struct grf_view_results {
	struct grf_view_result items[GRF_MAX_VIEWS];
	size_t count;
};

/**
 * Makes the views of a list, in its order, but those whose needs are not there. The caller destroys
 * them, also after an error. They borrow from the input, but not what is retained, of which this
 * frees the memory. Errors: those of make().
 */
struct grf_error *grf_views_make(const struct grf_view *const *views, struct grf_view_input *input,
				 struct grf_view_results *ret);
void grf_view_results_destroy(struct grf_view_results *results);
#define _cleanup_view_results_ __attribute__((cleanup(grf_view_results_destroy)))

#endif
