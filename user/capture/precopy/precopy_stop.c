/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is left to do of a copy that was made while the process ran (precopy.c) once it is held.
 * Everything here counts as pause: memory for the results is made and touched before
 * (grf_precopy_ready()), and nothing is allocated or logged until the process runs again.
 *
 * The mappings that there are by now are held against those that were planned for, in one thread.
 * Several then scan, unit by unit, for pages without protection. When the last one has scanned it
 * is known how much there is to copy: too much of it, or too late, and the stop was for nothing.
 * Otherwise the same threads copy, a few runs at a time. What was discarded and is zero by now is
 * only noted; the copy follows after the stop (grf_precopy_settle()).
 */
#include "capture/precopy/precopy_stop.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "capture/precopy/precopy_units.h"

/* The largest run that a thread takes at a time at the stop. */
#define CHUNK_BYTES (256ull << 10)
/* To look at less than this at the stop takes no longer than to wake a thread. */
#define LITTLE_BYTES (128ull << 20)
/* Runs that a thread takes at a time when it copies at the stop. */
#define RUNS_AT_A_TIME 16u
/* Room for runs of each kind. */
#define RUNS (256u << 10)

static bool make_runs(struct grf_runs *runs, size_t capacity, bool with_data)
{
	runs->capacity = capacity;
	runs->items = malloc(capacity * sizeof(*runs->items));
	runs->data = with_data ? malloc(capacity * sizeof(*runs->data)) : NULL;
	if (!runs->items || (with_data && !runs->data))
		return false;
	/* So that none of our pages is missing at the stop. */
	memset(runs->items, 0, capacity * sizeof(*runs->items));
	if (with_data)
		memset((void *)runs->data, 0, capacity * sizeof(*runs->data));
	return true;
}

static void free_runs(struct grf_runs *runs)
{
	free(runs->items);
	free((void *)runs->data);
	*runs = (struct grf_runs){0};
}

void grf_precopy_unready(struct grf_precopy *precopy)
{
	free_runs(&precopy->written);
	free_runs(&precopy->changed);
	free_runs(&precopy->existing);
}

struct grf_error *grf_precopy_ready(struct grf_precopy *precopy)
{
	if (precopy->written.items)
		return NULL;
	if (!make_runs(&precopy->written, RUNS, true) ||
	    !make_runs(&precopy->changed, RUNS, false) ||
	    !make_runs(&precopy->existing, RUNS, false))
		return grf_error_no_memory();
	return NULL;
}

/* Has the units of a piece be those of the stop: parts of `first` were watched since. */
static bool plan_piece(struct grf_precopy *precopy, const struct grf_plan *first,
		       const struct grf_piece *piece, size_t *at, size_t *index)
{
	for (struct grf_piece part = *piece; part.start < piece->end; part.start = part.end) {
		bool planned = grf_units_part_is_planned(first, piece, at, part.start, &part.end);
		bool known = planned && grf_unit_is_watched(precopy, piece->part);

		part.data = piece->data + (part.start - piece->start);
		/* What is read-only is as it was. Large files that are written to are of this part
		 * as well. */
		if (piece->part == GRF_MAP_WRITTEN && planned &&
		    !(piece->flags & GRF_SEGMENT_WRITE))
			continue;
		if (!grf_units_add(precopy, &part, index, piece->part != GRF_MAP_RESIDENT && !known,
				   known))
			return false;
	}
	return true;
}

/* What was left out is not under protection: it could be written to without a page fault. If this
 * stop is given up, that is as true for the round after it. */
static void look_at_skipped(void *context, const struct grf_run *run)
{
	grf_units_look_again(context, run->start, run->end);
}

bool grf_precopy_plan(struct grf_precopy *precopy, const struct grf_plan *first,
		      const struct grf_plan *final)
{
	size_t at = 0, index = 0;

	if (precopy->touched)
		grf_touched_begin_last(precopy->touched);
	grf_left_out_check(&precopy->skipped, grf_copy_gather, precopy->copy, look_at_skipped,
			   precopy);
	precopy->units.count = precopy->next = 0;
	precopy->written.count = precopy->changed.count = precopy->existing.count = 0;
	precopy->arrived = 0;
	precopy->pages = 0;
	precopy->overflow = precopy->too_much = false;
	for (size_t i = 0; i < final->piece_count; i++)
		if (!plan_piece(precopy, first, &final->pieces[i], &at, &index))
			return false;
	return true;
}

static void add_run(struct grf_precopy *precopy, struct grf_runs *runs, uint64_t start,
		    uint64_t end, uint8_t *data)
{
	size_t index = __atomic_fetch_add(&runs->count, 1, __ATOMIC_RELAXED);

	if (index >= runs->capacity) {
		__atomic_store_n(&precopy->overflow, true, __ATOMIC_RELAXED);
		return;
	}
	runs->items[index] = (struct grf_run){start, end};
	if (runs->data)
		runs->data[index] = data;
}

/* Notes pages of a unit that are to be copied. */
static void note_written(struct grf_precopy *precopy, const struct grf_unit *unit, uint64_t start,
			 uint64_t end)
{
	__atomic_fetch_add(&precopy->pages, (end - start) / GRF_PAGE, __ATOMIC_RELAXED);
	for (uint64_t at = start; at < end;) {
		uint64_t next = end - at < CHUNK_BYTES ? end : at + CHUNK_BYTES;

		add_run(precopy, &precopy->written, at, next, grf_unit_data(unit, at));
		at = next;
	}
}

/* Notes what there is in [start, end) of a unit, which was changed. */
static void note_changed(struct grf_precopy *precopy, const struct grf_unit *unit, uint64_t start,
			 uint64_t end)
{
	enum grf_scan_result result = GRF_SCAN_MORE;
	struct grf_page_run runs[GRF_PAGE_RUNS];
	size_t count;

	if (unit->part == GRF_MAP_RESIDENT)
		add_run(precopy, &precopy->changed, start, end, NULL);
	while (result == GRF_SCAN_MORE) {
		result = grf_unit_scan(precopy, GRF_SCAN_EXISTING, start, end, runs, GRF_PAGE_RUNS,
				       &count, &start);
		if (result == GRF_SCAN_FAILED || result == GRF_SCAN_UNKNOWN) {
			precopy->copy->resident.gone = true;
			return;
		}
		for (size_t i = 0; i < count; i++) {
			if (runs[i].empty)
				continue;
			if (unit->part == GRF_MAP_RESIDENT)
				add_run(precopy, &precopy->existing, runs[i].start, runs[i].end,
					NULL);
			note_written(precopy, unit, runs[i].start, runs[i].end);
		}
	}
}

/* Pages that were swapped out after they were written to, again where that was seen already. */
static void note_swapped(struct grf_precopy *precopy, const struct grf_unit *unit, uint64_t at,
			 uint64_t end)
{
	enum grf_scan_result result = GRF_SCAN_MORE;
	struct grf_page_run runs[GRF_PAGE_RUNS];
	size_t count;

	while (result == GRF_SCAN_MORE) {
		result = grf_unit_scan(precopy, GRF_SCAN_SWAPPED, at, end, runs, GRF_PAGE_RUNS,
				       &count, &at);
		if (result == GRF_SCAN_UNKNOWN || result == GRF_SCAN_FAILED)
			return; /* scan_part() found the same */
		for (size_t i = 0; i < count; i++)
			note_written(precopy, unit, runs[i].start, runs[i].end);
	}
}

/*
 * Whether it is clear, without a question for each run, that changed pages exist. Small runs of
 * those that do not were protected in a round, and since then nothing was discarded; or they were
 * left out until now, and have no copy. Should one not exist all the same it is read as zero, which
 * it is.
 */
static bool unit_exists(const struct grf_precopy *precopy, const struct grf_unit *unit,
			const struct grf_page_run *run)
{
	return unit->known && unit->part == GRF_MAP_RESIDENT && precopy->touched &&
	       !grf_touched_is_disturbed(precopy->touched) && !grf_page_run_is_large(run);
}

static void scan_part(struct grf_precopy *precopy, const struct grf_unit *unit, uint64_t at,
		      uint64_t end)
{
	bool tells_empty = precopy->tracker->kind->tells_empty;
	enum grf_scan_result result = GRF_SCAN_MORE;
	struct grf_page_run runs[GRF_PAGE_RUNS];
	uint64_t start = at;
	size_t count;

	while (result == GRF_SCAN_MORE) {
		result = grf_unit_scan(precopy, GRF_SCAN_CHANGED, at, end, runs, GRF_PAGE_RUNS,
				       &count, &at);
		if (result == GRF_SCAN_UNKNOWN || result == GRF_SCAN_FAILED) {
			note_changed(precopy, unit, at, end);
			return;
		}
		for (size_t i = 0; i < count; i++) {
			if (!tells_empty && !unit_exists(precopy, unit, &runs[i]))
				note_changed(precopy, unit, runs[i].start, runs[i].end);
			else if (tells_empty && runs[i].empty)
				add_run(precopy, &precopy->changed, runs[i].start, runs[i].end,
					NULL);
			else
				note_written(precopy, unit, runs[i].start, runs[i].end);
		}
	}
	if (precopy->swap && !tells_empty)
		note_swapped(precopy, unit, start, end);
}

static const struct grf_touched *touched_at_stop(const struct grf_precopy *precopy,
						 const struct grf_unit *unit)
{
	return unit->known ? grf_unit_touched(precopy, unit) : NULL;
}

static void scan_unit(struct grf_precopy *precopy, const struct grf_unit *unit)
{
	const struct grf_touched *touched = touched_at_stop(precopy, unit);
	struct grf_run part = {unit->start, unit->start};

	if (unit->whole) {
		note_written(precopy, unit, unit->start, unit->end);
		return;
	}
	while (grf_touched_next(touched, part.end, unit->end, &part))
		scan_part(precopy, unit, part.start, part.end);
}

bool grf_precopy_is_little(const struct grf_precopy *precopy)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < precopy->units.count && bytes < LITTLE_BYTES; i++) {
		const struct grf_unit *unit = &precopy->units.items[i];
		struct grf_run part = {unit->start, unit->start};

		while (grf_touched_next(touched_at_stop(precopy, unit), part.end, unit->end, &part))
			bytes += part.end - part.start;
	}
	return bytes < LITTLE_BYTES;
}

/* What there was no room for was counted all the same. */
static void cut_to_room(struct grf_runs *runs)
{
	if (runs->count > runs->capacity)
		runs->count = runs->capacity;
}

/* Of the last thread that has scanned. */
static void end_scan(struct grf_precopy *precopy)
{
	cut_to_room(&precopy->written);
	cut_to_room(&precopy->changed);
	cut_to_room(&precopy->existing);
	precopy->scanned = grf_now();
	precopy->too_much = precopy->overflow || precopy->pages > precopy->limit ||
			    (precopy->deadline && precopy->scanned > precopy->deadline);
	precopy->next = 0;
}

/* Until every thread has come here. The last one says what is to be done. */
static void meet_threads(struct grf_precopy *precopy, unsigned int threads)
{
	unsigned int arrived = __atomic_add_fetch(&precopy->arrived, 1, __ATOMIC_ACQ_REL);

	if (arrived == threads) {
		end_scan(precopy);
		__atomic_store_n(&precopy->arrived, UINT32_MAX, __ATOMIC_RELEASE);
		return;
	}
	while (__atomic_load_n(&precopy->arrived, __ATOMIC_ACQUIRE) != UINT32_MAX)
		sched_yield();
}

/* Whether there is no time left to copy more. The stop is for nothing then. */
static bool is_late(struct grf_precopy *precopy)
{
	if (precopy->deadline && grf_now() > precopy->deadline)
		__atomic_store_n(&precopy->too_much, true, __ATOMIC_RELAXED);
	return __atomic_load_n(&precopy->too_much, __ATOMIC_RELAXED);
}

/* Runs from `index` on. Those that lie in the same piece are read in one go, but not too many bytes
 * between two looks at the clock. */
static void copy_written(struct grf_precopy *precopy, size_t index)
{
	const struct grf_runs *written = &precopy->written;
	size_t end =
	    index + RUNS_AT_A_TIME < written->count ? index + RUNS_AT_A_TIME : written->count;

	for (size_t next; index < end && !is_late(precopy); index = next) {
		const struct grf_run *run = &written->items[index];
		const uint8_t *data = written->data[index];
		uint64_t bytes = run->end - run->start;

		for (next = index + 1; next < end && bytes < 2 * CHUNK_BYTES; next++) {
			if (written->data[next] - data !=
			    (ptrdiff_t)(written->items[next].start - run->start))
				break;
			bytes += written->items[next].end - written->items[next].start;
		}
		grf_copy_runs(precopy->copy, run, next - index, written->data[index], run->start);
	}
}

void grf_precopy_stop(struct grf_precopy *precopy, unsigned int threads)
{
	size_t index;

	while ((index = __atomic_fetch_add(&precopy->next, 1, __ATOMIC_RELAXED)) <
	       precopy->units.count)
		scan_unit(precopy, &precopy->units.items[index]);
	meet_threads(precopy, threads);
	if (precopy->too_much)
		return;
	while ((index = __atomic_fetch_add(&precopy->next, RUNS_AT_A_TIME, __ATOMIC_RELAXED)) <
	       precopy->written.count)
		copy_written(precopy, index);
}

/* --- after it --------------------------------------------------------------------------------- */

static int by_start(const void *left, const void *right)
{
	const struct grf_run *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

static void sort_runs(struct grf_runs *runs)
{
	if (runs->count)
		qsort(runs->items, runs->count, sizeof(*runs->items), by_start);
}

/* Makes [start, end) zero, as far as it lies in the pieces: pages that are not there read so. */
static void clear_range(struct grf_copy *copy, const struct grf_plan *plan, size_t *piece,
			uint64_t start, uint64_t end)
{
	while (*piece < plan->piece_count && plan->pieces[*piece].end <= start)
		++*piece;
	if (start < end && *piece < plan->piece_count && plan->pieces[*piece].start <= start &&
	    end <= plan->pieces[*piece].end)
		grf_copy_discard(copy,
				 plan->pieces[*piece].data + (start - plan->pieces[*piece].start),
				 end - start);
}

void grf_precopy_settle(struct grf_precopy *precopy, const struct grf_plan *final)
{
	const struct grf_runs *changed = &precopy->changed, *existing = &precopy->existing;
	size_t at = 0, piece = 0;

	sort_runs(&precopy->changed);
	sort_runs(&precopy->existing);
	for (size_t i = 0; i < changed->count; i++) {
		uint64_t clean = changed->items[i].start, end = changed->items[i].end;

		for (; at < existing->count && existing->items[at].start < end; at++) {
			clear_range(precopy->copy, final, &piece, clean, existing->items[at].start);
			clean = existing->items[at].end;
		}
		clear_range(precopy->copy, final, &piece, clean, end);
	}
}
