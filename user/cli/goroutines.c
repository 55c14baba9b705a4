/* SPDX-License-Identifier: BSD-2-Clause */
/* The command `goroutines`: what goroutines do, and what they hold. */
#include "cli/view.h"
#include "views/goroutine_groups.h"

static struct grf_view_options options = {.results.tables = true};

static const char description[] =
    "Shows the goroutines of each function, where they were started and what they wait for: how "
    "many, how many of them can never run again, the longest time that one has been waiting, the "
    "bytes of their stacks, and those that only they hold.\v"
    "A goroutine can never run again where it waits for channels, mutexes and their like that "
    "nothing leads to but such goroutines: the rule of Go 1.27's profile goroutineleak, for every "
    "release. The time counts from the first garbage collection that found it waiting.\n\n"
    "Examples:\n"
    "  grf-bpf goroutines 1234\n"
    "  grf-bpf goroutines ./server core.1234\n"
    "  grf-bpf goroutines 1234 --format json | jq '.tables.goroutines.rows[] | select(.[1] > 0)'\n";

static struct grf_error *create_view(const struct grf_graph *graph, void **ret_view,
				     struct grf_table *ret_table)
{
	struct grf_goroutine_groups *groups;
	struct grf_error *error = grf_goroutine_groups_create(graph, &groups);

	if (error)
		return error;
	*ret_view = groups;
	*ret_table = grf_goroutine_groups_table(groups);
	return NULL;
}

static void destroy_view(void *view)
{
	grf_goroutine_groups_destroy(view);
}

static struct grf_error *run_goroutines(void *input, int *ret_status)
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

const struct grf_command grf_command_goroutines = {
    .name = "goroutines",
    .summary = "what goroutines wait for, what they hold, which are stuck",
    .argp = &argp,
    .options = &options,
    .run = run_goroutines,
};
