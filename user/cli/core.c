/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "base/log.h"
#include "cli/cli.h"
#include "program/source.h"

struct core_options {
	struct grf_profile_options profile;
	struct grf_debug_options debug;
	const char *executable, *core;
};

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
		state->child_inputs[0] = &options->profile;
		state->child_inputs[1] = &options->debug;
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

static struct grf_error *run(const struct core_options *options)
{
	_cleanup_results_ struct grf_results results = {0};
	_cleanup_source_ struct grf_source source = {0};
	struct grf_error *error;

	error = grf_results_open(&options->profile.results, &results);
	if (!error)
		error = grf_results_check_apart(&results, options->executable);
	if (!error)
		error = grf_results_check_apart(&results, options->core);
	if (!error)
		error = grf_results_check_apart(&results, options->debug.file);
	if (!error)
		error =
		    grf_results_confine(GRF_SANDBOX_OPENS, &results, options->profile.no_sandbox);
	if (error)
		return error;
	error = grf_source_of_core(options->executable, options->core, &options->debug, &source);
	if (error)
		return error;
	error = grf_results_confine(GRF_SANDBOX_WORKS, &results, options->profile.no_sandbox);
	if (!error)
		error =
		    grf_make_profile(source.image, source.executable, &options->profile, &results);
	return error;
}

int grf_command_core(int argc, char **argv)
{
	static const struct argp_child children[] = {
	    {&grf_profile_argp, 0, NULL, 0}, {&grf_debug_argp, 0, NULL, 0}, {0}};
	static const struct argp argp = {
	    .parser = parse_option,
	    .args_doc = "EXE CORE",
	    .doc = description,
	    .children = children,
	};
	struct core_options options = {0};

	grf_profile_options_init(&options.profile);
	if (!grf_parse_arguments(&argp, "grf-bpf core", argc, argv, &options))
		return GRF_EXIT_USAGE;
	grf_log_init(options.profile.verbosity);
	grf_handle_signals();
	return grf_exit_status(run(&options));
}
