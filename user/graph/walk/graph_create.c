/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes the graph of a model: walks it class by class, and adds up the totals. */
#include "graph/graph.h"

#include <malloc.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/jobs.h"
#include "base/log.h"
#include "graph/walk/batch.h"
#include "graph/walk/walk.h"
#include "graph/unlabelled_tree.h"
#include "graph/walk/walk_labels.h"

static void walk_free(struct grf_walk *walk)
{
	for (size_t i = 0; i < walk->areas.count; i++) {
		free(walk->areas.items[i].pending);
		free(walk->areas.items[i].assembled);
	}
	grf_array_free(&walk->areas);
	for (size_t i = 0; i < walk->partials.count; i++)
		free(walk->partials.items[i].bits);
	grf_array_free(&walk->partials);
	grf_pair_map_free(&walk->partial_index);
	grf_pair_map_free(&walk->scheduler);
	grf_frontier_free(&walk->typed);
	grf_frontier_free(&walk->deferred);
	grf_frontier_free(&walk->in_stack);
	grf_frontier_free(&walk->left_to_runtime);
	grf_frontier_free(&walk->pools);
	grf_stored_types_free(&walk->stored);
	grf_array_free(&walk->made);
	grf_pair_map_free(&walk->made_index);
	grf_type_inference_destroy(walk->inference);
	grf_enclosing_types_destroy(walk->enclosing);
	grf_spots_free(&walk->spots);
	grf_tree_builder_free(&walk->builder);
	grf_array_free(&walk->claims);
	grf_walker_free(&walk->main);
	grf_batch_destroy(walk->batch);
	free(walk->unclaimed);
	free(walk->labels);
	free(walk->states);
	grf_places_free(&walk->places);
}

static void add_totals(struct grf_tree *tree)
{
	for (uint32_t i = 0; i < tree->node_count; i++) {
		const struct grf_tree_node *node = &tree->nodes[i];

		tree->objects += node->objects;
		tree->bytes += node->bytes;
		tree->class_objects[node->root_class] += node->objects;
		tree->class_bytes[node->root_class] += node->bytes;
		if (node->untyped) {
			tree->untyped_objects += node->objects;
			tree->untyped_bytes += node->bytes;
		}
	}
}

static struct grf_error *index_scheduler(struct grf_walk *walk)
{
	const struct grf_scheduler *scheduler = &walk->model->scheduler;

	for (size_t i = 0; i < scheduler->addresses.count; i++) {
		const struct grf_span *span;
		uint32_t slot;

		if (grf_heap_find(walk->heap, scheduler->addresses.items[i], &span, &slot) &&
		    !grf_pair_map_put(&walk->scheduler, span->first_object + slot, 0, 1))
			return grf_error_no_memory();
	}
	return NULL;
}

static struct grf_error *walk_all(struct grf_walk *walk, bool keep)
{
	struct grf_error *error = grf_object_states_create(walk->heap, &walk->states);

	if (!error)
		error = grf_batch_create(walk, grf_jobs(), &walk->batch);
	if (!error && keep && !grf_places_create(&walk->places, walk->heap->object_ids))
		error = grf_error_no_memory();
	if (!error)
		error = index_scheduler(walk);
	if (!error)
		error = grf_walk_areas(walk);
	for (int root_class = 0; !error && root_class < GRF_ROOT_CLASSES; root_class++) {
		uint64_t began = grf_now();

		error = grf_walk_class(walk, (enum grf_root_class)root_class);
		grf_batch_count(walk->batch);
		grf_debug("root class %d: %llu objects after %.3f s", root_class,
			  (unsigned long long)walk->reached, (double)(grf_now() - began) / 1e9);
	}
	grf_progress_end();
	if (!error && keep)
		error = grf_walk_wholes(walk);
	if (!error && walk->no_memory)
		error = grf_error_no_memory();
	if (!error && walk->implausible)
		grf_warn("%llu objects have a type descriptor that cannot be read; what they point "
			 "to is not followed",
			 (unsigned long long)walk->implausible);
	return error;
}

/* Copies what the walk's spots know of objects. False: out of memory. */
static bool make_kinds(const struct grf_spots *spots, struct grf_graph *graph)
{
	graph->kinds = calloc(spots->count, sizeof(*graph->kinds));
	graph->kind_count = spots->count;
	for (uint32_t id = 1; graph->kinds && id < spots->count; id++) {
		const struct grf_spot *spot = grf_spot_at(spots, id);

		graph->kinds[id] = (struct grf_object_kind){
		    .type = spot->type,
		    .node = spot->node,
		    .content = (enum grf_content)spot->content,
		    .inferred = spot->inferred || graph->tree->nodes[spot->node].inferred,
		};
	}
	return graph->kinds;
}

static int by_address(const void *left, const void *right)
{
	const struct grf_root_claim *a = left, *b = right;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* By address, each once: the frames of goroutines are walked twice. Returns how many are left. */
static size_t sort_claims(struct grf_root_claim *claims, size_t count)
{
	size_t kept = 0;

	if (count)
		qsort(claims, count, sizeof(*claims), by_address);
	for (size_t i = 0; i < count; i++)
		if (!kept || claims[kept - 1].address != claims[i].address)
			claims[kept++] = claims[i];
	return kept;
}

/* Hands over what was reached. */
static void take_walk(struct grf_walk *walk, struct grf_graph *graph)
{
	struct grf_tree *tree = graph->tree;

	if (grf_places_kept(&walk->places)) {
		graph->places = walk->places;
		walk->places = (struct grf_places){0};
		walk->claims.count = sort_claims(walk->claims.items, walk->claims.count);
		grf_array_fit(&walk->claims);
		graph->claims = grf_take(walk->claims.items);
		graph->claim_count = walk->claims.count;
	}
	tree->heap_objects = walk->heap->allocated_count;
	tree->heap_bytes = walk->heap->allocated_bytes;
	add_totals(tree);
}

/* The tree of all but pprof is one without labels. */
static struct grf_error *set_labels_apart(struct grf_graph *graph)
{
	_cleanup_free_ uint32_t *node_of =
	    calloc((size_t)graph->tree->node_count + 1, sizeof(*node_of));
	struct grf_tree *tree = NULL;
	struct grf_error *error;

	if (!node_of)
		return grf_error_no_memory();
	error = grf_unlabelled_tree_create(graph->tree, node_of, &tree);
	if (error)
		return error;
	for (uint32_t id = 1; id < graph->kind_count; id++)
		graph->kinds[id].node = node_of[graph->kinds[id].node];
	graph->labelled = graph->tree;
	graph->labelled->label_sets = graph->label_sets.items;
	graph->tree = tree;
	return NULL;
}

static struct grf_error *make_graph(struct grf_graph *graph,
				    const struct grf_graph_options *options)
{
	struct grf_model *model = graph->model;
	struct grf_walk *walk = calloc(1, sizeof(*walk));
	struct grf_error *error;

	if (!walk)
		return grf_error_no_memory();
	walk->model = model;
	walk->heap = model->heap;
	walk->types = model->types;
	walk->main.walk = walk;
	walk->main.settles = true;
	grf_tree_builder_init(&walk->builder, graph->tree, options);
	grf_spots_init(&walk->spots, model->types, &walk->builder);
	error = options->labels ? grf_walk_labels(graph, &walk->labels) : NULL;
	if (!error)
		error = walk_all(walk, options->places);
	if (!error && options->places && !make_kinds(&walk->spots, graph))
		error = grf_error_no_memory();
	if (!error)
		take_walk(walk, graph);
	if (!error && walk->labels)
		error = set_labels_apart(graph);
	walk_free(walk);
	free(walk);
	/* Queues came and went, and what comes next has other sizes. */
	malloc_trim(0);
	return error;
}

struct grf_error *grf_graph_create(struct grf_model *model, const struct grf_graph_options *options,
				   struct grf_graph **ret)
{
	struct grf_graph *graph = calloc(1, sizeof(*graph));
	struct grf_error *error;

	if (!graph)
		return grf_error_no_memory();
	graph->model = model;
	graph->tree = calloc(1, sizeof(*graph->tree));
	graph->stored = calloc(1, sizeof(*graph->stored));
	error = graph->tree && graph->stored ? make_graph(graph, options) : grf_error_no_memory();
	if (error)
		grf_graph_destroy(graph);
	else
		*ret = graph;
	return error;
}
