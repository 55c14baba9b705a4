/* SPDX-License-Identifier: BSD-2-Clause */
/* What attach and core do alike: their options, and the way from an image to the output. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/cli.h"
#include "model/model.h"
#include "outputs/summary.h"
#include "graph/graph.h"

#define DEFAULT_MAX_DEPTH 256
#define MAX_MAX_DEPTH     100000
#define MAX_THREADS       1024

enum { OPTION_MAX_DEPTH = 0x100, OPTION_NO_FOLD, OPTION_DEBUG_FILE, OPTION_DEBUG_DIRECTORY };

static const struct argp_option profile_options[] = {
    {"max-depth", OPTION_MAX_DEPTH, "N", 0,
     "Longest reference chain; what is deeper counts at its last element (default 256)", 0},
    {"no-fold", OPTION_NO_FOLD, NULL, 0,
     "Give every step of recursive structures, instead of folding a chain that comes back to "
     "an element that it already holds",
     0},
    {"jobs", 'j', "N", 0, "Work with N threads (default: one for each core)", 0},
    {"verbose", 'v', NULL, 0, "Tell what is done and why; twice for more", 0},
    GRF_NO_SANDBOX_ENTRY,
    {0},
};

void grf_profile_options_init(struct grf_profile_options *options)
{
	*options = (struct grf_profile_options){
	    .max_depth = DEFAULT_MAX_DEPTH,
	};
}

unsigned long grf_parse_number(const struct argp_state *state, const char *what, const char *text,
			       unsigned long low, unsigned long high)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || end == text || strspn(text, "0123456789") != strlen(text) ||
	    value < low || value > high)
		argp_error(state, "%s must be a number from %lu to %lu, not `%s'", what, low, high,
			   text);
	return value;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct grf_profile_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->results;
		return 0;
	case 'j':
		options->threads =
		    (unsigned int)grf_parse_number(state, "--jobs", argument, 1, MAX_THREADS);
		return 0;
	case 'v':
		options->verbosity++;
		return 0;
	case OPTION_MAX_DEPTH:
		options->max_depth = (unsigned int)grf_parse_number(state, "--max-depth", argument,
								    1, MAX_MAX_DEPTH);
		return 0;
	case OPTION_NO_FOLD:
		options->no_fold = true;
		return 0;
	case GRF_OPTION_NO_SANDBOX:
		options->no_sandbox = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child profile_children[] = {{&grf_result_argp, 0, NULL, 0}, {0}};

const struct argp grf_profile_argp = {
    .options = profile_options,
    .parser = parse_option,
    .children = profile_children,
};

static const struct argp_option debug_options[] = {
    {"debug-file", OPTION_DEBUG_FILE, "FILE", 0,
     "Take the debug information from FILE (objcopy --only-keep-debug)", 5},
    {"debug-dir", OPTION_DEBUG_DIRECTORY, "DIR", 0,
     "Look for separate debug information in DIR, before /usr/lib/debug", 5},
    {0},
};

static error_t parse_debug_option(int key, char *argument, struct argp_state *state)
{
	struct grf_debug_options *options = state->input;

	switch (key) {
	case OPTION_DEBUG_FILE:
		options->file = argument;
		return 0;
	case OPTION_DEBUG_DIRECTORY:
		options->directory = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp grf_debug_argp = {.options = debug_options, .parser = parse_debug_option};

/* The summary goes where no result goes, unless that says it all. */
static struct grf_error *print_summary(const struct grf_results *results,
				       const struct grf_facts *facts)
{
	FILE *stream = grf_results_to_standard(results) ? stderr : stdout;

	if (!grf_results_tell_all(results))
		grf_summary_print(stream, facts);
	for (size_t i = 0; i < results->count; i++) {
		const struct grf_output *output = results->outputs[i];

		fputs("successfully output to `", stream);
		grf_text_print(stream, grf_output_is_standard(output) ? "/dev/stdout"
								      : grf_output_path(output));
		fputs("`\n", stream);
	}
	if (fflush(stream))
		return grf_error_errno(GRF_ERROR_OUTPUT, errno, "cannot write the summary");
	return NULL;
}

struct grf_error *grf_make_profile(const struct grf_image *image, struct grf_executable *executable,
				   const struct grf_profile_options *options,
				   const struct grf_results *results)
{
	struct grf_graph_options graph_options = {
	    .max_depth = options->max_depth,
	    .no_fold = options->no_fold,
	    .threads = options->threads,
	};
	uint64_t began = grf_now();
	struct grf_facts facts;
	struct grf_model *model;
	struct grf_graph *graph;
	struct grf_error *error;

	error = grf_model_create(image, executable, options->threads, &model);
	if (error)
		return error;
	error = grf_graph_create(model, &graph_options, &graph);
	if (!error) {
		grf_verbose("analysed in %.2f s", (double)(grf_now() - began) / 1e9);
		grf_memory_report();
		grf_facts_collect(graph, &facts);
		error = grf_results_write(results, &facts, graph->tree);
		if (!error)
			error = print_summary(results, &facts);
		grf_graph_destroy(graph);
	}
	grf_model_destroy(model);
	return error;
}
