/* SPDX-License-Identifier: BSD-2-Clause */
/* What the subcommands share: options, opening a source, the run of a command, its exit status. */
#ifndef GRF_CLI_CLI_H
#define GRF_CLI_CLI_H

#include <argp.h>
#include <stdbool.h>

#include "base/error.h"
#include "cli/results.h"
#include "graph/graph.h"
#include "image/executable/debug_file.h"
#include "program/source.h"
#include "views/shown_tree.h"

/* Exit statuses; docs/grf-bpf.1 lists them. 128 + signal when interrupted. */
enum grf_exit {
	GRF_EXIT_OK = 0,
	GRF_EXIT_FAILURE = 1,
	GRF_EXIT_USAGE = 2,
	GRF_EXIT_NO_PROCESS = 3,
	GRF_EXIT_PERMISSION = 4,
	GRF_EXIT_EXITED = 5,
	GRF_EXIT_NOT_GO = 6,
	GRF_EXIT_UNSUPPORTED = 7,
	GRF_EXIT_BAD_INPUT = 8,
	GRF_EXIT_MISMATCH = 9,
	GRF_EXIT_OUTPUT = 10,
	GRF_EXIT_DIFFERENT = 11,     /* verify: the reached set is wrong */
	GRF_EXIT_NOT_COMPARED = 12,  /* verify: no marks to compare with */
	GRF_EXIT_NO_ROOM = 13,       /* no memory, or no disk, within its limits */
	GRF_EXIT_TOO_LONG = 14,      /* the target would have to stand for too long */
	GRF_EXIT_REPLACED = 15,      /* the target became another program by exec(2) */
	GRF_EXIT_TORN = 16,          /* parts of the copy are not of one instant */
	GRF_EXIT_NO_COLLECTION = 17, /* no garbage collection came to be held at */
};

/* What every command understands. */
struct grf_common_options {
	int verbosity;
	bool no_sandbox;
	unsigned int
	    jobs; /* threads that copy; 0: as processors are there. Analyses ask grf_jobs() */
	const struct grf_naming *naming; /* NULL: the default */
};

/*
 * A subcommand. Its options are a struct of its own, whose first member is its struct
 * grf_common_options; `argp` fills it in. All else that commands begin and end with is done by
 * grf_run_command().
 */
struct grf_command {
	const char *name;
	const char *summary;
	const struct argp *argp;
	void *options;
	/* *ret_status is GRF_EXIT_OK at first. */
	struct grf_error *(*run)(void *options, int *ret_status);
};

extern const struct grf_command grf_command_attach;
extern const struct grf_command grf_command_core;
extern const struct grf_command grf_command_snapshot;
extern const struct grf_command grf_command_report;
extern const struct grf_command grf_command_verify;
extern const struct grf_command grf_command_version;

/* Parses the arguments, the first of which is the command's name, and runs it. Returns the exit
 * status; ends the process where the arguments are wrong, or ask for help. */
int grf_run_command(const struct grf_command *command, int argc, char **argv);

/* Argp children; the input of each is the struct beside it. */
extern const struct argp grf_basic_argp;  /* struct grf_common_options: of all commands */
extern const struct argp grf_common_argp; /* the same, and what the analysis needs */
extern const struct argp grf_tree_argp;   /* struct grf_tree_options */
extern const struct argp grf_debug_argp;  /* struct grf_debug_options: where DWARF is */
extern const struct argp grf_exe_argp;    /* const char *: the executable of a core or snapshot */

#define GRF_DEFAULT_DEPTH 256u

/* How the tree is made, and what of it is shown. */
struct grf_tree_options {
	struct grf_graph_options graph;
	struct grf_shown_elements shown;
};

/* From a source to results, which it commits, and a summary: model, graph, writers. */
struct grf_error *grf_make_profile(const struct grf_source *source,
				   const struct grf_common_options *common,
				   const struct grf_tree_options *options,
				   struct grf_results *results);

/* Prints the summary to standard output, or to standard error where a result goes to the former,
 * and where the results are. Not the summary where that result has it in it. */
struct grf_error *grf_print_summary(const struct grf_results *results,
				    const struct grf_facts *facts);

/* Prints `error` in one line on stderr, frees it, and gives the exit status for it. NULL: 0. */
int grf_exit_status(struct grf_error *error);

/* SIGINT and SIGTERM end the work at its next step. */
void grf_handle_signals(void);

#endif
