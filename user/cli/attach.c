/* SPDX-License-Identifier: BSD-2-Clause */
/* The command `attach`: analyses a running process. */
#include "cli/live.h"
#include "cli/opening.h"
#include "cli/saving.h"

static struct attach_options {
	struct grf_common_options common;
	struct grf_result_options results;
	struct grf_tree_options tree;
	struct grf_process_options live;
	struct grf_saving_options saving;
} options;

static const char description[] =
    "Shows what keeps the memory of a running Go program alive.\v"
    "The process is held while its memory is copied, and let go; the analysis works on the copy. "
    "EXE is an executable of the same build that has debug information, when the one that runs "
    "has none.\n\n"
    "It needs what a debugger needs: the same user, or CAP_SYS_PTRACE. With CAP_BPF and "
    "CAP_PERFMON, eBPF takes the registers and the time.\n\n"
    "Examples:\n"
    "  grf-bpf attach 1234\n"
    "  grf-bpf attach $(pidof server) -o heap.pb.gz -o heap.json\n"
    "  grf-bpf attach 1234 --format text | less\n"
    "  grf-bpf attach 1234 --snapshot server.core\n"
    "  go tool pprof -http=: grf.out\n";

enum { OPTION_SNAPSHOT = 0x600 };

static const struct argp_option attach_options[] = {
    {"snapshot", OPTION_SNAPSHOT, "FILE", 0,
     "Keep what was copied, too: write it to FILE, for `grf-bpf report'", 0},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct attach_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->results;
		state->child_inputs[1] = &options->tree;
		state->child_inputs[2] = &options->common;
		state->child_inputs[3] = &options->live;
		state->child_inputs[4] = &options->saving;
		return 0;
	case OPTION_SNAPSHOT:
		grf_saving_set_path(&options->saving, state, argument);
		return 0;
	default:
		return grf_parse_process_arguments(key, argument, state, &options->live);
	}
}

static struct grf_error *run_attach(void *input, int *ret_status)
{
	struct attach_options *options = input;
	const struct grf_opening opening = {.process = &options->live};
	_cleanup_results_ struct grf_results results = {0};
	_cleanup_saving_ struct grf_saving saving = {0};
	_cleanup_source_ struct grf_source source = {0};
	struct grf_error *error;

	(void)ret_status;
	options->live.capture.threads = options->common.jobs;
	error = grf_results_open(&options->results, &results);
	if (!error)
		error = grf_saving_open(&options->saving, true, &options->live, &saving);
	if (!error)
		error = grf_saving_check_apart(&saving, &results);
	if (!error)
		error = grf_opening_open(&opening, &results, options->common.no_sandbox, &source);
	if (!error)
		error = grf_saving_write(&saving, &source);
	if (error)
		return error;
	error = grf_results_confine(GRF_SANDBOX_WORKS, &results, options->common.no_sandbox);
	if (!error)
		error = grf_make_profile(&source, &options->common, &options->tree, &results);
	return error;
}

static const struct argp_child children[] = {
    {&grf_profile_argp, 0, NULL, 0}, {&grf_tree_argp, 0, NULL, 0},   {&grf_common_argp, 0, NULL, 0},
    {&grf_live_argp, 0, NULL, 0},    {&grf_saving_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    .options = attach_options,
    .parser = parse_option,
    .args_doc = "PID [EXE]",
    .doc = description,
    .children = children,
};

const struct grf_command grf_command_attach = {
    .name = "attach",
    .summary = "take a live process: hold it briefly, copy, analyse",
    .argp = &argp,
    .options = &options,
    .run = run_attach,
};
