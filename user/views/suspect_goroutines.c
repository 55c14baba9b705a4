/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goroutines that can never run again: what they wait for, only such goroutines could give. Their
 * stacks and what they hold stay for good.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "graph/can_run.h"
#include "views/goroutine_groups.h"
#include "views/suspects_private.h"

/* One that is stuck is a fault, and no leak. */
#define MANY 10u
/* A thousand goroutines that hold nothing have 2 MiB of stacks at least. */
#define LEAST(least) ((least) / 16)

static bool is_worth_it(const struct grf_suspecting *suspecting, uint64_t count, uint64_t stacks,
			uint64_t held)
{
	return count >= MANY && stacks + held >= LEAST(suspecting->least);
}

/* The verdict goes through the whole heap, so it is asked for where somebody may be guilty. */
static bool may_have_stuck(const struct grf_suspecting *suspecting,
			   const struct grf_goroutine_groups *groups)
{
	for (size_t i = 0; i < groups->rows.count; i++) {
		const struct grf_goroutine_group *group = &groups->rows.items[i];

		if (group->blocked &&
		    is_worth_it(suspecting, group->count, group->stacks, group->held))
			return true;
	}
	return false;
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
	_cleanup_free_ bool *never = NULL;
	struct grf_error *error = grf_goroutine_groups_of(suspecting->retained, NULL, &groups);

	if (!error && may_have_stuck(suspecting, groups)) {
		error = grf_graph_never_run(suspecting->graph, &never);
		grf_goroutine_groups_destroy(groups);
		groups = NULL;
		if (!error && never)
			error = grf_goroutine_groups_of(suspecting->retained, never, &groups);
		if (!error && groups)
			error = check_groups(suspecting, groups);
	}
	grf_goroutine_groups_destroy(groups);
	return error;
}
