/* SPDX-License-Identifier: BSD-2-Clause */
/* The executable of a core may have been found: what was found is held against the results as well.
 */
#include "cli/opening.h"

#include <stdio.h>

/* Refuses a result that is one of the files that are read. */
static struct grf_error *check_apart(const struct grf_opening *opening,
				     const struct grf_results *results)
{
	const struct grf_process_options *process = opening->process;
	char running[32];
	const char *const inputs[] = {
	    process ? running : opening->executable,
	    process ? process->executable : opening->core,
	    process ? process->debug.file : opening->debug->file,
	};
	struct grf_error *error = NULL;

	snprintf(running, sizeof(running), "/proc/%d/exe", process ? process->pid : 0);
	for (size_t i = 0; !error && i < sizeof(inputs) / sizeof(*inputs); i++)
		error = grf_results_check_apart(results, inputs[i]);
	return error;
}

struct grf_error *grf_opening_open(const struct grf_opening *opening,
				   const struct grf_results *results, bool no_sandbox,
				   struct grf_source *ret)
{
	struct grf_error *error = check_apart(opening, results);

	if (error)
		return error;
	if (opening->process)
		return grf_source_of_process(opening->process, ret);
	error = grf_results_confine(GRF_SANDBOX_OPENS, results, no_sandbox);
	if (!error)
		error = grf_source_of_core(opening->executable, opening->core, opening->debug, ret);
	if (!error)
		error = grf_results_check_apart(results, grf_executable_path(ret->executable));
	return error;
}
