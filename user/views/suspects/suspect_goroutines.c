/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goroutines that can never run again: what they wait for, only such goroutines could give. Their
 * stacks and what they hold stay for good.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "graph/can_run.h"
#include "model/stacks/goroutine_names.h"
#include "model/stacks/waits.h"
#include "views/goroutine_groups.h"
#include "views/suspects/suspects_private.h"

/* One that is stuck is a fault, and no leak. */
#define MANY 10u
/* A thousand goroutines that hold nothing have 2 MiB of stacks at least. */
#define LEAST(least) ((least) / 16)
/* Of so many groups, the largest. */
#define GROUPS 64u

static bool is_worth_it(const struct grf_suspecting *suspecting, uint64_t count, uint64_t stacks,
			uint64_t held)
{
	return count >= MANY && stacks + held >= LEAST(suspecting->least);
}

static bool may_be_stuck(const struct grf_suspecting *suspecting,
			 const struct grf_goroutine_group *group)
{
	return group->blocked && is_worth_it(suspecting, group->count, group->stacks, group->held);
}

/* Marks the goroutines of which the verdict matters: it goes through the heap until it is known of
 * all of them that they can run. Returns whether there are any. */
static bool choose_goroutines(const struct grf_suspecting *suspecting,
			      const struct grf_goroutine_groups *groups, bool *chosen)
{
	const struct grf_model *model = suspecting->graph->model;
	bool any = false;

	for (size_t i = 0; i < model->goroutines->count; i++) {
		const struct grf_goroutine *goroutine = &model->goroutines->items[i];
		struct grf_function function = {0};

		if (goroutine->system || !grf_goroutine_is_blocked(&model->layout, goroutine))
			continue;
		grf_goroutine_function(model->pclntab, goroutine, &function);
		for (size_t k = 0; !chosen[i] && k < groups->rows.count && k < GROUPS; k++)
			chosen[i] = groups->rows.items[k].entry == function.entry &&
				    may_be_stuck(suspecting, &groups->rows.items[k]);
		any |= chosen[i];
	}
	return any;
}

static struct grf_error *add_group(struct grf_suspecting *suspecting,
				   const struct grf_goroutine_group *group)
{
	const char *function = group->function ? group->function : "a function that is not known";
	const struct grf_suspicion suspicion = {
	    .name = "stuck-goroutines",
	    .node = group->stuck.held.objects ? group->node : GRF_NODE_NONE,
	    .path = function,
	    .size = group->stuck.held,
	    .stacks = group->stuck.stacks,
	    .count = group->never,
	};

	return grf_suspect_say(
	    suspecting, &suspicion,
	    "%s goroutines of %s%s%s wait for what can never come (%s): they hold %s and %s of "
	    "stacks",
	    grf_format_count_of(group->never), function, group->created_by ? ", started in " : "",
	    group->created_by ? group->created_by : "", group->state,
	    grf_format_bytes(group->stuck.held.bytes), grf_format_bytes(group->stuck.stacks));
}

static struct grf_error *check_groups(struct grf_suspecting *suspecting,
				      const struct grf_goroutine_groups *groups)
{
	struct grf_error *error = NULL;

	for (size_t i = 0; !error && i < groups->rows.count; i++) {
		const struct grf_goroutine_group *group = &groups->rows.items[i];

		if (is_worth_it(suspecting, group->never, group->stuck.stacks,
				group->stuck.held.bytes))
			error = add_group(suspecting, group);
	}
	return error;
}

struct grf_error *grf_suspect_goroutines(struct grf_suspecting *suspecting)
{
	struct grf_goroutine_groups *groups = NULL;
	_cleanup_free_ bool *chosen = NULL, *never = NULL;
	struct grf_error *error = grf_goroutine_groups_of(suspecting->retained, NULL, &groups);
	bool any = false;

	if (error)
		return error;
	chosen = calloc(suspecting->graph->model->goroutines->count + 1, sizeof(*chosen));
	if (chosen)
		any = choose_goroutines(suspecting, groups, chosen);
	grf_goroutine_groups_destroy(groups);
	groups = NULL;
	if (!chosen)
		return grf_error_no_memory();
	if (any)
		error = grf_graph_never_run(suspecting->graph, chosen, &never);
	if (!error && never)
		error = grf_goroutine_groups_of(suspecting->retained, never, &groups);
	if (!error && groups)
		error = check_groups(suspecting, groups);
	grf_goroutine_groups_destroy(groups);
	return error;
}
