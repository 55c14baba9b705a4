/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lists of views, and how those of a list are made. A new view is one file and one row here.
 */
#include "views/view.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const struct grf_view *const grf_profile_views[] = {
    &grf_view_owners,
    &grf_view_tree,
    &grf_view_largest_roots,
    NULL,
};

const struct grf_view *const grf_command_views[] = {
    &grf_view_types,
    &grf_view_holders,
    &grf_view_goroutines,
    NULL,
};

struct made_trees {
	struct grf_tree *tree, *labelled; /* NULL: not made */
};

static void destroy_trees(void *made)
{
	struct made_trees *trees = made;

	if (!trees)
		return;
	grf_tree_destroy(trees->tree);
	grf_tree_destroy(trees->labelled);
	free(trees);
}

static struct grf_error *make_tree(const struct grf_view_input *input, struct grf_view_result *ret)
{
	const struct grf_tree *labelled = input->graph->labelled;
	struct made_trees *made;
	struct grf_error *error;

	ret->tree = input->graph->tree;
	ret->labelled = labelled;
	if (!input->shown)
		return NULL;
	made = calloc(1, sizeof(*made));
	if (!made)
		return grf_error_no_memory();
	error = grf_shown_tree_create(input->graph->tree, input->shown, &made->tree);
	if (!error && labelled)
		error = grf_shown_tree_create(labelled, input->shown, &made->labelled);
	ret->tree = made->tree;
	ret->labelled = made->labelled;
	ret->made = made;
	if (error)
		destroy_trees(made);
	return error;
}

const struct grf_view grf_view_tree = {.name = "tree", .make = make_tree, .destroy = destroy_trees};

enum grf_view_needs grf_views_need(const struct grf_view *const *views)
{
	enum grf_view_needs most = GRF_NEEDS_TREE;

	for (; *views; views++)
		if ((*views)->needs > most)
			most = (*views)->needs;
	return most;
}

/* What of the needs of views is there. */
static enum grf_view_needs needs_met(const struct grf_view_input *input)
{
	if (input->owners)
		return GRF_NEEDS_OWNERS;
	if (input->retained)
		return GRF_NEEDS_RETAINED;
	return grf_places_kept(&input->graph->places) ? GRF_NEEDS_PLACES : GRF_NEEDS_TREE;
}

/* Whether it is a tree, or one of its tables has the view's name. */
static inline bool is_named_alike(const struct grf_view_result *result)
{
	for (size_t i = 0; i < result->table_count; i++)
		if (!strcmp(result->tables[i].name, result->view->name))
			return true;
	return result->tree != NULL;
}

struct grf_error *grf_views_make(const struct grf_view *const *views, struct grf_view_input *input,
				 struct grf_view_results *ret)
{
	enum grf_view_needs met = needs_met(input);
	struct grf_error *error = NULL;

	assert(input->facts && "set by the caller");
	ret->count = 0;
	for (; !error && *views; views++) {
		struct grf_view_result *result = &ret->items[ret->count];

		if ((*views)->needs > met)
			continue;
		assert(ret->count < GRF_MAX_VIEWS);
		*result = (struct grf_view_result){.view = *views};
		error = (*views)->make(input, result);
		assert(error || is_named_alike(result));
		ret->count += !error;
	}
	grf_retained_destroy(input->retained);
	input->retained = NULL;
	return error;
}

void grf_view_results_destroy(struct grf_view_results *results)
{
	for (size_t i = 0; i < results->count; i++)
		if (results->items[i].view->destroy)
			results->items[i].view->destroy(results->items[i].made);
	results->count = 0;
}
