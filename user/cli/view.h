/* SPDX-License-Identifier: BSD-2-Clause */
/* What commands that show one view have in common: all but the view. */
#ifndef GRF_CLI_VIEW_H
#define GRF_CLI_VIEW_H

#include "cli/cli.h"
#include "cli/subject.h"
#include "views/table.h"

struct grf_view {
	/* Makes the view of a graph with places, and its table. *ret_view is for destroy(). */
	struct grf_error *(*create)(const struct grf_graph *graph, void **ret_view,
				    struct grf_table *ret_table);
	void (*destroy)(void *view);
};

/* The options of such a command; results.tables is to be set. */
struct grf_view_options {
	struct grf_common_options common;
	struct grf_result_options results;
	struct grf_subject subject;
	size_t rows; /* people get so many at the most; 0: GRF_VIEW_ROWS */
};
#define GRF_VIEW_ROWS 30u

/* The parser and the children of such a command's argp: it has those options, and no others. Its
 * input is a struct grf_view_options. */
error_t grf_view_parse(int key, char *argument, struct argp_state *state);
extern const struct argp_child grf_view_children[];

struct grf_error *grf_show_view(struct grf_view_options *options, const struct grf_view *view);

#endif
