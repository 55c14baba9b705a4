/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers by the thousand: the runtime holds each one until it fires or is stopped, with all that
 * its function holds. They are found in the lists that the runtime has of them.
 */
#include <string.h>

#include "base/units.h"
#include "views/suspects/suspects_private.h"
#include "views/owners/way_down.h"

/* A server has a few for each connection. */
#define MANY 1000u
/* Timers are small. So many bytes of them are some hundred. */
#define LEAST(least) ((least) / 16)

/* Arrays of timers: P.timers up to Go 1.22, timers.heap from 1.23 on (runtime/time.go). */
static const char *const lists[] = {"*runtime.timer", "runtime.timerWhen"};
#define TIMER "runtime.timer"

/* Timers of one function. */
struct timers {
	uint64_t entry; /* of the function */
	const char *function;
	uint64_t count;
	struct grf_retained_size size;
	GRF_ARRAY(uint32_t) nodes; /* of some that nothing but the runtime holds */
	uint32_t other;            /* the node of one that something else holds */
};

struct counting {
	struct grf_suspecting *suspecting;
	struct grf_type *timer; /* NULL: not found yet */
	struct timers found[4 * GRF_SUSPECTS_NAMED];
	size_t count;
	bool no_memory;
};

static bool is_list(const struct grf_object_kind *kind)
{
	return kind->content == GRF_CONTENT_ARRAY &&
	       grf_type_is_one_of(kind->type, lists, sizeof(lists) / sizeof(*lists));
}

/* The timer's type is what a list's elements point to. */
static void find_timer_type(struct counting *counting, const struct grf_type *element)
{
	for (uint32_t i = 0; i < element->slot_count && !counting->timer; i++) {
		struct grf_type *target = element->slots[i].target;

		if (target && target->name && !strcmp(target->name, TIMER))
			counting->timer = target;
	}
}

/* What the timer at an address calls. */
static bool find_called(const struct counting *counting, uint64_t timer, struct grf_function *ret)
{
	const struct grf_model *model = counting->suspecting->graph->model;
	const uint8_t *memory = grf_image_at(model->image, timer, counting->timer->size);

	return memory &&
	       grf_timer_called(model->types, counting->timer, memory, counting->timer->size, ret);
}

static struct timers *timers_of(struct counting *counting, const struct grf_function *function)
{
	struct timers *added;

	for (size_t i = 0; i < counting->count; i++)
		if (counting->found[i].entry == function->entry)
			return &counting->found[i];
	if (counting->count == sizeof(counting->found) / sizeof(*counting->found))
		return NULL;
	added = &counting->found[counting->count++];
	added->entry = function->entry;
	added->function = function->name;
	return added;
}

static void remember_node(struct counting *counting, struct timers *timers, uint32_t node)
{
	uint32_t *added;

	if (grf_retained_owner(counting->suspecting->retained, node) != GRF_ROOT_OF_RUNTIME) {
		timers->other = node;
		return;
	}
	if (timers->nodes.count == GRF_WAY_SAMPLE)
		return;
	added = grf_array_add(&timers->nodes);
	if (added)
		*added = node;
	else
		counting->no_memory = true;
}

static void visit_timer(void *context, uint64_t address, uint64_t value)
{
	struct counting *counting = context;
	const struct grf_retained *retained = counting->suspecting->retained;
	struct grf_function function;
	struct timers *timers;
	uint32_t node;

	(void)address;
	if (!grf_container_find(retained, value, &node) || !find_called(counting, value, &function))
		return;
	timers = timers_of(counting, &function);
	if (!timers)
		return;
	timers->count++;
	grf_retained_add(&timers->size, grf_retained_of(retained, node));
	remember_node(counting, timers, node);
}

static void visit_list(void *context, uint32_t node)
{
	struct counting *counting = context;
	const struct grf_retained *retained = counting->suspecting->retained;

	find_timer_type(counting, grf_owner_type(retained, node));
	if (counting->timer && !grf_retained_edges(retained, node, visit_timer, counting))
		counting->no_memory = true;
}

static struct grf_error *add_timers(struct grf_suspecting *suspecting, const struct timers *timers)
{
	const struct grf_suspicion suspicion = {
	    .name = "timers",
	    .node = timers->nodes.count ? timers->nodes.items[0] : timers->other,
	    .beside = timers->nodes.items,
	    .beside_count = (uint32_t)timers->nodes.count,
	    .size = timers->size,
	    .count = timers->count,
	};
	bool sends = !strcmp(timers->function, GRF_TIMER_SENDS);

	return grf_suspect_say(suspecting, &suspicion,
			       "%s timers that %s%s are running, and hold %s: a timer that nobody "
			       "stops stays until it fires",
			       grf_format_count_of(timers->count),
			       sends ? "send on a channel (as of time.After, time.NewTicker)"
				     : "call ",
			       sends ? "" : timers->function, grf_format_bytes(timers->size.bytes));
}

struct grf_error *grf_suspect_timers(struct grf_suspecting *suspecting)
{
	struct counting counting = {.suspecting = suspecting};
	struct grf_error *error = grf_suspect_objects(suspecting, is_list, visit_list, &counting);

	if (!error && counting.no_memory)
		error = grf_error_no_memory();
	for (size_t i = 0; i < counting.count; i++) {
		struct timers *timers = &counting.found[i];

		if (!error && timers->count >= MANY &&
		    timers->size.bytes >= LEAST(suspecting->least))
			error = add_timers(suspecting, timers);
		grf_array_free(&timers->nodes);
	}
	return error;
}
