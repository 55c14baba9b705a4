/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands `core` and `report`: they analyse a core file or a snapshot. */
#include "cli/cli.h"
#include "cli/opening.h"
#include "program/source.h"

struct core_options {
	struct grf_common_options common;
	struct grf_result_options results;
	struct grf_tree_options tree;
	struct grf_debug_options debug;
	const char *executable, *core;
};

static struct core_options core_options, report_options;

static const char core_description[] =
    "Shows what kept the memory of a Go program alive when its core was taken.\v"
    "EXE is the program that CORE is of; CORE comes from gcore, from the kernel, or from dlv's "
    "dump. No privileges are needed.\n\n"
    "Examples:\n"
    "  grf-bpf core ./server core.1234\n"
    "  grf-bpf core ./server core.1234 -o - | go tool pprof -top /dev/stdin\n";

static const char report_description[] =
    "Analyses a snapshot (`grf-bpf snapshot'), or any core.\v"
    "The program that FILE is of is looked for by its build id: at the path that it had, in "
    "--debug-dir and /usr/lib/debug, and on the servers in DEBUGINFOD_URLS where that is set. "
    "--exe names it. No privileges are needed.\n\n"
    "Examples:\n"
    "  grf-bpf report server.core\n"
    "  grf-bpf report server.core --exe ./server --format text | less\n"
    "  grf-bpf types server.core\n";

static void give_inputs(struct core_options *options, struct argp_state *state)
{
	state->child_inputs[0] = &options->results;
	state->child_inputs[1] = &options->tree;
	state->child_inputs[2] = &options->common;
	state->child_inputs[3] = &options->debug;
}

static error_t parse_report_option(int key, char *argument, struct argp_state *state)
{
	struct core_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		give_inputs(options, state);
		state->child_inputs[4] = &options->executable;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0)
			options->core = argument;
		else
			argp_error(state, "too many arguments; name the executable with --exe");
		return 0;
	case ARGP_KEY_END:
		if (!options->core)
			argp_error(state, "give a snapshot or a core file");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_core_option(int key, char *argument, struct argp_state *state)
{
	struct core_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		give_inputs(options, state);
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
	const struct grf_opening opening = {
	    .executable = options->executable, .core = options->core, .debug = &options->debug};
	_cleanup_results_ struct grf_results results = {0};
	_cleanup_source_ struct grf_source source = {0};
	struct grf_error *error;

	(void)ret_status;
	error = grf_results_open(&options->results, &results);
	if (!error)
		error = grf_opening_open(&opening, &results, options->common.no_sandbox, &source);
	if (error)
		return error;
	error = grf_results_confine(GRF_SANDBOX_WORKS, &results, options->common.no_sandbox);
	if (!error)
		error = grf_make_profile(&source, &options->common, &options->tree, &results);
	return error;
}

static const struct argp_child core_children[] = {{&grf_profile_argp, 0, NULL, 0},
						  {&grf_tree_argp, 0, NULL, 0},
						  {&grf_common_argp, 0, NULL, 0},
						  {&grf_debug_argp, 0, NULL, 0},
						  {0}};
static const struct argp core_argp = {
    .parser = parse_core_option,
    .args_doc = "EXE CORE",
    .doc = core_description,
    .children = core_children,
};

const struct grf_command grf_command_core = {
    .name = "core",
    .summary = "analyse a core file",
    .argp = &core_argp,
    .options = &core_options,
    .run = analyse_core,
};

static const struct argp_child report_children[] = {
    {&grf_profile_argp, 0, NULL, 0}, {&grf_tree_argp, 0, NULL, 0}, {&grf_common_argp, 0, NULL, 0},
    {&grf_debug_argp, 0, NULL, 0},   {&grf_exe_argp, 0, NULL, 0},  {0}};
static const struct argp report_argp = {
    .parser = parse_report_option,
    .args_doc = "FILE",
    .doc = report_description,
    .children = report_children,
};

const struct grf_command grf_command_report = {
    .name = "report",
    .summary = "analyse a snapshot, or any core",
    .argp = &report_argp,
    .options = &report_options,
    .run = analyse_core,
};
