/* SPDX-License-Identifier: BSD-2-Clause */
/* What a command looks at where that may be a process or a core: `PID [EXE]' or `EXE CORE'. */
#ifndef GRF_CLI_SUBJECT_H
#define GRF_CLI_SUBJECT_H

#include "cli/cli.h"
#include "program/source.h"

#define GRF_SUBJECT_PROCESS   "PID [EXE]"
#define GRF_SUBJECT_CORE      "EXE CORE"
#define GRF_SUBJECT_ARGUMENTS GRF_SUBJECT_PROCESS "\n" GRF_SUBJECT_CORE

/* Paths are borrowed from the command line. */
struct grf_subject {
	struct grf_process_options live; /* live.pid 0: a core */
	const char *executable, *core;
	/* Set before: what the argument behind the others is called; NULL: there is none. */
	const char *argument_name;
	const char *argument;
	/* Private: all that were given. */
	const char *given[3];
	size_t given_count;
};

/* An argp child for the arguments and for how a process is held and copied; its input is a struct
 * grf_subject. */
extern const struct argp grf_subject_argp;

/**
 * Opens it, and enters the sandbox, unless that is `off`: at the start what a core allows, at the
 * end the stage of the analysis. No result may be a file that is read.
 * @param results may be NULL: none
 * @param ret destroyed by the caller
 */
struct grf_error *grf_subject_open(struct grf_subject *subject, const struct grf_results *results,
				   bool off, struct grf_source *ret);

#endif
