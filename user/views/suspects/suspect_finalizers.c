/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finalizers that never run: nothing leads to their object but a way from itself, and the collector
 * keeps what an object with a finalizer points to (runtime.SetFinalizer says so).
 */
#include <string.h>

#include "base/units.h"
#include "views/suspects/suspects_private.h"

/* One or two of a program's own are made once, and cost nothing. */
#define MANY 10u
/* Memory is not all that a finalizer should have freed. */
#define LEAST(least) ((least) / 16)

struct cycles {
	const struct grf_type *type;
	uint32_t first; /* node */
	uint64_t count;
	struct grf_retained_size size;
};

/* Whether an object is its finalizer's: nothing else leads to it. */
static bool is_cycle(const struct grf_retained *retained, uint32_t node)
{
	uint32_t owner = grf_retained_owner(retained, node);

	return grf_retained_is_root(retained, owner) &&
	       retained->roots.nodes.items[owner].kind == GRF_ROOT_NODE_SPECIAL;
}

static struct cycles *cycles_of(struct cycles *cycles, size_t *count, size_t room,
				const struct grf_type *type)
{
	for (size_t i = 0; i < *count; i++)
		if (cycles[i].type == type)
			return &cycles[i];
	if (*count == room)
		return NULL;
	cycles[*count].type = type;
	return &cycles[(*count)++];
}

struct grf_error *grf_suspect_finalizers(struct grf_suspecting *suspecting)
{
	const struct grf_retained *retained = suspecting->retained;
	const struct grf_special_roots *specials = suspecting->graph->model->specials;
	struct cycles found[2 * GRF_SUSPECTS_NAMED] = {0};
	struct grf_error *error = NULL;
	size_t count = 0;

	for (size_t i = 0; i < specials->count; i++) {
		const struct grf_special_root *special = &specials->items[i];
		struct cycles *cycles;
		uint32_t node;

		if (special->kind != GRF_ROOT_REFERENTS ||
		    strcmp(special->name, "runtime.SetFinalizer.obj") != 0 ||
		    !grf_container_find(retained, special->value, &node) ||
		    !is_cycle(retained, node))
			continue;
		cycles = cycles_of(found, &count, sizeof(found) / sizeof(*found),
				   grf_owner_type(retained, node));
		if (!cycles)
			continue;
		if (!cycles->count++)
			cycles->first = node;
		grf_retained_add(&cycles->size, grf_retained_of(retained, node));
	}
	for (size_t i = 0; !error && i < count; i++) {
		const struct grf_suspicion suspicion = {
		    .name = "finalizer-cycle",
		    .node = found[i].first,
		    .size = found[i].size,
		    .count = found[i].count,
		};

		if (found[i].count >= MANY && found[i].size.bytes >= LEAST(suspecting->least))
			error = grf_suspect_add(
			    suspecting, &suspicion,
			    "%s of %s are reached only from themselves, so their finalizers "
			    "never run",
			    grf_format_count_of(found[i].count),
			    grf_owner_type_name(retained, found[i].type));
	}
	return error;
}
