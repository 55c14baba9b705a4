/* SPDX-License-Identifier: BSD-2-Clause */
/* The one way from what a command line names to a source: for all commands but snapshot, which
 * writes no results. */
#ifndef GRF_CLI_OPENING_H
#define GRF_CLI_OPENING_H

#include "cli/cli.h"
#include "program/source.h"

/* What is to be opened; all of it is borrowed. */
struct grf_opening {
	const struct grf_process_options *process; /* NULL: a core, and the rest says which */
	const char *executable;                    /* NULL: it is looked for */
	const char *core;
	const struct grf_debug_options *debug;
};

/**
 * Refuses a result that is one of the files that are read, then opens the source: of a core in the
 * sandbox of its stage, unless that is off. Gives the source to the caller, also after an error.
 * Errors: OUTPUT, those of grf_source_of_process() and grf_source_of_core().
 */
struct grf_error *grf_opening_open(const struct grf_opening *opening,
				   const struct grf_results *results, bool no_sandbox,
				   struct grf_source *ret);

#endif
