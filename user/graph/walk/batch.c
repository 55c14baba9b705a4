/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A batch has a turn for each place. Walkers share the places out in small shares, and note in the
 * turn of each which of their records are its. A visit that was blocked is made by the walk's own
 * walker, in the order of the places. Many visits are often blocked by the same thing, such as
 * the spot of a field, so after some of them the others are tried beside each other once more.
 *
 * Then the records are settled in the order of the turns: first each thread looks at the pointers
 * to its own objects, then at a part of the turns, to count what was reached and to queue it.
 *
 * A long object has its turn when all before it is settled: it is visited part by part, and each
 * part is a turn of a batch of its own.
 */
#include "graph/walk/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "graph/walk/visit.h"
#include "graph/walk/walk.h"

/* A batch ends at so many places, or at so many bytes of objects that are not long: each word of
 * them may become a record. */
#define BATCH_PLACES 16384u
#define BATCH_BYTES  (UINT64_C(4) << 20)

/* With fewer places than this, waking other threads costs more than they save. */
#define FEW_PLACES 512u

/* Places that a walker takes at a time. */
#define SHARE_PLACES 128u

/* Blocked visits made one after the other before the rest is tried again. */
#define ALONE_AT_ONCE 32u

/* Visits between the prefetch of an object's memory and its own visit: enough to cover a miss. */
#define PREFETCH_AHEAD 12

/* Bytes of a part of a long object, and parts of a batch. */
#define PART_BYTES  (UINT64_C(32) << 10)
#define BATCH_PARTS 64u

/* What a visit has taken down. */
struct turn {
	struct grf_walker *walker;
	uint32_t start, count; /* of its records */
	bool is_long;          /* it has none: the object is visited when its turn is settled */
};

/* Visits, in order. */
struct turns {
	const struct grf_place *places;
	const uint8_t *part; /* of the place: where the first of the parts begins; NULL: no parts */
	struct turn *turns;
	uint32_t count;
	uint32_t *waiting; /* those not made yet, in order */
	uint32_t waiting_count;
	uint32_t next;       /* in `waiting`; taken by any thread */
	uint32_t begin, end; /* those that are settled now */
};

/* What comes of a thread's part of the turns. */
struct outcome {
	uint64_t visited; /* places for the typed queue */
	uint64_t special; /* pointers that only one thread can settle */
	struct grf_frontier_cursor cursor;
};

/* What a thread writes to all the time: apart from the others' in memory. */
struct worker {
	_Alignas(128) struct grf_walker walker;
	struct grf_tally tally;
	size_t kept; /* records of turns that are settled later */
	uint32_t blocked[BATCH_PLACES], blocked_count;
};

struct grf_batch {
	struct grf_walk *walk;
	struct grf_pool *pool; /* NULL: one thread */
	unsigned int threads;
	struct worker *workers;   /* one for each thread */
	struct outcome *outcomes; /* likewise */
	struct turns *now;        /* those at which the threads are */
	uint8_t *weights;         /* of spans: log2 of the bytes of an object, 0 of a long one */
	struct grf_walker alone;  /* for long objects that cannot be shared out */
	struct turns all, parts;
	struct turn all_turns[BATCH_PLACES], part_turns[BATCH_PARTS];
	uint32_t all_waiting[BATCH_PLACES], part_waiting[BATCH_PARTS];
};

/* A byte for each span stays in the cache, where the table of spans does not. */
static uint8_t *weigh_spans(const struct grf_heap *heap)
{
	uint8_t *weights = calloc(heap->span_count + 1, sizeof(*weights));

	for (size_t i = 0; weights && i < heap->span_count; i++) {
		uint64_t size = heap->spans[i].element_size;

		if (size > 1 && size <= GRF_LONG_BYTES)
			weights[i] = (uint8_t)(64 - __builtin_clzll(size - 1));
	}
	return weights;
}

struct grf_error *grf_batch_create(struct grf_walk *walk, unsigned int threads,
				   struct grf_batch **ret)
{
	struct grf_batch *batch = calloc(1, sizeof(*batch));
	struct grf_error *error;

	if (!batch)
		return grf_error_no_memory();
	batch->walk = walk;
	batch->threads = threads;
	batch->workers = aligned_alloc(_Alignof(struct worker), threads * sizeof(*batch->workers));
	batch->outcomes = calloc(threads, sizeof(*batch->outcomes));
	batch->weights = weigh_spans(walk->heap);
	if (!batch->workers || !batch->outcomes || !batch->weights) {
		free(batch->workers);
		batch->workers = NULL;
		grf_batch_destroy(batch);
		return grf_error_no_memory();
	}
	memset(batch->workers, 0, threads * sizeof(*batch->workers));
	error = threads > 1 ? grf_pool_create(threads - 1, &batch->pool) : NULL;
	if (error) {
		grf_batch_destroy(batch);
		return error;
	}
	for (unsigned int i = 0; i < threads; i++) {
		batch->workers[i].walker.walk = walk;
		batch->workers[i].walker.reads_only = true;
	}
	batch->alone.walk = walk;
	batch->alone.settles = batch->alone.takes_long = true;
	batch->all.turns = batch->all_turns;
	batch->all.waiting = batch->all_waiting;
	batch->parts.turns = batch->part_turns;
	batch->parts.waiting = batch->part_waiting;
	*ret = batch;
	return NULL;
}

void grf_batch_count(struct grf_batch *batch)
{
	for (unsigned int i = 0; i < batch->threads; i++)
		grf_tally_end(&batch->workers[i].tally, batch->walk);
	grf_tally_end(&batch->walk->tally, batch->walk);
}

void grf_batch_destroy(struct grf_batch *batch)
{
	if (!batch)
		return;
	grf_pool_destroy(batch->pool);
	for (unsigned int i = 0; batch->workers && i < batch->threads; i++)
		grf_walker_free(&batch->workers[i].walker);
	grf_walker_free(&batch->alone);
	free(batch->workers);
	free(batch->outcomes);
	free(batch->weights);
	free(batch);
}

/* Runs a work in all threads. */
static void run_threads(struct grf_batch *batch, struct turns *turns, grf_pool_work *work)
{
	batch->now = turns;
	grf_pool_run(batch->pool, work, batch);
}

/* --- visits ----------------------------------------------------------------------------------- */

/* Inlined always: gcc drops calls of a function that does nothing but prefetch. */
static inline __attribute__((always_inline)) void prefetch_object(const struct grf_walk *walk,
								  const struct grf_place *place)
{
	uint32_t where = place->where & ~GRF_PLACE_REVISIT;
	const struct grf_span *span;
	uint64_t offset;

	if (where >= walk->heap->span_count)
		return;
	span = &walk->heap->spans[where];
	offset = place->address - span->base;
	__builtin_prefetch(span->memory + offset);
	if (span->pointer_bits)
		__builtin_prefetch(span->pointer_bits + offset / 64);
}

/* Makes a visit. False: it was blocked. */
static bool visit_turn(struct turns *turns, uint32_t index, struct grf_walker *walker)
{
	struct turn *turn = &turns->turns[index];
	size_t start = walker->records.count;

	walker->blocked = walker->is_long = false;
	walker->takes_long = turns->part != NULL;
	if (turns->part) {
		memset(walker->recent, 0, sizeof(walker->recent));
		walker->from = turns->part + index * PART_BYTES;
		walker->until = walker->from + PART_BYTES;
		grf_walker_visit(walker, turns->places);
		walker->from = walker->until = NULL;
	} else {
		grf_walker_visit(walker, &turns->places[index]);
	}
	if (grf_types_lacked() || walker->blocked) {
		walker->records.count = start;
		return false;
	}
	turn->walker = walker;
	turn->start = (uint32_t)start;
	turn->count = (uint32_t)(walker->records.count - start);
	turn->is_long = walker->is_long;
	return true;
}

static inline __attribute__((always_inline)) void
prefetch_turn(const struct grf_batch *batch, const struct turns *turns, uint32_t at, uint32_t end)
{
	if (at < end && !turns->part)
		prefetch_object(batch->walk, &turns->places[turns->waiting[at]]);
}

/* Visits from `at` to `end` of those that wait. Notes which were blocked. */
static void visit_share(struct grf_batch *batch, struct worker *worker, uint32_t at, uint32_t end)
{
	struct turns *turns = batch->now;

	for (uint32_t i = at; i < at + PREFETCH_AHEAD; i++)
		prefetch_turn(batch, turns, i, end);
	for (; at < end; at++) {
		uint32_t index = turns->waiting[at];

		prefetch_turn(batch, turns, at + PREFETCH_AHEAD, end);
		if (!visit_turn(turns, index, &worker->walker))
			worker->blocked[worker->blocked_count++] = index;
	}
}

/* Visits what waits, share by share, beside other threads. */
static void visit_shares(void *context, unsigned int thread)
{
	struct grf_batch *batch = context;
	struct turns *turns = batch->now;
	uint32_t share = turns->part ? 1 : SHARE_PLACES;

	batch->workers[thread].blocked_count = 0;
	for (;;) {
		uint32_t at = __atomic_fetch_add(&turns->next, share, __ATOMIC_RELAXED);
		uint32_t end =
		    at + share < turns->waiting_count ? at + share : turns->waiting_count;

		if (at >= turns->waiting_count)
			return;
		visit_share(batch, &batch->workers[thread], at, end);
	}
}

static int by_index(const void *left, const void *right)
{
	const uint32_t *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

/* What was blocked waits now, in order. */
static void gather_blocked(struct grf_batch *batch, struct turns *turns)
{
	turns->waiting_count = 0;
	for (unsigned int i = 0; i < batch->threads; i++) {
		const struct worker *worker = &batch->workers[i];

		memcpy(&turns->waiting[turns->waiting_count], worker->blocked,
		       worker->blocked_count * sizeof(*worker->blocked));
		turns->waiting_count += worker->blocked_count;
	}
	qsort(turns->waiting, turns->waiting_count, sizeof(*turns->waiting), by_index);
}

/* Makes the first `limit` visits that wait, one after the other. */
static void visit_blocked(struct grf_batch *batch, struct turns *turns, uint32_t limit)
{
	if (limit > turns->waiting_count)
		limit = turns->waiting_count;
	for (uint32_t i = 0; i < limit; i++)
		visit_turn(turns, turns->waiting[i], &batch->walk->main);
	turns->waiting_count -= limit;
	memmove(turns->waiting, &turns->waiting[limit],
		turns->waiting_count * sizeof(*turns->waiting));
}

/* Makes all visits by all threads. */
static void visit_beside(struct grf_batch *batch, struct turns *turns)
{
	for (uint32_t i = 0; i < turns->count; i++)
		turns->waiting[i] = i;
	turns->waiting_count = turns->count;
	while (turns->waiting_count) {
		uint32_t tried = turns->waiting_count;

		turns->next = 0;
		grf_types_freeze(batch->walk->types, true);
		run_threads(batch, turns, visit_shares);
		grf_types_freeze(batch->walk->types, false);
		gather_blocked(batch, turns);
		/* Where few visits went through, the others will not either. */
		visit_blocked(batch, turns,
			      turns->waiting_count < FEW_PLACES || turns->waiting_count > tried / 2
				  ? UINT32_MAX
				  : ALONE_AT_ONCE);
	}
}

/* Makes all visits by the calling thread. */
static void visit_in_order(struct grf_batch *batch, struct turns *turns)
{
	for (uint32_t i = 0; i < turns->count; i++) {
		if (!turns->part && i + PREFETCH_AHEAD < turns->count)
			prefetch_object(batch->walk, &turns->places[i + PREFETCH_AHEAD]);
		visit_turn(turns, i, &batch->walk->main);
	}
}

/* --- settling --------------------------------------------------------------------------------- */

/* A thread's objects are those of every so many spans: all pointers to an object are one thread's.
 */
static bool is_of_thread(const struct grf_batch *batch, const struct grf_record *record,
			 unsigned int thread)
{
	return record->where % batch->threads == thread;
}

/* The turns of a thread's part, for which it queues what comes of them. */
static uint32_t part_start(const struct grf_batch *batch, unsigned int part)
{
	const struct turns *turns = batch->now;

	return turns->begin +
	       (uint32_t)((uint64_t)(turns->end - turns->begin) * part / batch->threads);
}

static struct grf_record *records_of(const struct turn *turn)
{
	return turn->walker->records.items + turn->start;
}

static inline __attribute__((always_inline)) void
prefetch_state(const struct grf_batch *batch, const struct grf_record *record, unsigned int thread)
{
	if (is_of_thread(batch, record, thread) && record->id < GRF_RECORD_MARKS)
		grf_walk_prefetch(batch->walk, record->id);
}

/* Judges the pointers of a turn to a thread's objects. */
static void judge_turn(struct grf_batch *batch, const struct turn *turn, unsigned int thread,
		       struct outcome *outcome)
{
	struct grf_record *records = records_of(turn);
	const struct grf_record *end = turn->walker->records.items + turn->walker->records.count;

	for (uint32_t i = 0; i < turn->count; i++) {
		if (&records[i] + GRF_STATES_AHEAD < end)
			prefetch_state(batch, &records[i] + GRF_STATES_AHEAD, thread);
		if (!is_of_thread(batch, &records[i], thread))
			continue;
		grf_walk_judge(batch->walk, &records[i]);
		outcome->visited += grf_record_is_visited(&records[i]);
		outcome->special += grf_record_is_special(&records[i]);
	}
}

/* Notes that a thread's objects were visited. The walkers leave that to the threads whose objects
 * these are, as a state that goes from one processor's cache to another's costs more than a visit.
 */
static void note_visited(struct grf_batch *batch, unsigned int thread)
{
	const struct turns *turns = batch->now;

	for (uint32_t i = 0; i < turns->count; i++) {
		uint32_t where = turns->places[i].where;
		const struct grf_span *span;

		if (where >= batch->walk->heap->span_count || where % batch->threads != thread)
			continue;
		span = &batch->walk->heap->spans[where];
		batch->walk
		    ->states[span->first_object + grf_span_slot(span, turns->places[i].address)] |=
		    GRF_OBJECT_VISITED;
	}
}

/* Judges the pointers of all turns to a thread's objects. */
static void judge_objects(void *context, unsigned int thread)
{
	struct grf_batch *batch = context;

	if (!batch->now->part && !batch->now->begin)
		note_visited(batch, thread);
	for (unsigned int part = 0; part < batch->threads; part++) {
		struct outcome outcome = {0};

		for (uint32_t i = part_start(batch, part); i < part_start(batch, part + 1); i++)
			judge_turn(batch, &batch->now->turns[i], thread, &outcome);
		__atomic_fetch_add(&batch->outcomes[part].visited, outcome.visited,
				   __ATOMIC_RELAXED);
		__atomic_fetch_add(&batch->outcomes[part].special, outcome.special,
				   __ATOMIC_RELAXED);
	}
}

/* Counts the objects that a thread's part has reached, and fills in their places. */
static void queue_part(void *context, unsigned int part)
{
	struct grf_batch *batch = context;
	struct grf_frontier_cursor cursor = batch->outcomes[part].cursor;

	for (uint32_t i = part_start(batch, part); i < part_start(batch, part + 1); i++) {
		const struct grf_record *records = records_of(&batch->now->turns[i]);

		for (uint32_t k = 0; k < batch->now->turns[i].count; k++) {
			struct grf_place place = {
			    .address = records[k].address,
			    .spot = records[k].spot,
			    .where = grf_record_where(&records[k]),
			};

			if (grf_record_is_counted(&records[k]))
				grf_tally_add(&batch->workers[part].tally, batch->walk,
					      &records[k]);
			if (grf_record_is_visited(&records[k]))
				grf_frontier_fill(&cursor, &place);
		}
	}
}

/* What one thread alone can do of a part: finds types, which may make spots, and puts pointers off.
 */
static void settle_specials(struct grf_batch *batch, unsigned int part)
{
	struct grf_walk *walk = batch->walk;

	for (uint32_t i = part_start(batch, part); i < part_start(batch, part + 1); i++) {
		struct grf_record *records = records_of(&batch->now->turns[i]);

		for (uint32_t k = 0; k < batch->now->turns[i].count; k++) {
			if (grf_record_is_special(&records[k]))
				grf_walk_settle_special(walk, &records[k]);
		}
	}
}

/* Settles turns by all threads. */
static void settle_beside(struct grf_batch *batch, struct turns *turns)
{
	struct grf_frontier_cursor cursor;
	uint64_t visited = 0;

	if (!grf_places_make_room(&batch->walk->places, batch->walk->spots.count)) {
		grf_walk_fail(batch->walk);
		return;
	}
	memset(batch->outcomes, 0, batch->threads * sizeof(*batch->outcomes));
	run_threads(batch, turns, judge_objects);
	for (unsigned int part = 0; part < batch->threads; part++) {
		visited += batch->outcomes[part].visited;
		if (batch->outcomes[part].special)
			settle_specials(batch, part);
	}
	if (!grf_frontier_append(&batch->walk->typed, visited, &cursor)) {
		grf_walk_fail(batch->walk);
		return;
	}
	for (unsigned int part = 0; part < batch->threads; part++) {
		batch->outcomes[part].cursor = cursor;
		grf_frontier_skip(&cursor, batch->outcomes[part].visited);
	}
	run_threads(batch, turns, queue_part);
}

/* Settles turns by the calling thread. Where the records of several stand side by side, it takes
 * them in one. */
static void settle_in_order(struct grf_batch *batch, const struct turns *turns)
{
	for (uint32_t i = turns->begin; i < turns->end;) {
		const struct turn *first = &turns->turns[i];
		uint32_t count = 0;

		for (; i < turns->end && turns->turns[i].walker == first->walker &&
		       turns->turns[i].start == first->start + count;
		     i++)
			count += turns->turns[i].count;
		grf_walk_settle_records(batch->walk, records_of(first), count);
	}
}

static bool is_shared(const struct grf_batch *batch, const struct turns *turns)
{
	return batch->pool && turns->count >= (turns->part ? 2 : FEW_PLACES);
}

static void settle_turns(struct grf_batch *batch, struct turns *turns, uint32_t begin, uint32_t end)
{
	turns->begin = begin;
	turns->end = end;
	if (is_shared(batch, turns))
		settle_beside(batch, turns);
	else
		settle_in_order(batch, turns);
}

static void visit_turns(struct grf_batch *batch, struct turns *turns)
{
	if (is_shared(batch, turns))
		visit_beside(batch, turns);
	else
		visit_in_order(batch, turns);
}

/* --- long objects ----------------------------------------------------------------------------- */

/* Keeps the records that there are for later. */
static void keep_records(struct grf_batch *batch, size_t *ret_main)
{
	for (unsigned int i = 0; i < batch->threads; i++)
		batch->workers[i].kept = batch->workers[i].walker.records.count;
	*ret_main = batch->walk->main.records.count;
}

/* Forgets those that came since. */
static void forget_records(struct grf_batch *batch, size_t main)
{
	for (unsigned int i = 0; i < batch->threads; i++)
		batch->workers[i].walker.records.count = batch->workers[i].kept;
	batch->walk->main.records.count = main;
}

/* Visits a long object, and settles what it has. */
static void visit_long(struct grf_batch *batch, const struct grf_place *place)
{
	const struct grf_span *span = &batch->walk->heap->spans[place->where];
	const uint8_t *memory =
	    span->memory + grf_span_slot(span, place->address) * span->element_size;
	struct turns *parts = &batch->parts;
	size_t main;

	parts->places = place;
	parts->part = memory;
	keep_records(batch, &main);
	/* Whether parts of it will do, the first one shows. */
	if (!visit_turn(parts, 0, &batch->walk->main)) {
		grf_walker_visit(&batch->alone, place);
		grf_walker_settle(&batch->alone);
		return;
	}
	forget_records(batch, main);
	for (uint64_t at = 0; at < span->element_size && !batch->walk->no_memory;
	     at += BATCH_PARTS * PART_BYTES) {
		uint64_t left = (span->element_size - at + PART_BYTES - 1) / PART_BYTES;

		parts->part = memory + at;
		parts->count = left < BATCH_PARTS ? (uint32_t)left : BATCH_PARTS;
		visit_turns(batch, parts);
		settle_turns(batch, parts, 0, parts->count);
		forget_records(batch, main);
	}
}

/* How many of the next places make a batch. */
static uint32_t batch_length(const struct grf_batch *batch, const struct grf_place *places,
			     size_t count)
{
	uint64_t spans = batch->walk->heap->span_count;
	uint64_t bytes = 0;
	size_t length = 0;

	while (length < count && length < BATCH_PLACES && bytes < BATCH_BYTES) {
		uint32_t where = places[length++].where & ~GRF_PLACE_REVISIT;

		bytes += where < spans ? UINT64_C(1) << batch->weights[where] : 0;
	}
	return (uint32_t)length;
}

uint32_t grf_batch_visit(struct grf_batch *batch)
{
	struct grf_walk *walk = batch->walk;
	struct turns *all = &batch->all;

	grf_walk_settle(walk);
	walk->main.settles = false;
	all->count =
	    batch_length(batch, all->places, grf_frontier_next(&walk->typed, &all->places));
	grf_frontier_take(&walk->typed, all->count);
	visit_turns(batch, all);
	for (uint32_t begin = 0, end = 0; begin < all->count; begin = end) {
		while (end < all->count && !all->turns[end].is_long)
			end++;
		settle_turns(batch, all, begin, end);
		if (end < all->count)
			visit_long(batch, &all->places[end++]);
	}
	for (unsigned int i = 0; i < batch->threads; i++)
		batch->workers[i].walker.records.count = 0;
	walk->main.records.count = 0;
	walk->main.settles = true;
	return all->count;
}
