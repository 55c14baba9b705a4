/* SPDX-License-Identifier: BSD-2-Clause */
/* What attach and core do alike: the way from an image to results. */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/memory/memory.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/cli.h"
#include "model/model.h"
#include "outputs/summary.h"
#include "views/suspects/suspects.h"
#include "views/view.h"

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
		if (results->folded[i].count)
			fprintf(stream,
				"  its %s smallest samples, %s, count at what holds them "
				"(--max-samples=0 keeps them apart)\n",
				grf_format_count_of(results->folded[i].count),
				grf_format_bytes(results->folded[i].bytes));
	}
	if (fflush(stream))
		return grf_error_errno(GRF_ERROR_OUTPUT, errno, "cannot write the summary");
	return NULL;
}

/* Where the heap is too large for dominators, the rest of the results is worth having. */
static struct grf_error *pass_over_large(struct grf_error *error)
{
	if (!error || error->code != GRF_ERROR_UNSUPPORTED)
		return error;
	grf_warn("%s", error->message);
	grf_error_free(error);
	return NULL;
}

/* Makes what views are made from, and the suspects (NULL: not looked for). */
static struct grf_error *find_answers(const struct grf_graph *graph, struct grf_view_input *input,
				      struct grf_suspects **ret_suspects)
{
	struct grf_error *error;

	error = grf_view_input_create(
	    graph, grf_places_kept(&graph->places) ? GRF_NEEDS_OWNERS : GRF_NEEDS_TREE, input);
	error = pass_over_large(error);
	if (!error && input->owners)
		error = grf_suspects_create(input->retained, input->owners, GRF_SUSPECT_BYTES,
					    ret_suspects);
	return error;
}

/* Takes from the tree that is shown how much it is. */
static void note_shown(const struct grf_view_results *views, const struct grf_shown_elements *shown,
		       struct grf_facts *facts)
{
	facts->shown = shown;
	for (size_t i = 0; i < views->count; i++)
		if (views->items[i].tree) {
			facts->shown_objects = views->items[i].tree->objects;
			facts->shown_bytes = views->items[i].tree->bytes;
		}
}

/* Writes the views of a graph that was made since `began`, and the summary. */
static struct grf_error *write_views(const struct grf_graph *graph,
				     const struct grf_shown_elements *shown,
				     struct grf_results *results, uint64_t began)
{
	_cleanup_view_input_ struct grf_view_input input = {0};
	_cleanup_view_results_ struct grf_view_results views = {0};
	_cleanup_suspects_ struct grf_suspects *suspects = NULL;
	struct grf_facts facts;
	struct grf_error *error = find_answers(graph, &input, &suspects);

	if (error)
		return error;
	grf_facts_collect(graph, &facts);
	facts.suspects = suspects;
	facts.without_suspects = !grf_places_kept(&graph->places);
	facts.details = grf_log_verbosity() > 0;
	input.facts = &facts;
	input.shown = shown->focus || shown->hide ? shown : NULL;
	error = grf_views_make(grf_profile_views, &input, &views);
	if (error)
		return error;
	note_shown(&views, input.shown, &facts);
	grf_verbose("analysed in %.2f s", (double)(grf_now() - began) / 1e9);
	grf_memory_report();
	error = grf_results_write(results, &facts, &views);
	return error ? error : grf_print_summary(results, &facts);
}

struct grf_error *grf_make_profile(const struct grf_source *source,
				   const struct grf_common_options *common,
				   const struct grf_tree_options *options,
				   struct grf_results *results)
{
	struct grf_graph_options graph_options = options->graph;
	uint64_t began = grf_now();
	_cleanup_model_ struct grf_model *model = NULL;
	_cleanup_graph_ struct grf_graph *graph = NULL;
	struct grf_error *error;

	/* Who asks for every step gets it. */
	if (options->graph.no_fold && !results->samples_given)
		results->limits.samples = 0;
	error = grf_model_create(source->image, source->executable, common->naming, &model);
	if (error)
		return error;
	graph_options.labels = grf_results_have_labels(results);
	graph_options.places =
	    grf_results_have_tables(results) || model->heap->allocated_count <= SUMMARY_OBJECTS;
	error = grf_graph_create(model, &graph_options, &graph);
	return error ? error : write_views(graph, &options->shown, results, began);
}
