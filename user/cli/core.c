/* SPDX-License-Identifier: BSD-2-Clause */
/* The command `core`: analyses a core file. */
#include "cli/cli.h"
#include "program/source.h"

static struct core_options {
	struct grf_common_options common;
	struct grf_result_options results;
	struct grf_tree_options tree;
	struct grf_debug_options debug;
	const char *executable, *core;
} options;

static const char description[] =
    "Shows what kept the memory of a Go program alive when its core was taken.\v"
    "EXE is the program that CORE is of; CORE comes from gcore, from the kernel, or from dlv's "
    "dump. No privileges are needed.\n\n"
    "Examples:\n"
    "  grf-bpf core ./server core.1234\n"
    "  grf-bpf core ./server core.1234 -o - | go tool pprof -top /dev/stdin\n";

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct core_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->results;
		state->child_inputs[1] = &options->tree;
		state->child_inputs[2] = &options->common;
		state->child_inputs[3] = &options->debug;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0)
			options->executable = argument;
		else if (state->arg_num == 1)
			options->core = argument;
		else
			argp_error(state, "too many arguments");
		return 0;
	case ARGP_KEY_END:
		if (!options->core)
			argp_error(state, "give an executable and a core file");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static struct grf_error *analyse_core(void *input, int *ret_status)
{
	const struct core_options *options = input;
	_cleanup_results_ struct grf_results results = {0};
	_cleanup_source_ struct grf_source source = {0};
	struct grf_error *error;

	(void)ret_status;
	error = grf_results_open(&options->results, &results);
	if (!error)
		error = grf_results_check_apart(&results, options->executable);
	if (!error)
		error = grf_results_check_apart(&results, options->core);
	if (!error)
		error = grf_results_check_apart(&results, options->debug.file);
	if (!error)
		error =
		    grf_results_confine(GRF_SANDBOX_OPENS, &results, options->common.no_sandbox);
	if (error)
		return error;
	error = grf_source_of_core(options->executable, options->core, &options->debug, &source);
	if (error)
		return error;
	error = grf_results_confine(GRF_SANDBOX_WORKS, &results, options->common.no_sandbox);
	if (!error)
		error = grf_make_profile(&source, options->common.naming, &options->tree, &results);
	return error;
}

static const struct argp_child children[] = {{&grf_profile_argp, 0, NULL, 0},
					     {&grf_tree_argp, 0, NULL, 0},
					     {&grf_common_argp, 0, NULL, 0},
					     {&grf_debug_argp, 0, NULL, 0},
					     {0}};
static const struct argp argp = {
    .parser = parse_option,
    .args_doc = "EXE CORE",
    .doc = description,
    .children = children,
};

const struct grf_command grf_command_core = {
    .name = "core",
    .summary = "analyse a core file",
    .argp = &argp,
    .options = &options,
    .run = analyse_core,
};
