/* SPDX-License-Identifier: BSD-2-Clause */
/* What attach and core do alike: the way from an image to results. */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/memory/memory.h"
#include "base/text.h"
#include "cli/cli.h"
#include "model/model.h"
#include "outputs/summary.h"
#include "graph/graph.h"
#include "views/owners.h"
#include "views/suspects.h"

/* The summary of a profile has suspects where there are no more objects than this: they take some
 * 0.4 s of CPU and 20 MiB then. */
#define SUMMARY_OBJECTS 2000000u

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

/* What is asked of the dominators. */
struct answers {
	struct grf_owners *owners;
	struct grf_suspects *suspects;
};

static void answers_cleanup_fn(struct answers *answers)
{
	grf_owners_destroy(answers->owners);
	grf_suspects_destroy(answers->suspects);
}

/* Where the heap is too large for them, the rest of the results is worth having. */
static struct grf_error *find_answers(const struct grf_graph *graph, struct answers *ret)
{
	_cleanup_retained_ struct grf_retained *retained = NULL;
	struct grf_error *error = grf_retained_create(graph, &retained);

	if (!error) {
		error = grf_owners_create(retained, &ret->owners);
		return error ? error
			     : grf_suspects_create(retained, ret->owners, GRF_SUSPECT_BYTES,
						   &ret->suspects);
	}
	if (error->code != GRF_ERROR_UNSUPPORTED)
		return error;
	grf_warn("%s", error->message);
	grf_error_free(error);
	return NULL;
}

struct grf_error *grf_make_profile(const struct grf_source *source,
				   const struct grf_graph_options *options,
				   const struct grf_results *results)
{
	__attribute__((cleanup(answers_cleanup_fn))) struct answers answers = {0};
	struct grf_graph_options graph_options = *options;
	uint64_t began = grf_now();
	struct grf_facts facts;
	struct grf_table table;
	_cleanup_model_ struct grf_model *model = NULL;
	_cleanup_graph_ struct grf_graph *graph = NULL;
	struct grf_error *error;

	error = grf_model_create(source->image, source->executable, &model);
	if (error)
		return error;
	graph_options.places =
	    grf_results_have_tables(results) || model->heap->allocated_count <= SUMMARY_OBJECTS;
	error = grf_graph_create(model, &graph_options, &graph);
	if (!error && graph_options.places)
		error = find_answers(graph, &answers);
	if (error)
		return error;
	grf_verbose("analysed in %.2f s", (double)(grf_now() - began) / 1e9);
	grf_memory_report();
	grf_facts_collect(graph, &facts);
	facts.suspects = answers.suspects;
	facts.without_suspects = !graph_options.places;
	if (answers.owners)
		table = grf_owners_table(answers.owners);
	error = grf_results_write(results, &facts, answers.owners ? &table : NULL, graph->tree);
	return error ? error : grf_print_summary(results, &facts);
}
