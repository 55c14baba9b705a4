/* SPDX-License-Identifier: BSD-2-Clause */
/* The command `verify`: compares what the walk reached with the marks of the garbage collector. */
#include <stdint.h>

#include "base/memory/memory.h"
#include "cli/subject.h"
#include "views/view.h"

#define SOME_DETAILS 50

static struct grf_subject_options options = {.results.tables = true,
					     .subject.live.capture.freeze = GRF_FREEZE_GC};

static const char description[] =
    "Holds what grf-bpf finds reachable against what the garbage collector marked, object by "
    "object.\v"
    "A live process is held at the end of a garbage collection, where the marks are complete, for "
    "which one is waited for (--gc-wait). Marks also cover what became garbage while the collector "
    "worked; a process that runs with GODEBUG=gccheckmark=1 (Go 1.25 and later) has exact ones.\n\n"
    "-v lists differences, 50 of each kind, -vv all of them.\n\n"
    "Exit status: 0 it held, 11 it did not, 12 there were no marks to compare with.\n\n"
    "Examples:\n"
    "  grf-bpf verify 1234\n"
    "  grf-bpf verify -v 1234                  list the differences\n"
    "  grf-bpf verify ./server core.1234\n"
    "  grf-bpf verify 1234 --format json | jq '.verification'\n";

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	(void)argument;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	grf_subject_give_inputs(state->input, state);
	return 0;
}

/* Writes what was found, and the summary. */
static struct grf_error *write_verification(const struct grf_subject_options *options,
					    struct grf_results *results,
					    const struct grf_graph *graph,
					    const struct grf_verification *verification)
{
	static const struct grf_view *const list[] = {&grf_view_verification, &grf_view_differences,
						      NULL};
	static const struct grf_view *const totals[] = {&grf_view_verification, NULL};
	_cleanup_view_results_ struct grf_view_results views = {0};
	struct grf_facts facts;
	struct grf_view_input input = {
	    .graph = graph,
	    .facts = &facts,
	    .verification = verification,
	    .differences = options->common.verbosity > 1 ? UINT64_MAX : SOME_DETAILS,
	};
	struct grf_error *error;

	grf_facts_collect(graph, &facts);
	facts.verification = verification;
	error = grf_views_make(options->common.verbosity ? list : totals, &input, &views);
	if (error)
		return error;
	grf_memory_report();
	error = grf_results_write(results, &facts, &views);
	return error ? error : grf_print_summary(results, &facts);
}

static struct grf_error *verify_graph(const struct grf_subject_options *options,
				      struct grf_results *results, const struct grf_graph *graph,
				      int *ret_status)
{
	struct grf_verification *verification;
	struct grf_error *error = grf_verification_create(graph, &verification);

	if (error)
		return error;
	error = write_verification(options, results, graph, verification);
	if (!error)
		*ret_status = !grf_verification_holds(verification) ? GRF_EXIT_DIFFERENT
			      : verification->marks.at_gc_point     ? GRF_EXIT_OK
								    : GRF_EXIT_NOT_COMPARED;
	grf_verification_destroy(verification);
	return error;
}

static struct grf_error *run_verify(void *input, int *ret_status)
{
	struct grf_subject_options *options = input;
	_cleanup_subject_graph_ struct grf_subject_graph made;
	struct grf_error *error = grf_subject_graph_create(options, true, &made);

	return error ? error : verify_graph(options, &made.results, made.graph, ret_status);
}

static const struct argp argp = {
    .parser = parse_option,
    .args_doc = GRF_SUBJECT_ARGUMENTS,
    .doc = description,
    .children = grf_subject_children,
};

const struct grf_command grf_command_verify = {
    .name = "verify",
    .summary = "hold the reached objects against the garbage collector's marks",
    .argp = &argp,
    .options = &options,
    .run = run_verify,
};
