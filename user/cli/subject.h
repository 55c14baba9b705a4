/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a command looks at: a process, a core or a snapshot, `PID [EXE]', `EXE CORE' or `FILE', and
 * what such commands do alike: their options, and the way to a graph.
 */
#ifndef GRF_CLI_SUBJECT_H
#define GRF_CLI_SUBJECT_H

#include "cli/cli.h"
#include "graph/graph.h"
#include "model/model.h"
#include "program/source.h"

#define GRF_SUBJECT_PROCESS   "PID [EXE]"
#define GRF_SUBJECT_CORE      "EXE CORE"
#define GRF_SUBJECT_FILE      "FILE"
#define GRF_SUBJECT_ARGUMENTS GRF_SUBJECT_PROCESS "\n" GRF_SUBJECT_CORE "\n" GRF_SUBJECT_FILE

/* Paths are borrowed from the command line. */
struct grf_subject {
	struct grf_process_options live; /* live.pid 0: a core */
	const char *executable, *core;   /* the former NULL: it is looked for */
	const char *named;               /* by --exe */
	/* Set before: what the argument behind the others is called; NULL: no argument stands
	 * there. */
	const char *argument_name;
	const char *argument;
	/* Private: all that were given. */
	const char *given[3];
	size_t given_count;
};

/* What all such commands have on their command line, as the first member of their options. */
struct grf_subject_options {
	struct grf_common_options common;
	struct grf_result_options results;
	struct grf_subject subject;
};

/* The argp children of such a command, for whose inputs its parser calls
 * grf_subject_give_inputs() at ARGP_KEY_INIT. */
extern const struct argp_child grf_subject_children[];
void grf_subject_give_inputs(struct grf_subject_options *options, struct argp_state *state);

/* What a command has opened and made. */
struct grf_subject_graph {
	struct grf_results results;
	struct grf_source source;
	struct grf_model *model;
	struct grf_graph *graph;
};

/**
 * Opens the results and the subject, enters the sandbox, unless that is off (at the start what a
 * core allows, at the end the stage of the analysis), and makes the graph. No result may be a file
 * that is read. `places`: as of struct grf_graph_options. The caller frees it, also after an error.
 */
struct grf_error *grf_subject_graph_create(struct grf_subject_options *options, bool places,
					   struct grf_subject_graph *ret);
void grf_subject_graph_free(struct grf_subject_graph *made);
#define _cleanup_subject_graph_ __attribute__((cleanup(grf_subject_graph_free)))

#endif
