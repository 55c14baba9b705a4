/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens a process or a core, and writes the table of a view of it. */
#include "cli/view.h"

#include "base/log.h"
#include "base/memory/memory.h"
#include "cli/values.h"
#include "model/model.h"

#define MAX_ROWS 1000000000

static const struct argp_option view_options[] = {
    {"rows", 'n', "N", 0, "Show N rows to people (default 30); JSON has all", 0},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct grf_view_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->results;
		state->child_inputs[1] = &options->common;
		state->child_inputs[2] = &options->subject;
		return 0;
	case 'n':
		options->rows = (size_t)grf_parse_number(state, "--rows", argument, 1, MAX_ROWS);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&grf_result_argp, 0, NULL, 0},
					     {&grf_common_argp, 0, NULL, 0},
					     {&grf_subject_argp, 0, NULL, 0},
					     {0}};

static const struct argp view_argp = {
    .options = view_options,
    .parser = parse_option,
    .children = children,
};

const struct argp_child grf_view_children[] = {{&view_argp, 0, NULL, 0}, {0}};

error_t grf_view_parse(int key, char *argument, struct argp_state *state)
{
	(void)argument;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = state->input;
	return 0;
}

static struct grf_error *write_view(const struct grf_view_options *options,
				    const struct grf_view *view, const struct grf_results *results,
				    const struct grf_graph *graph)
{
	size_t rows = options->rows ? options->rows : GRF_VIEW_ROWS;
	struct grf_table table;
	struct grf_facts facts;
	void *made = NULL;
	struct grf_error *error = view->create(graph, &made, &table);

	if (error)
		return error;
	grf_memory_report();
	grf_facts_collect(graph, &facts);
	facts.brief = true;
	error = grf_results_write_table(results, &facts, &table, rows);
	if (!error)
		error = grf_print_summary(results, &facts);
	view->destroy(made);
	return error;
}

struct grf_error *grf_show_view(struct grf_view_options *options, const struct grf_view *view)
{
	const struct grf_graph_options graph_options = {
	    .max_depth = GRF_DEFAULT_DEPTH,
	    .places = true,
	};
	_cleanup_results_ struct grf_results results = {0};
	_cleanup_source_ struct grf_source source = {0};
	_cleanup_model_ struct grf_model *model = NULL;
	_cleanup_graph_ struct grf_graph *graph = NULL;
	struct grf_error *error = grf_results_open(&options->results, &results);

	if (!error)
		error = grf_subject_open(&options->subject, &results, options->common.no_sandbox,
					 &source);
	if (!error)
		error = grf_model_create(source.image, source.executable, &model);
	if (!error)
		error = grf_graph_create(model, &graph_options, &graph);
	if (!error)
		error = write_view(options, view, &results, graph);
	return error;
}
