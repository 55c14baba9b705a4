/* SPDX-License-Identifier: BSD-2-Clause */
/* The results that a run is to leave: where, and in which format each. */
#ifndef GRF_CLI_RESULTS_H
#define GRF_CLI_RESULTS_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/sandbox/sandbox.h"
#include "outputs/report.h"

#define GRF_MAX_RESULTS 8u

/* As given on the command line; paths are borrowed. */
struct grf_result_options {
	const char *paths[GRF_MAX_RESULTS];
	size_t path_count;
	const struct grf_format *formats[GRF_MAX_RESULTS];
	size_t format_count;
	struct grf_limits limits;
	bool samples_given; /* --max-samples was */
	bool tables; /* set before: results are tables, by default as text to standard output */
};

/* Argp children for -o, --format and -n, and for these and --max-samples; their input is a struct
 * grf_result_options. */
extern const struct argp grf_result_argp;
extern const struct argp grf_profile_argp;

/* Results in the making. */
struct grf_results {
	struct grf_output *outputs[GRF_MAX_RESULTS]; /* owned */
	const struct grf_format *formats[GRF_MAX_RESULTS];
	struct grf_folded_samples folded[GRF_MAX_RESULTS];
	size_t count;
	struct grf_limits limits;
	bool samples_given;
};

/* Finds out that every result can be written. The caller closes them. GRF_ERROR_OUTPUT. */
struct grf_error *grf_results_open(const struct grf_result_options *options,
				   struct grf_results *ret);
void grf_results_close(struct grf_results *results);

static inline void grf_results_cleanup_fn(struct grf_results *results)
{
	grf_results_close(results);
}
#define _cleanup_results_ __attribute__((cleanup(grf_results_cleanup_fn)))

/* Refuses results that are the file `input` (NULL: none), under whatever names. */
struct grf_error *grf_results_check_apart(const struct grf_results *results, const char *input);

/* Whether one goes to standard output. */
bool grf_results_to_standard(const struct grf_results *results);

/* Whether one that is for people goes to standard output: it says what the summary would. */
bool grf_results_tell_all(const struct grf_results *results);

/* Enters a stage of the sandbox, unless it is `off`. `results` may be NULL. */
struct grf_error *grf_results_confine(enum grf_sandbox_stage stage,
				      const struct grf_results *results, bool off);

/* Whether one is in a format that has tables. */
bool grf_results_have_tables(const struct grf_results *results);

/* Whether one is in a format that has labels of goroutines. */
bool grf_results_have_labels(const struct grf_results *results);

/* Writes and commits them all: the facts and the views. */
struct grf_error *grf_results_write(struct grf_results *results, const struct grf_facts *facts,
				    const struct grf_view_results *views);

#endif
