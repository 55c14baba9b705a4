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
 * To ask the page tables about all pages takes time that grows with the process. Where it is known
 * in which chunks there were page faults (touched.h), the others are passed over, in rounds and at
 * the stop: a page that was looked at and found protected cannot have been written to without one.
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
/* To look at less than this at the stop takes no longer than to wake a thread. */
#define LITTLE_BYTES (128ull << 20)
/* Rounds right before the stop come to an end when they leave this or less, when so many in a row
 * leave hardly less than the one before, or after so many ns. */
#define LITTLE_LEFT    (48ull << 10)
#define ROUNDS_IN_VAIN 2
#define CATCH_UP_TIME  100000000u
/* How long the target may lack the CPUs for urgent rounds; ns. */
#define LAST_ROUND_TIME 3000000u
/* Runs that a thread takes at a time when it copies at the stop. */
#define RUNS_AT_A_TIME 16u
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
		     const struct grf_run *part, bool whole, bool known)
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
		    .known = known,
		};
		at = end;
	}
	return true;
}

/* The same for all of a piece that is not left out; *index is for grf_left_out_next(). */
static bool add_units(struct grf_precopy *precopy, const struct grf_piece *piece, size_t *index,
		      bool whole, bool known)
{
	struct grf_run part = {piece->start, piece->start};

	if (piece->part != GRF_MAP_RESIDENT) {
		part.end = piece->end;
		return add_part(precopy, piece, &part, whole, known);
	}
	while (grf_left_out_next(&precopy->skipped, index, part.end, piece->end, &part))
		if (!add_part(precopy, piece, &part, whole, known))
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

/* For what was not looked at, or may be without protection still. */
static void look_again(struct grf_precopy *precopy, uint64_t start, uint64_t end)
{
	if (precopy->touched)
		grf_touched_mark(precopy->touched, start, end);
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
		if (result == GRF_SCAN_UNKNOWN || result == GRF_SCAN_FAILED)
			look_again(precopy, start, end);
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
			look_again(precopy, runs[i].start, runs[i].end);
			continue;
		}
		while (together && next < count && !is_large(&runs[next]))
			next++;
		protect(precopy, unit, GRF_SCAN_SEAL, runs[i].start, runs[next - 1].end);
	}
}

/* Pages that were swapped out after they were written to may not be told as changed: they are left
 * for the stop, which asks for them apart. */
static void leave_swapped(struct grf_precopy *precopy, uint64_t start, uint64_t end)
{
	struct grf_page_run run;
	size_t count = 0;

	if (precopy->swap && precopy->touched &&
	    (scan_pages(precopy, GRF_SCAN_SWAPPED, start, end, &run, 1, &count, &start) ==
		 GRF_SCAN_FAILED ||
	     count))
		look_again(precopy, start, end);
}

/* Protects and copies what was changed of a part of a unit. */
static void refresh_part(struct grf_precopy *precopy, const struct grf_unit *unit, uint64_t at,
			 uint64_t end)
{
	enum grf_scan_result result = GRF_SCAN_MORE;
	struct grf_page_run runs[RUNS];
	uint64_t start = at;
	size_t count;

	while (result == GRF_SCAN_MORE && !grf_interrupted()) {
		result = scan_pages(precopy, GRF_SCAN_CHANGED, at, end, runs, RUNS, &count, &at);
		if (result != GRF_SCAN_DONE && result != GRF_SCAN_MORE) {
			look_again(precopy, start, end);
			return;
		}
		refresh_runs(precopy, unit, runs, count);
	}
	leave_swapped(precopy, start, end);
}

/* What of a unit is to be looked at; see touched.h. */
static const struct grf_touched *touched_of(const struct grf_precopy *precopy,
					    const struct grf_unit *unit)
{
	return unit->part == GRF_MAP_RESIDENT ? precopy->touched : NULL;
}

/* Protects and copies what was changed of a unit. */
static void refresh_unit(struct grf_precopy *precopy, const struct grf_unit *unit)
{
	struct grf_run part = {unit->start, unit->start};

	if (!is_watched(precopy, unit->part))
		return;
	while (grf_touched_next(touched_of(precopy, unit), part.end, unit->end, &part))
		refresh_part(precopy, unit, part.start, part.end);
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
	       (precopy->round_limit && grf_now() > precopy->round_limit) ||
	       (precopy->is_due && precopy->is_due(precopy->context));
}

/* What was touched up to now is looked at in this round. */
static void take_touched(struct grf_precopy *precopy)
{
	if (!precopy->touched)
		return;
	grf_touched_begin_round(precopy->touched);
	for (size_t i = 0; i < precopy->units.count; i++)
		grf_touched_take(precopy->touched, precopy->units.items[i].start,
				 precopy->units.items[i].end);
}

/* Units, one after the other, until there are no more; in each thread that takes part. */
static void refresh_units(struct grf_precopy *precopy)
{
	size_t index;

	while (!has_reason_to_end(precopy) &&
	       (index = __atomic_fetch_add(&precopy->next, 1, __ATOMIC_RELAXED)) <
		   precopy->units.count)
		refresh_unit(precopy, &precopy->units.items[index]);
}

static void help_to_refresh(void *context, unsigned int index)
{
	struct grf_precopy *precopy = context;

	if (index < precopy->helper_count)
		refresh_units(precopy);
}

/* Copies again what was written since. Returns how many units were looked at. */
static size_t refresh_all(struct grf_precopy *precopy)
{
	size_t count = precopy->units.count;

	precopy->next = 0;
	take_touched(precopy);
	if (precopy->helpers)
		grf_pool_start(precopy->helpers, help_to_refresh, precopy);
	refresh_units(precopy);
	if (precopy->helpers)
		grf_pool_wait(precopy->helpers);
	return precopy->next < count ? precopy->next : count;
}

/* Copies everything, one unit after the other: there is time. The same. */
static size_t copy_all(struct grf_precopy *precopy)
{
	size_t i;

	for (i = 0; i < precopy->units.count && !has_reason_to_end(precopy); i++) {
		copy_unit(precopy, &precopy->units.items[i]);
		grf_progress("copying while the process runs", i, precopy->units.count);
	}
	grf_progress_end();
	return i;
}

uint64_t grf_precopy_round(struct grf_precopy *precopy)
{
	uint64_t before = precopy->copy->bytes;
	size_t done = precopy->copied ? refresh_all(precopy) : copy_all(precopy);

	for (size_t i = done; i < precopy->units.count; i++)
		look_again(precopy, precopy->units.items[i].start, precopy->units.items[i].end);
	precopy->rounds++;
	precopy->copied = true;
	if (done == precopy->units.count)
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

static void watch(struct grf_precopy *precopy, uint64_t start, uint64_t end)
{
	if (!precopy->tracker->kind->watch(precopy->tracker, start, end))
		grf_verbose("%#llx-%#llx cannot be watched; it is copied at the stop",
			    (unsigned long long)start, (unsigned long long)end);
}

static void watch_pieces(struct grf_precopy *precopy, const struct grf_plan *plan)
{
	for (size_t i = 0; i < plan->piece_count; i++) {
		const struct grf_piece *piece = &plan->pieces[i];

		if (is_watched(precopy, piece->part))
			watch(precopy, piece->start, piece->end);
	}
}

/*
 * The next part of a piece, from *start on: one that `first` has, or one up to what it has next.
 * *at is an index into its pieces, 0 at first, which serves for ascending calls.
 */
static bool part_is_planned(const struct grf_plan *first, const struct grf_piece *piece, size_t *at,
			    uint64_t start, uint64_t *ret_end)
{
	const struct grf_piece *known;

	while (*at < first->piece_count && first->pieces[*at].end <= start)
		++*at;
	known = *at < first->piece_count ? &first->pieces[*at] : NULL;
	*ret_end = piece->end;
	if (!known || known->start >= piece->end)
		return false;
	if (known->start > start) {
		*ret_end = known->start;
		return false;
	}
	if (known->end < piece->end)
		*ret_end = known->end;
	return known->part == piece->part;
}

bool grf_precopy_extend(struct grf_precopy *precopy, const struct grf_plan *first,
			const struct grf_plan *larger)
{
	bool extended = false;
	size_t at = 0;

	for (size_t i = 0; i < larger->piece_count; i++) {
		const struct grf_piece *piece = &larger->pieces[i];
		uint64_t start = piece->start, end;

		for (; start < piece->end; start = end) {
			if (part_is_planned(first, piece, &at, start, &end) ||
			    piece->part != GRF_MAP_RESIDENT)
				continue;
			/* Pages without protection count as changed: the next round copies them. */
			watch(precopy, start, end);
			look_again(precopy, start, end);
			extended = true;
		}
	}
	return extended;
}

void grf_precopy_replan(struct grf_precopy *precopy, const struct grf_plan *first)
{
	size_t index = 0;

	precopy->units.count = 0;
	for (size_t i = 0; i < first->piece_count; i++)
		add_units(precopy, &first->pieces[i], &index, false, true);
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

void grf_precopy_catch_up(struct grf_precopy *precopy)
{
	uint64_t began = grf_now(), before = UINT64_MAX;
	unsigned int in_vain = 0, first = precopy->rounds;

	while (in_vain < ROUNDS_IN_VAIN && grf_now() - began < CATCH_UP_TIME &&
	       !has_reason_to_end(precopy)) {
		uint64_t bytes = grf_precopy_round(precopy);

		if (bytes < LITTLE_LEFT)
			break;
		in_vain = bytes > before / 10 * 9 ? in_vain + 1 : 0;
		before = bytes;
	}
	grf_verbose("rounds %u to %u in %.1f ms: %.2f MiB copied in the last", first + 1,
		    precopy->rounds, (double)(grf_now() - began) / 1e6,
		    (double)precopy->round_bytes / (1 << 20));
}

bool grf_precopy_last_round(struct grf_precopy *precopy)
{
	uint64_t end = grf_now() + LAST_ROUND_TIME, bytes;

	precopy->round_limit = end;
	do
		bytes = grf_precopy_round(precopy);
	while (grf_now() < end && bytes > LITTLE_LEFT && !has_reason_to_end(precopy));
	precopy->round_limit = 0;
	return grf_now() < end;
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

struct grf_error *grf_precopy_ready(struct grf_precopy *precopy)
{
	if (precopy->written.items)
		return NULL;
	if (!make_runs(&precopy->written, MORE_RUNS, true) ||
	    !make_runs(&precopy->changed, MORE_RUNS, false) ||
	    !make_runs(&precopy->existing, MORE_RUNS, false))
		return grf_error_no_memory();
	return NULL;
}

/* Has the units of a piece be those of the stop: parts of `first` were watched since. */
static bool plan_piece(struct grf_precopy *precopy, const struct grf_plan *first,
		       const struct grf_piece *piece, size_t *at, size_t *index)
{
	for (struct grf_piece part = *piece; part.start < piece->end; part.start = part.end) {
		bool planned = part_is_planned(first, piece, at, part.start, &part.end);
		bool known = planned && is_watched(precopy, piece->part);

		part.data = piece->data + (part.start - piece->start);
		if (piece->part == GRF_MAP_WRITTEN && planned)
			continue; /* read-only */
		if (!add_units(precopy, &part, index, piece->part != GRF_MAP_RESIDENT && !known,
			       known))
			return false;
	}
	return true;
}

bool grf_precopy_plan(struct grf_precopy *precopy, const struct grf_plan *first,
		      const struct grf_plan *final)
{
	size_t at = 0, index = 0, skipped = precopy->skipped.count;

	grf_left_out_check(&precopy->skipped, grf_copy_gather, precopy->copy);
	if (precopy->touched)
		grf_touched_begin_last(precopy->touched);
	/* What was left out is not under protection. */
	if (precopy->touched && precopy->skipped.count < skipped)
		grf_touched_doubt(precopy->touched);
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
static void note_swapped(struct grf_precopy *precopy, const struct grf_unit *unit, uint64_t at,
			 uint64_t end)
{
	enum grf_scan_result result = GRF_SCAN_MORE;
	struct grf_page_run runs[RUNS];
	size_t count;

	while (result == GRF_SCAN_MORE) {
		result = scan_pages(precopy, GRF_SCAN_SWAPPED, at, end, runs, RUNS, &count, &at);
		if (result == GRF_SCAN_UNKNOWN || result == GRF_SCAN_FAILED)
			return; /* scan_part() found the same */
		for (size_t i = 0; i < count; i++)
			note_written(precopy, unit, runs[i].start, runs[i].end);
	}
}

/*
 * Whether it is clear, without a question for each run, that changed pages exist. Small runs of
 * those that do not were protected in a round, and since then nothing was discarded. Should one not
 * exist all the same it is read as zero, which it is.
 */
static bool exists(const struct grf_precopy *precopy, const struct grf_unit *unit,
		   const struct grf_page_run *run)
{
	return unit->known && unit->part == GRF_MAP_RESIDENT && precopy->touched &&
	       !grf_touched_is_disturbed(precopy->touched) && !is_large(run);
}

static void scan_part(struct grf_precopy *precopy, const struct grf_unit *unit, uint64_t at,
		      uint64_t end)
{
	bool tells_empty = precopy->tracker->kind->tells_empty;
	enum grf_scan_result result = GRF_SCAN_MORE;
	struct grf_page_run runs[RUNS];
	uint64_t start = at;
	size_t count;

	while (result == GRF_SCAN_MORE) {
		result = scan_pages(precopy, GRF_SCAN_CHANGED, at, end, runs, RUNS, &count, &at);
		if (result == GRF_SCAN_UNKNOWN || result == GRF_SCAN_FAILED) {
			note_changed(precopy, unit, at, end);
			return;
		}
		for (size_t i = 0; i < count; i++) {
			if (!tells_empty && !exists(precopy, unit, &runs[i]))
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
	return unit->known ? touched_of(precopy, unit) : NULL;
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

/* Until every thread has come here. The last one says what is to be done. */
static void meet(struct grf_precopy *precopy, unsigned int threads)
{
	unsigned int arrived = __atomic_add_fetch(&precopy->arrived, 1, __ATOMIC_ACQ_REL);

	if (arrived == threads) {
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

/* Runs from `index` on. Those that lie in the same piece are read in one go. */
static void copy_written(struct grf_precopy *precopy, size_t index)
{
	const struct grf_runs *written = &precopy->written;
	size_t end =
	    index + RUNS_AT_A_TIME < written->count ? index + RUNS_AT_A_TIME : written->count;

	for (size_t next; index < end; index = next) {
		const struct grf_run *run = &written->items[index];
		const uint8_t *data = written->data[index];

		for (next = index + 1; next < end; next++)
			if (written->data[next] - data !=
			    (ptrdiff_t)(written->items[next].start - run->start))
				break;
		grf_copy_runs(precopy->copy, run, next - index, written->data[index], run->start);
	}
}

void grf_precopy_stop(struct grf_precopy *precopy, unsigned int threads)
{
	size_t index;

	while ((index = __atomic_fetch_add(&precopy->next, 1, __ATOMIC_RELAXED)) <
	       precopy->units.count)
		scan_unit(precopy, &precopy->units.items[index]);
	meet(precopy, threads);
	if (precopy->too_much || precopy->overflow)
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
