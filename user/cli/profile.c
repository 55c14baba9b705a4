/* SPDX-License-Identifier: BSD-2-Clause */
/* What attach and core do alike: the way from an image to results. */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/cli.h"
#include "model/model.h"
#include "outputs/summary.h"
#include "graph/graph.h"
#include "views/owners.h"

struct grf_error *grf_print_summary(const struct grf_results *results,
				    const struct grf_facts *facts)
{
	FILE *stream = grf_results_to_standard(results) ? stderr : stdout;

	if (!grf_results_tell_all(results))
		grf_summary_print(stream, facts);
	for (size_t i = 0; i < results->count; i++) {
		const struct grf_output *output = results->outputs[i];

		fputs("successfully output to `", stream);
		grf_text_print(stream, grf_output_is_standard(output) ? "/dev/stdout"
								      : grf_output_path(output));
		fputs("`\n", stream);
	}
	if (fflush(stream))
		return grf_error_errno(GRF_ERROR_OUTPUT, errno, "cannot write the summary");
	return NULL;
}

/* The owners, for results that have tables. Where the heap is too large for them, the rest of the
 * results is worth having. */
static struct grf_error *find_owners(const struct grf_graph *graph, struct grf_owners **ret)
{
	struct grf_error *error = grf_owners_create(graph, ret);

	if (!error || error->code != GRF_ERROR_UNSUPPORTED)
		return error;
	grf_warn("%s", error->message);
	grf_error_free(error);
	return NULL;
}

struct grf_error *grf_make_profile(const struct grf_source *source,
				   const struct grf_graph_options *options,
				   const struct grf_results *results)
{
	bool with_owners = grf_results_have_tables(results);
	struct grf_graph_options graph_options = *options;
	uint64_t began = grf_now();
	struct grf_facts facts;
	struct grf_table table;
	_cleanup_model_ struct grf_model *model = NULL;
	_cleanup_graph_ struct grf_graph *graph = NULL;
	_cleanup_owners_ struct grf_owners *owners = NULL;
	struct grf_error *error;

	graph_options.places = with_owners;
	error = grf_model_create(source->image, source->executable, &model);
	if (!error)
		error = grf_graph_create(model, &graph_options, &graph);
	if (!error && with_owners)
		error = find_owners(graph, &owners);
	if (!error) {
		grf_verbose("analysed in %.2f s", (double)(grf_now() - began) / 1e9);
		grf_memory_report();
		grf_facts_collect(graph, &facts);
		if (owners)
			table = grf_owners_table(owners);
		error = grf_results_write(results, &facts, owners ? &table : NULL, graph->tree);
		if (!error)
			error = grf_print_summary(results, &facts);
	}
	return error;
}
