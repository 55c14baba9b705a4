/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells a process from a file by the first argument, and opens it. */
#include "cli/subject.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/live.h"
#include "cli/opening.h"

/* Takes the arguments apart: how many are left beside the one that stands behind them. */
static size_t sort_arguments(struct grf_subject *subject)
{
	size_t count = subject->given_count;

	if (subject->argument_name && count)
		subject->argument = subject->given[--count];
	return count;
}

static bool is_number(const char *text)
{
	return strspn(text, "0123456789") == strlen(text);
}

static error_t check_arguments(const struct argp_state *state, struct grf_subject *subject)
{
	const char *const *given = subject->given;
	size_t count = sort_arguments(subject);

	if (!count) {
		argp_error(state,
			   "give the id of a process, an executable and a core, or a snapshot%s%s",
			   subject->argument_name ? ", and " : "",
			   subject->argument_name ? subject->argument_name : "");
		return EINVAL;
	}
	if (is_number(given[0])) {
		subject->live.pid = grf_parse_process(state, given[0]);
		if (count > 1)
			subject->live.executable = grf_parse_executable(state, given[1]);
		if (subject->named)
			argp_error(state, "--exe is for a snapshot or a core; the executable of a "
					  "process stands behind its id");
		return 0;
	}
	/* An executable and a core, and nothing behind them. */
	if (subject->argument && count == 1 && !access(subject->argument, F_OK)) {
		argp_error(state, "give %s behind the core: `%s' is a file", subject->argument_name,
			   subject->argument);
		return EINVAL;
	}
	subject->executable = count > 1 ? given[0] : subject->named;
	subject->core = given[count - 1];
	if (count > 1 && subject->named)
		argp_error(state, "the executable is given twice, by --exe and before the core");
	return 0;
}

static error_t parse_argument(int key, char *argument, struct argp_state *state)
{
	struct grf_subject *subject = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &subject->live;
		state->child_inputs[1] = &subject->named;
		return 0;
	case ARGP_KEY_ARG:
		if (subject->given_count == 2u + !!subject->argument_name)
			argp_error(state, "too many arguments");
		else
			subject->given[subject->given_count++] = argument;
		return 0;
	case ARGP_KEY_END:
		return check_arguments(state, subject);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child live_children[] = {
    {&grf_live_argp, 0, NULL, 0}, {&grf_exe_argp, 0, NULL, 0}, {0}};
static const struct argp subject_argp = {.parser = parse_argument, .children = live_children};

const struct argp_child grf_subject_children[] = {{&grf_result_argp, 0, NULL, 0},
						  {&grf_common_argp, 0, NULL, 0},
						  {&subject_argp, 0, NULL, 0},
						  {0}};

void grf_subject_give_inputs(struct grf_subject_options *options, struct argp_state *state)
{
	state->child_inputs[0] = &options->results;
	state->child_inputs[1] = &options->common;
	state->child_inputs[2] = &options->subject;
}

static struct grf_error *open_subject(struct grf_subject *subject,
				      const struct grf_results *results, bool no_sandbox,
				      struct grf_source *ret)
{
	const struct grf_opening opening = {
	    .process = subject->live.pid ? &subject->live : NULL,
	    .executable = subject->executable,
	    .core = subject->core,
	    .debug = &subject->live.debug,
	};
	struct grf_error *error = grf_opening_open(&opening, results, no_sandbox, ret);

	return error ? error : grf_results_confine(GRF_SANDBOX_WORKS, results, no_sandbox);
}

struct grf_error *grf_subject_graph_create(struct grf_subject_options *options, bool places,
					   struct grf_subject_graph *ret)
{
	const struct grf_graph_options graph_options = {
	    .max_depth = GRF_DEFAULT_DEPTH,
	    .places = places,
	};
	struct grf_error *error;

	options->subject.live.capture.threads = options->common.jobs;
	*ret = (struct grf_subject_graph){0};
	error = grf_results_open(&options->results, &ret->results);
	if (!error)
		error = open_subject(&options->subject, &ret->results, options->common.no_sandbox,
				     &ret->source);
	if (!error)
		error = grf_model_create(ret->source.image, ret->source.executable,
					 options->common.naming, &ret->model);
	return error ? error : grf_graph_create(ret->model, &graph_options, &ret->graph);
}

void grf_subject_graph_free(struct grf_subject_graph *made)
{
	grf_graph_destroy(made->graph);
	grf_model_destroy(made->model);
	grf_source_close(&made->source);
	grf_results_close(&made->results);
}
