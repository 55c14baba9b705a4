/* SPDX-License-Identifier: BSD-2-Clause */
/* The command `snapshot`: copies a running process to a file, and analyses nothing. */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/live.h"
#include "cli/saving.h"
#include "outputs/summary.h"

#define DEFAULT_SNAPSHOT "grf.core"

static struct snapshot_options {
	struct grf_common_options common;
	struct grf_saving_options saving;
	struct grf_process_options live;
} options;

static const char description[] =
    "Copies a running Go program to a file, to be looked at later or elsewhere.\v"
    "The file is an ELF core with a note that says how it was taken. `grf-bpf report' analyses it; "
    "gdb, dlv and viewcore open it too. Contents of objects without pointers are left out, unless "
    "--contents is given. EXE is an executable of the same build that has debug information, when "
    "the one that runs has none.\n\n"
    "Examples:\n"
    "  grf-bpf snapshot 1234 -o server.core\n"
    "  grf-bpf report server.core\n"
    "  grf-bpf snapshot 1234 --contents -o server.core && dlv core ./server server.core\n";

static const struct argp_option snapshot_options[] = {
    {"output", 'o', "FILE", 0,
     "Write the snapshot to FILE (default " DEFAULT_SNAPSHOT "; - is standard output)", 0},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct snapshot_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->saving;
		state->child_inputs[1] = &options->common;
		state->child_inputs[2] = &options->live;
		return 0;
	case 'o':
		grf_saving_set_path(&options->saving, state, argument);
		return 0;
	case ARGP_KEY_END:
		if (!options->saving.path)
			options->saving.path = DEFAULT_SNAPSHOT;
		return grf_parse_process_arguments(key, argument, state, &options->live);
	default:
		return grf_parse_process_arguments(key, argument, state, &options->live);
	}
}

/* Says how the process was held, and where the snapshot is: on standard error where that itself
 * goes to standard output. */
static struct grf_error *say_written(const struct grf_saving *saving,
				     const struct grf_source *source)
{
	bool to_standard = grf_output_is_standard(saving->output);
	FILE *stream = to_standard ? stderr : stdout;
	uint64_t room = grf_output_room(saving->output);

	fputc('\n', stream);
	grf_summary_print_held(stream, grf_image_provenance(source->image),
			       grf_log_verbosity() > 0);
	if (room)
		fprintf(stream, "  %-12s %s on the disk\n", "snapshot", grf_format_bytes(room));
	fputs("\nsuccessfully output to `", stream);
	grf_text_print(stream, to_standard ? "/dev/stdout" : grf_output_path(saving->output));
	fputs("`\n", stream);
	if (fflush(stream))
		return grf_error_errno(GRF_ERROR_OUTPUT, errno, "cannot write the summary");
	return NULL;
}

static struct grf_error *run_snapshot(void *input, int *ret_status)
{
	struct snapshot_options *options = input;
	_cleanup_saving_ struct grf_saving saving = {0};
	_cleanup_source_ struct grf_source source = {0};
	struct grf_error *error;

	(void)ret_status;
	options->live.capture.threads = options->common.jobs;
	error = grf_saving_open(&options->saving, false, &options->live, &saving);
	if (!error)
		error = grf_source_of_process(&options->live, &source);
	if (!error)
		error = grf_saving_write(&saving, &source);
	return error ? error : say_written(&saving, &source);
}

static const struct argp_child children[] = {{&grf_saving_argp, 0, NULL, 0},
					     {&grf_basic_argp, 0, NULL, 0},
					     {&grf_live_argp, 0, NULL, 0},
					     {0}};
static const struct argp argp = {
    .options = snapshot_options,
    .parser = parse_option,
    .args_doc = "PID [EXE]",
    .doc = description,
    .children = children,
};

const struct grf_command grf_command_snapshot = {
    .name = "snapshot",
    .summary = "copy a live process to a file, for `report'",
    .argp = &argp,
    .options = &options,
    .run = run_snapshot,
};
