/* SPDX-License-Identifier: BSD-2-Clause */
/* The command `types`: the heap by type. */
#include "cli/view.h"
#include "views/type_histogram.h"

static struct grf_view_options options = {.results.tables = true};

static const char description[] =
    "Shows how many objects of each type there are, their bytes, what would be freed if all of "
    "them went away (retained), and who holds most of that.\v"
    "`[...]T' is an array behind a slice, or another object with values of T to its end.\n\n"
    "Examples:\n"
    "  grf-bpf types 1234\n"
    "  grf-bpf types ./server core.1234 -n 100\n"
    "  grf-bpf types 1234 --format json | jq '.tables.types.rows[:3]'\n";

static struct grf_error *create_view(const struct grf_graph *graph, void **ret_view,
				     struct grf_table *ret_table)
{
	struct grf_type_histogram *histogram;
	struct grf_error *error = grf_type_histogram_create(graph, &histogram);

	if (error)
		return error;
	*ret_view = histogram;
	*ret_table = grf_type_histogram_table(histogram);
	return NULL;
}

static void destroy_view(void *view)
{
	grf_type_histogram_destroy(view);
}

static struct grf_error *run_types(void *input, int *ret_status)
{
	static const struct grf_view view = {create_view, destroy_view};

	(void)ret_status;
	return grf_show_view(input, &view);
}

static const struct argp argp = {
    .parser = grf_view_parse,
    .args_doc = GRF_SUBJECT_ARGUMENTS,
    .doc = description,
    .children = grf_view_children,
};

const struct grf_command grf_command_types = {
    .name = "types",
    .summary = "count objects by type, and what each type keeps",
    .argp = &argp,
    .options = &options,
    .run = run_types,
};
