/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens a process or a core, makes one view of it, and writes that. */
#include "cli/view.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/memory/memory.h"
#include "cli/subject.h"

static struct view_options {
	struct grf_subject_options shared;
	const struct grf_view *view;
	struct grf_view_asked asked;
} options = {.shared.results.tables = true};

/* The keys of a view's own options. */
#define FIRST_KEY 0x600

static error_t add_value(const struct argp_state *state, struct view_options *options, int key,
			 const char *value)
{
	struct grf_view_asked *asked = &options->asked;

	if (key < FIRST_KEY || key >= FIRST_KEY + (int)GRF_VIEW_OPTIONS)
		return ARGP_ERR_UNKNOWN;
	if (asked->value_count == GRF_VIEW_VALUES) {
		argp_error(state, "more than %u options of one kind", GRF_VIEW_VALUES);
		return EINVAL;
	}
	asked->values[asked->value_count].option = &options->view->options[key - FIRST_KEY];
	asked->values[asked->value_count++].value = value;
	return 0;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct view_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		grf_subject_give_inputs(&options->shared, state);
		return 0;
	default:
		return add_value(state, options, key, argument);
	}
}

static struct grf_error *write_view(const struct view_options *options, struct grf_results *results,
				    const struct grf_graph *graph)
{
	const struct grf_view *const list[] = {options->view, NULL};
	_cleanup_view_input_ struct grf_view_input input = {0};
	_cleanup_view_results_ struct grf_view_results views = {0};
	struct grf_facts facts;
	struct grf_error *error = grf_view_input_create(graph, options->view->needs, &input);

	if (error)
		return error;
	grf_facts_collect(graph, &facts);
	facts.brief = true;
	input.facts = &facts;
	input.asked = options->asked;
	input.asked.argument = options->shared.subject.argument;
	error = grf_views_make(list, &input, &views);
	if (error)
		return error;
	grf_memory_report();
	error = grf_results_write(results, &facts, &views);
	return error ? error : grf_print_summary(results, &facts);
}

static struct grf_error *show_view(void *input, int *ret_status)
{
	struct view_options *options = input;
	_cleanup_subject_graph_ struct grf_subject_graph made;
	struct grf_error *error = grf_subject_graph_create(
	    &options->shared, options->view->needs >= GRF_NEEDS_PLACES, &made);

	(void)ret_status;
	return error ? error : write_view(options, &made.results, made.graph);
}

/* The options of a view as argp has them. */
static const struct argp_option *own_options(const struct grf_view *view)
{
	static struct argp_option own[GRF_VIEW_OPTIONS + 1];

	memset(own, 0, sizeof(own));
	for (size_t i = 0; view->options && view->options[i].name; i++) {
		assert(i < GRF_VIEW_OPTIONS);
		own[i].name = view->options[i].name;
		own[i].key = FIRST_KEY + (int)i;
		own[i].arg = view->options[i].value;
		own[i].doc = view->options[i].about;
	}
	return own;
}

/* How the arguments of a view's command are given: one way a line. */
static const char *name_arguments(const struct grf_view *view)
{
	static char text[256];

	if (!view->argument)
		return GRF_SUBJECT_ARGUMENTS;
	snprintf(text, sizeof(text),
		 GRF_SUBJECT_PROCESS " %s\n" GRF_SUBJECT_CORE " %s\n" GRF_SUBJECT_FILE " %s",
		 view->argument, view->argument, view->argument);
	return text;
}

struct grf_command grf_view_command(const struct grf_view *view)
{
	static struct argp argp = {
	    .parser = parse_option,
	    .children = grf_subject_children,
	};

	argp.doc = view->help;
	argp.options = own_options(view);
	argp.args_doc = name_arguments(view);
	options.view = view;
	options.shared.subject.argument_name = view->argument;
	return (struct grf_command){
	    .name = view->name,
	    .summary = view->about,
	    .argp = &argp,
	    .options = &options,
	    .run = show_view,
	};
}
