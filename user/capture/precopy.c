/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process's memory is put under write protection (userfault.h) and copied while it runs. The
 * first write to a page takes its protection off, in the kernel, at the cost of a page fault. What
 * was written meanwhile is protected and copied again, round by round, until little is left. Then
 * comes the stop: the mappings are read once more, one scan finds the pages that are without
 * protection, and those alone are copied.
 *
 * The copy lies as the original does (space.h), so that a page copied again takes the place of what
 * it was before. What else can happen to a page between its copy and the stop:
 *
 * - It is discarded (munmap, madvise) and reads as zero again. The last scan finds such pages
 * beside those that were written; they are made zero in the copy, after the stop.
 * - Its mapping is replaced or moved. A new mapping is not under protection; the scan says so, and
 *   all that exists in such a range is copied.
 *
 * Some memory is not needed (left_out.h). What is large of it is neither protected nor looked at,
 * and at the stop its witnesses are asked whether that is still right: pages without protection
 * count as written, so that it takes no more than to look at them if it is not. What is small is
 * protected with all the rest and only not copied at first. It is looked for after the pages are
 * protected: whoever puts such memory to another use later writes to it, and so has it copied.
 *
 * Pages of files that nobody wrote to need not exist and still hold something: such pieces, the
 * data segments, are small; all of them is copied at first, and of them only what exists, and is
 * without protection, at the stop. Read-only ones cannot change and are copied once.
 */
#include "capture/precopy.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define UNIT_BYTES (16ull << 20)
#define RUNS       256
/* What one page of the page tables maps. */
#define PAGE_TABLE_BYTES (2ull << 20)
/* The largest run that a thread takes at a time at the stop. */
#define CHUNK_BYTES (256ull << 10)
#define MORE_UNITS  4096
/* From so many small runs in a part of a unit on, they are protected together. */
#define MANY_RUNS 24u
#define MORE_RUNS (256u << 10)
/* What a round leaves that copied less than this is left for the stop. */
#define SMALL_ROUND (512ull << 10)

static uint8_t *unit_data(const struct grf_unit *unit, uint64_t address)
{
	return unit->data + (address - unit->start);
}

/* Cuts a part of a piece into units. False: no room. */
static bool add_part(struct grf_precopy *precopy, const struct grf_piece *piece,
		     const struct grf_run *part, bool whole)
{
	for (uint64_t at = part->start; at < part->end;) {
		uint64_t end = part->end - at < UNIT_BYTES ? part->end : at + UNIT_BYTES;

		if (precopy->units.count == precopy->units.capacity)
			return false;
		precopy->units.items[precopy->units.count++] = (struct grf_unit){
		    .start = at,
		    .end = end,
		    .data = piece->data + (at - piece->start),
		    .part = piece->part,
		    .whole = whole,
		};
		at = end;
	}
	return true;
}

/* The same for all of a piece that is not left out; *index is for grf_left_out_next(). */
static bool add_units(struct grf_precopy *precopy, const struct grf_piece *piece, size_t *index,
		      bool whole)
{
	struct grf_run part = {piece->start, piece->start};

	if (piece->part != GRF_MAP_RESIDENT) {
		part.end = piece->end;
		return add_part(precopy, piece, &part, whole);
	}
	while (grf_left_out_next(&precopy->skipped, index, part.end, piece->end, &part))
		if (!add_part(precopy, piece, &part, whole))
			return false;
	return true;
}

static size_t count_units(const struct grf_precopy *precopy, const struct grf_plan *plan)
{
	size_t count = precopy->skipped.run_count;

	for (size_t i = 0; i < plan->piece_count; i++)
		count += (plan->pieces[i].end - plan->pieces[i].start) / UNIT_BYTES + 1;
	return count;
}

static enum grf_scan_result scan_pages(struct grf_precopy *precopy, enum grf_scan what,
				       uint64_t from, uint64_t to, struct grf_page_run *runs,
				       size_t capacity, size_t *ret_count, uint64_t *ret_next)
{
	return precopy->tracker->kind->scan(precopy->tracker, what, from, to, runs, capacity,
					    ret_count, ret_next);
}

/* Whether the tracker knows what becomes of such a piece. */
static bool is_watched(const struct grf_precopy *precopy, enum grf_map_part part)
{
	return part == GRF_MAP_RESIDENT ||
	       (part != GRF_MAP_WRITTEN && !precopy->tracker->kind->only_anonymous);
}

/* --- while the process runs ------------------------------------------------------------------- */

/* Copies runs of a unit without what of them is `unneeded`. */
static void copy_runs(struct grf_precopy *precopy, const struct grf_unit *unit,
		      const struct grf_page_run *runs, size_t count,
		      const struct grf_left_out_set *unneeded)
{
	size_t index = grf_left_out_index(unneeded, unit->start), wanted_count = 0;
	struct grf_run wanted[RUNS];

	for (size_t i = 0; i < count; i++) {
		struct grf_run part = {runs[i].start, runs[i].start};

		while (!runs[i].empty &&
		       grf_left_out_next(unneeded, &index, part.end, runs[i].end, &part)) {
			wanted[wanted_count++] = part;
			if (wanted_count < RUNS)
				continue;
			grf_copy_runs(precopy->copy, wanted, wanted_count, unit->data, unit->start);
			wanted_count = 0;
		}
	}
	grf_copy_runs(precopy->copy, wanted, wanted_count, unit->data, unit->start);
}

static const struct grf_left_out_set everything; /* is needed */

/* What was copied before of pages that hold nothing now is gone. */
static void drop_empty(struct grf_precopy *precopy, const struct grf_unit *unit,
		       const struct grf_page_run *runs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (runs[i].empty)
			grf_copy_discard(precopy->copy, unit_data(unit, runs[i].start),
					 runs[i].end - runs[i].start);
}

/* Copies what a scan found; after the first, which only protects, all that exists is. */
static void take_found(struct grf_precopy *precopy, const struct grf_unit *unit, enum grf_scan scan,
		       const struct grf_page_run *runs, size_t count)
{
	if (scan != GRF_SCAN_FIRST)
		copy_runs(precopy, unit, runs, count, &everything);
	if (scan == GRF_SCAN_SEAL && unit->part == GRF_MAP_RESIDENT)
		drop_empty(precopy, unit, runs, count);
}

/*
 * Protects what `scan` finds in a range of a unit, and copies it. A scan that comes upon a mapping
 * that is not under protection fails without saying what it has protected before: all that exists
 * is copied then, as pages that are protected and not copied would never be.
 */
static void protect(struct grf_precopy *precopy, const struct grf_unit *unit, enum grf_scan scan,
		    uint64_t start, uint64_t end)
{
	enum grf_scan_result result = GRF_SCAN_MORE;
	struct grf_page_run runs[RUNS];
	size_t count;

	while (result == GRF_SCAN_MORE && !grf_interrupted()) {
		result = scan_pages(precopy, scan, start, end, runs, RUNS, &count, &start);
		if (result == GRF_SCAN_UNKNOWN && scan == GRF_SCAN_FIRST)
			return;
		if (result == GRF_SCAN_UNKNOWN && scan != GRF_SCAN_EXISTING) {
			if (scan == GRF_SCAN_SEAL && unit->part == GRF_MAP_RESIDENT)
				grf_copy_discard(precopy->copy, unit_data(unit, start),
						 end - start);
			scan = GRF_SCAN_EXISTING;
			result = GRF_SCAN_MORE;
			continue;
		}
		if (result == GRF_SCAN_DONE || result == GRF_SCAN_MORE)
			take_found(precopy, unit, scan, runs, count);
	}
}

static bool is_large(const struct grf_page_run *run)
{
	return run->end - run->start >= PAGE_TABLE_BYTES;
}

/*
 * Protects and copies runs that were changed. Pages that do not exist count as changed at each
 * look, unless they are protected too; heaps can have very many of them, one by one, which would
 * cost much at the stop. Where page tables do not exist either, protecting would make them: such
 * ranges are few, and stay as they are. Many small runs are done in one go, with what is between
 * them: a call takes as long as looking at some hundred pages.
 */
static void refresh_runs(struct grf_precopy *precopy, const struct grf_unit *unit,
			 const struct grf_page_run *runs, size_t count)
{
	bool together = count >= MANY_RUNS;

	for (size_t i = 0, next; i < count; i = next) {
		next = i + 1;
		if (is_large(&runs[i])) {
			protect(precopy, unit, GRF_SCAN_WRITTEN, runs[i].start, runs[i].end);
			continue;
		}
		while (together && next < count && !is_large(&runs[next]))
			next++;
		protect(precopy, unit, GRF_SCAN_SEAL, runs[i].start, runs[next - 1].end);
	}
}

/* Protects and copies what was changed of a unit. */
static void refresh_unit(struct grf_precopy *precopy, const struct grf_unit *unit)
{
	enum grf_scan_result result = GRF_SCAN_MORE;
	struct grf_page_run runs[RUNS];
	uint64_t at = unit->start;
	size_t count;

	if (!is_watched(precopy, unit->part))
		return;
	while (result == GRF_SCAN_MORE && !grf_interrupted()) {
		result =
		    scan_pages(precopy, GRF_SCAN_CHANGED, at, unit->end, runs, RUNS, &count, &at);
		if (result != GRF_SCAN_DONE && result != GRF_SCAN_MORE)
			return;
		refresh_runs(precopy, unit, runs, count);
	}
}

/* Copies a unit for the first time. */
static void copy_unit(struct grf_precopy *precopy, const struct grf_unit *unit)
{
	enum grf_scan_result result = GRF_SCAN_MORE;
	struct grf_run whole = {unit->start, unit->end};
	struct grf_page_run runs[RUNS];
	uint64_t at = unit->start;
	size_t count;

	if (unit->part != GRF_MAP_RESIDENT) {
		grf_copy_runs(precopy->copy, &whole, 1, unit->data, unit->start);
		return;
	}
	while (result == GRF_SCAN_MORE && !grf_interrupted()) {
		result = scan_pages(precopy, GRF_SCAN_COPY, at, unit->end, runs, RUNS, &count, &at);
		if (result != GRF_SCAN_DONE && result != GRF_SCAN_MORE)
			return;
		copy_runs(precopy, unit, runs, count, &precopy->unneeded);
		if (precopy->rounds)
			drop_empty(precopy, unit, runs, count);
	}
}

/* Whether a round is to be broken off. */
static bool has_reason_to_end(const struct grf_precopy *precopy)
{
	return grf_interrupted() || precopy->copy->error ||
	       (precopy->is_due && precopy->is_due(precopy->context));
}

uint64_t grf_precopy_round(struct grf_precopy *precopy)
{
	uint64_t before = precopy->copy->bytes;
	size_t i;

	for (i = 0; i < precopy->units.count && !has_reason_to_end(precopy); i++) {
		if (precopy->copied) {
			refresh_unit(precopy, &precopy->units.items[i]);
			continue;
		}
		copy_unit(precopy, &precopy->units.items[i]);
		grf_progress("copying while the process runs", i, precopy->units.count);
	}
	if (!precopy->copied)
		grf_progress_end();
	precopy->rounds++;
	precopy->copied = true;
	if (i == precopy->units.count)
		precopy->round_bytes = precopy->copy->bytes - before;
	return precopy->copy->bytes - before;
}

static uint64_t measure_unit(struct grf_precopy *precopy, const struct grf_unit *unit)
{
	enum grf_scan_result result = GRF_SCAN_MORE;
	struct grf_page_run runs[RUNS];
	uint64_t at = unit->start, pages = 0;
	size_t count;

	while (result == GRF_SCAN_MORE && !grf_interrupted()) {
		result =
		    scan_pages(precopy, GRF_SCAN_CHANGED, at, unit->end, runs, RUNS, &count, &at);
		if (result != GRF_SCAN_DONE && result != GRF_SCAN_MORE)
			break;
		for (size_t i = 0; i < count; i++)
			if (!runs[i].empty)
				pages += (runs[i].end - runs[i].start) / GRF_PAGE;
	}
	return pages;
}

uint64_t grf_precopy_measure(struct grf_precopy *precopy)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < precopy->units.count && !has_reason_to_end(precopy); i++)
		if (is_watched(precopy, precopy->units.items[i].part))
			pages += measure_unit(precopy, &precopy->units.items[i]);
	return pages;
}

static void watch_pieces(struct grf_precopy *precopy, const struct grf_plan *plan)
{
	for (size_t i = 0; i < plan->piece_count; i++) {
		const struct grf_piece *piece = &plan->pieces[i];

		if (is_watched(precopy, piece->part) &&
		    !precopy->tracker->kind->watch(precopy->tracker, piece->start, piece->end))
			grf_verbose("%#llx-%#llx cannot be watched; it is copied at the stop",
				    (unsigned long long)piece->start,
				    (unsigned long long)piece->end);
	}
}

void grf_precopy_replan(struct grf_precopy *precopy, const struct grf_plan *first)
{
	size_t index = 0;

	precopy->units.count = 0;
	for (size_t i = 0; i < first->piece_count; i++)
		add_units(precopy, &first->pieces[i], &index, false);
}

/* Whether pages can be swapped out at all. */
static bool system_has_swap(void)
{
	FILE *file = fopen("/proc/swaps", "re");
	int lines = 0, character;

	if (!file)
		return true;
	while ((character = fgetc(file)) != EOF)
		lines += character == '\n';
	fclose(file);
	return lines > 1;
}

/* From here on, what changes is seen. */
static struct grf_error *begin(struct grf_precopy *precopy)
{
	if (precopy->tracker->kind->begin)
		return precopy->tracker->kind->begin(precopy->tracker);
	for (size_t i = 0; i < precopy->units.count && !grf_interrupted(); i++) {
		const struct grf_unit *unit = &precopy->units.items[i];

		if (is_watched(precopy, unit->part))
			protect(precopy, unit, GRF_SCAN_FIRST, unit->start, unit->end);
	}
	return grf_interrupted() ? grf_error_interrupted() : NULL;
}

struct grf_error *grf_precopy_begin(struct grf_precopy *precopy, struct grf_copy *copy,
				    const struct grf_plan *plan)
{
	precopy->copy = copy;
	precopy->swap = system_has_swap();
	precopy->units.capacity = 2 * count_units(precopy, plan) + MORE_UNITS;
	precopy->units.items = calloc(precopy->units.capacity, sizeof(*precopy->units.items));
	if (!precopy->units.items)
		return grf_error_no_memory();
	watch_pieces(precopy, plan);
	grf_precopy_replan(precopy, plan);
	return begin(precopy);
}

struct grf_error *grf_precopy_restart(struct grf_precopy *precopy)
{
	precopy->copied = false;
	return begin(precopy);
}

void grf_precopy_rounds(struct grf_precopy *precopy, unsigned int rounds)
{
	uint64_t before = UINT64_MAX;

	for (unsigned int i = 0; i < rounds && !has_reason_to_end(precopy); i++) {
		uint64_t bytes = grf_precopy_round(precopy);

		grf_verbose("round %u: %.2f MiB copied", precopy->rounds,
			    (double)bytes / (1 << 20));
		/* The second round is what protects pages that do not exist. */
		if (precopy->rounds > 1 && (bytes < SMALL_ROUND || bytes > before / 4 * 3))
			break;
		before = bytes;
	}
}

/* --- at the stop ------------------------------------------------------------------------------ */

static bool make_runs(struct grf_runs *runs, size_t capacity, bool with_data)
{
	runs->capacity = capacity;
	runs->items = malloc(capacity * sizeof(*runs->items));
	runs->data = with_data ? malloc(capacity * sizeof(*runs->data)) : NULL;
	if (!runs->items || (with_data && !runs->data))
		return false;
	/* So that no page of ours is missing at the stop. */
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

struct grf_error *grf_precopy_ready(struct grf_precopy *precopy, unsigned int threads)
{
	precopy->threads = threads;
	if (precopy->written.items)
		return NULL;
	if (!make_runs(&precopy->written, MORE_RUNS, true) ||
	    !make_runs(&precopy->changed, MORE_RUNS, false) ||
	    !make_runs(&precopy->existing, MORE_RUNS, false))
		return grf_error_no_memory();
	return NULL;
}

/* Whether a piece was there from the beginning, as it is. */
static bool was_planned(const struct grf_plan *first, const struct grf_piece *piece, size_t *at)
{
	while (*at < first->piece_count && first->pieces[*at].end <= piece->start)
		++*at;
	return *at < first->piece_count && first->pieces[*at].start <= piece->start &&
	       first->pieces[*at].end >= piece->end && first->pieces[*at].part == piece->part;
}

bool grf_precopy_plan(struct grf_precopy *precopy, const struct grf_plan *first,
		      const struct grf_plan *final)
{
	size_t at = 0, index = 0;

	grf_left_out_check(&precopy->skipped, grf_copy_gather, precopy->copy);
	precopy->units.count = precopy->next = 0;
	precopy->written.count = precopy->changed.count = precopy->existing.count = 0;
	precopy->arrived = 0;
	precopy->pages = 0;
	precopy->overflow = precopy->too_much = false;
	for (size_t i = 0; i < final->piece_count; i++) {
		const struct grf_piece *piece = &final->pieces[i];
		bool known = was_planned(first, piece, &at);

		if (piece->part == GRF_MAP_WRITTEN && known)
			continue; /* read-only */
		if (!add_units(precopy, piece, &index,
			       piece->part != GRF_MAP_RESIDENT &&
				   !(known && is_watched(precopy, piece->part))))
			return false;
	}
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

		add_run(precopy, &precopy->written, at, next, unit_data(unit, at));
		at = next;
	}
}

/* Notes what there is in [start, end) of a unit, which was changed. */
static void note_changed(struct grf_precopy *precopy, const struct grf_unit *unit, uint64_t start,
			 uint64_t end)
{
	enum grf_scan_result result = GRF_SCAN_MORE;
	struct grf_page_run runs[RUNS];
	size_t count;

	if (unit->part == GRF_MAP_RESIDENT)
		add_run(precopy, &precopy->changed, start, end, NULL);
	while (result == GRF_SCAN_MORE) {
		result =
		    scan_pages(precopy, GRF_SCAN_EXISTING, start, end, runs, RUNS, &count, &start);
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
static void note_swapped(struct grf_precopy *precopy, const struct grf_unit *unit)
{
	enum grf_scan_result result = GRF_SCAN_MORE;
	struct grf_page_run runs[RUNS];
	uint64_t at = unit->start;
	size_t count;

	while (result == GRF_SCAN_MORE) {
		result =
		    scan_pages(precopy, GRF_SCAN_SWAPPED, at, unit->end, runs, RUNS, &count, &at);
		if (result == GRF_SCAN_UNKNOWN || result == GRF_SCAN_FAILED)
			return; /* scan_unit() found the same */
		for (size_t i = 0; i < count; i++)
			note_written(precopy, unit, runs[i].start, runs[i].end);
	}
}

static void scan_unit(struct grf_precopy *precopy, const struct grf_unit *unit)
{
	bool tells_empty = precopy->tracker->kind->tells_empty;
	enum grf_scan_result result = GRF_SCAN_MORE;
	struct grf_page_run runs[RUNS];
	uint64_t at = unit->start;
	size_t count;

	if (unit->whole) {
		note_written(precopy, unit, unit->start, unit->end);
		return;
	}
	while (result == GRF_SCAN_MORE) {
		result =
		    scan_pages(precopy, GRF_SCAN_CHANGED, at, unit->end, runs, RUNS, &count, &at);
		if (result == GRF_SCAN_UNKNOWN || result == GRF_SCAN_FAILED) {
			note_changed(precopy, unit, at, unit->end);
			return;
		}
		for (size_t i = 0; i < count; i++) {
			if (!tells_empty)
				note_changed(precopy, unit, runs[i].start, runs[i].end);
			else if (runs[i].empty)
				add_run(precopy, &precopy->changed, runs[i].start, runs[i].end,
					NULL);
			else
				note_written(precopy, unit, runs[i].start, runs[i].end);
		}
	}
	if (precopy->swap && !tells_empty)
		note_swapped(precopy, unit);
}

/* Until every thread has come here. The last one says what is to be done. */
static void meet(struct grf_precopy *precopy)
{
	unsigned int arrived = __atomic_add_fetch(&precopy->arrived, 1, __ATOMIC_ACQ_REL);

	if (arrived == precopy->threads) {
		precopy->scanned = grf_now();
		precopy->too_much = precopy->pages > precopy->limit ||
				    (precopy->deadline && precopy->scanned > precopy->deadline);
		precopy->next = 0;
		__atomic_store_n(&precopy->arrived, UINT32_MAX, __ATOMIC_RELEASE);
		return;
	}
	while (__atomic_load_n(&precopy->arrived, __ATOMIC_ACQUIRE) != UINT32_MAX)
		sched_yield();
}

void grf_precopy_stop(struct grf_precopy *precopy)
{
	size_t index;

	while ((index = __atomic_fetch_add(&precopy->next, 1, __ATOMIC_RELAXED)) <
	       precopy->units.count)
		scan_unit(precopy, &precopy->units.items[index]);
	meet(precopy);
	if (precopy->too_much || precopy->overflow)
		return;
	while ((index = __atomic_fetch_add(&precopy->next, 1, __ATOMIC_RELAXED)) <
	       precopy->written.count)
		grf_copy_runs(precopy->copy, &precopy->written.items[index], 1,
			      precopy->written.data[index], precopy->written.items[index].start);
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
static void clear(struct grf_copy *copy, const struct grf_plan *plan, size_t *piece, uint64_t start,
		  uint64_t end)
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
			clear(precopy->copy, final, &piece, clean, existing->items[at].start);
			clean = existing->items[at].end;
		}
		clear(precopy->copy, final, &piece, clean, end);
	}
}

void grf_precopy_end(struct grf_precopy *precopy)
{
	if (precopy->tracker)
		precopy->tracker->kind->destroy(precopy->tracker);
	precopy->tracker = NULL;
	grf_array_free(&precopy->units);
	grf_left_out_free(&precopy->skipped);
	grf_left_out_free(&precopy->unneeded);
	free_runs(&precopy->written);
	free_runs(&precopy->changed);
	free_runs(&precopy->existing);
}
