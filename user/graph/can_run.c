/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Marks what is reached from package variables, specials and goroutines that can run. Where that
 * reaches something that a goroutine waits for, that one can run too, and is marked from. The
 * runtime's own records of waits lead nowhere.
 */
#include "graph/can_run.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/log.h"
#include "graph/pair_map.h"
#include "graph/plan_mask.h"
#include "model/stacks/goroutine_names.h"
#include "model/stacks/waits.h"

/* Objects between two looks at interruption. */
#define BREATH 0x40000u

/* A list of values of a goroutine, or of goroutines that wait for an object. */
struct link {
	uint64_t value;
	uint32_t next; /* 1 + index; 0: none */
};

struct running {
	const struct grf_graph *graph;
	const struct grf_heap *heap;
	size_t count;                      /* of goroutines */
	bool *waits;                       /* by goroutine: it is not known to be able to run */
	uint32_t *held;                    /* by goroutine: 1 + index of the first of `links` */
	uint64_t *marked;                  /* by object id */
	uint64_t *awaited;                 /* by object id: a goroutine waits for it */
	struct grf_pair_map waiters;       /* (id, 0) -> 1 + index of the first of `links` */
	struct grf_address_set unfollowed; /* words of records of waits */
	GRF_ARRAY(struct link) links;
	/* Marked, to be followed from `followed` on; and what these led to. What is nearest to a
	 * root comes first, as what goroutines wait for mostly is. */
	GRF_ARRAY(uint64_t) objects, farther;
	size_t followed;
	GRF_ARRAY(uint32_t) goroutines; /* that can run, to be marked from */
	const bool *wanted;             /* by goroutine; NULL: all */
	size_t unknown;                 /* wanted, and not known to be able to run */
	bool no_memory;
};

/* Puts a link before a list. Returns its new beginning. */
static uint32_t add_link(struct running *running, uint64_t value, uint32_t next)
{
	struct link *link =
	    running->links.count < UINT32_MAX - 1 ? grf_array_add(&running->links) : NULL;

	if (!link) {
		running->no_memory = true;
		return next;
	}
	*link = (struct link){value, next};
	return (uint32_t)running->links.count;
}

static void add_running(struct running *running, uint32_t goroutine)
{
	uint32_t *added;

	if (!running->waits[goroutine])
		return;
	running->waits[goroutine] = false;
	running->unknown -= !running->wanted || running->wanted[goroutine];
	added = grf_array_add(&running->goroutines);
	if (added)
		*added = goroutine;
	else
		running->no_memory = true;
}

/* The id of a live object that a value leads to. False: none. */
static bool find_object(const struct running *running, uint64_t value, uint64_t *ret_id,
			const struct grf_span **ret_span)
{
	uint32_t slot;

	if (!grf_heap_find(running->heap, value, ret_span, &slot))
		return false;
	*ret_id = (*ret_span)->first_object + slot;
	return grf_graph_reached(running->graph, *ret_id);
}

static void wake_waiters(struct running *running, uint64_t id)
{
	uint32_t at = grf_pair_map_get(&running->waiters, id, 0);

	for (; at && at != GRF_PAIR_MAP_NONE; at = running->links.items[at - 1].next)
		add_running(running, (uint32_t)running->links.items[at - 1].value);
}

static void mark_value(struct running *running, uint64_t value)
{
	const struct grf_span *span;
	uint64_t id, *added;

	if (running->no_memory || !find_object(running, value, &id, &span) ||
	    grf_bit(running->marked, id))
		return;
	grf_bit_set(running->marked, id);
	if (grf_bit(running->awaited, id))
		wake_waiters(running, id);
	if (span->pointer_layout == GRF_POINTERS_NONE)
		return;
	added = grf_array_add(&running->farther);
	if (added)
		*added = value;
	else
		running->no_memory = true;
}

static void visit_edge(void *context, uint64_t address, uint64_t value)
{
	struct running *running = context;

	if (running->unfollowed.count &&
	    grf_address_set_find(&running->unfollowed, address, &(size_t){0}))
		return;
	mark_value(running, value);
}

static void follow_object(struct running *running, uint64_t value)
{
	const struct grf_span *span;
	uint32_t slot;

	if (grf_heap_find(running->heap, value, &span, &slot) &&
	    !grf_graph_edges(running->graph, span, slot, visit_edge, running))
		running->no_memory = true;
}

/* Whether there is an object to be followed. */
static bool has_object(struct running *running)
{
	__typeof__(running->objects) nearer = running->objects;

	if (running->followed < running->objects.count)
		return true;
	running->objects = running->farther;
	running->farther = nearer;
	running->farther.count = running->followed = 0;
	return running->objects.count;
}

/* Marks all that is to be, until nothing more can run, or all that are asked for can. */
static struct grf_error *mark_all(struct running *running)
{
	uint32_t followed = 0;

	while (!running->no_memory && running->unknown) {
		if (has_object(running)) {
			follow_object(running, running->objects.items[running->followed++]);
			if (!(++followed % BREATH) && grf_interrupted())
				return grf_error_interrupted();
		} else if (running->goroutines.count) {
			uint32_t goroutine = running->goroutines.items[--running->goroutines.count];

			for (uint32_t at = running->held[goroutine]; at;
			     at = running->links.items[at - 1].next)
				mark_value(running, running->links.items[at - 1].value);
		} else {
			return NULL;
		}
	}
	return running->no_memory ? grf_error_no_memory() : NULL;
}

static void visit_root(void *context, const struct grf_root_word *word)
{
	struct running *running = context;

	if (word->source != GRF_ROOT_OF_GOROUTINE)
		mark_value(running, word->value);
	else if (grf_heap_span(running->heap, word->value) && !running->no_memory)
		running->held[word->index] =
		    add_link(running, word->value, running->held[word->index]);
}

static void mark_referents(struct running *running)
{
	const struct grf_special_roots *specials = running->graph->model->specials;

	for (size_t i = 0; i < specials->count; i++)
		if (specials->items[i].kind == GRF_ROOT_REFERENTS)
			follow_object(running, specials->items[i].value);
}

/* Has a goroutine wait for an object. False: what it is in is no object of the heap, and may be
 * anybody's. */
static bool await_object(struct running *running, uint32_t goroutine,
			 const struct grf_awaited *awaited)
{
	const struct grf_span *span;
	uint32_t first;
	uint64_t id;

	if (awaited->word)
		grf_address_set_add(&running->unfollowed, awaited->word, 0);
	running->no_memory |= running->unfollowed.no_memory;
	if (!find_object(running, awaited->address, &id, &span))
		return false;
	first = grf_pair_map_get(&running->waiters, id, 0);
	first = add_link(running, goroutine, first == GRF_PAIR_MAP_NONE ? 0 : first);
	grf_bit_set(running->awaited, id);
	if (!grf_pair_map_put(&running->waiters, id, 0, first))
		running->no_memory = true;
	return true;
}

static void find_block(struct running *running, struct grf_waits *waits, uint32_t index)
{
	const struct grf_goroutine *goroutine = &running->graph->model->goroutines->items[index];
	bool can_run = false;
	enum grf_block block;

	running->waits[index] = true;
	running->unknown += !running->wanted || running->wanted[index];
	if (!grf_waits_find(waits, goroutine, &block)) {
		running->no_memory = true;
		return;
	}
	for (size_t i = 0; block == GRF_BLOCK_OBJECTS && i < waits->objects.count; i++)
		can_run |= !await_object(running, index, &waits->objects.items[i]);
	if (can_run || block == GRF_BLOCK_NONE)
		add_running(running, index);
}

static struct grf_error *find_blocks(struct running *running)
{
	const struct grf_model *model = running->graph->model;
	struct grf_waits waits;

	grf_waits_begin(&waits, model->image, &model->layout, running->heap);
	for (uint32_t i = 0; i < running->count && !running->no_memory; i++)
		find_block(running, &waits, i);
	grf_waits_free(&waits);
	return running->no_memory ? grf_error_no_memory() : NULL;
}

static struct grf_error *find_running(struct running *running)
{
	size_t words = grf_bitmap_words(running->heap->object_ids) + 1;
	struct grf_error *error;

	running->waits = calloc(running->count + 1, sizeof(*running->waits));
	running->held = calloc(running->count + 1, sizeof(*running->held));
	running->marked = calloc(words, sizeof(*running->marked));
	running->awaited = calloc(words, sizeof(*running->awaited));
	if (!running->waits || !running->held || !running->marked || !running->awaited)
		return grf_error_no_memory();
	error = find_blocks(running);
	if (error)
		return error;
	grf_graph_roots(running->graph, visit_root, running);
	mark_referents(running);
	return mark_all(running);
}

/* Many a program has its main goroutine wait so, and that is no fault. */
static void spare_main(struct running *running)
{
	const struct grf_model *model = running->graph->model;

	for (size_t i = 0; i < running->count; i++)
		if (model->goroutines->items[i].id == GRF_MAIN_GOROUTINE &&
		    grf_goroutine_in_empty_select(&model->layout, &model->goroutines->items[i]))
			running->waits[i] = false;
}

struct grf_error *grf_graph_never_run(const struct grf_graph *graph, const bool *wanted, bool **ret)
{
	struct running running = {
	    .wanted = wanted,
	    .graph = graph,
	    .heap = graph->model->heap,
	    .count = graph->model->goroutines->count,
	};
	struct grf_error *error;

	*ret = NULL;
	/* What a stack that is missing holds is not known to be held. */
	if (graph->model->goroutines->lost || running.count >= UINT32_MAX)
		return NULL;
	error = find_running(&running);
	if (!error) {
		spare_main(&running);
		for (size_t i = 0; wanted && i < running.count; i++)
			running.waits[i] &= wanted[i];
		*ret = running.waits;
		running.waits = NULL;
	}
	free(running.waits);
	free(running.held);
	free(running.marked);
	free(running.awaited);
	grf_pair_map_free(&running.waiters);
	grf_address_set_free(&running.unfollowed);
	grf_array_free(&running.links);
	grf_array_free(&running.objects);
	grf_array_free(&running.farther);
	grf_array_free(&running.goroutines);
	return error;
}
