/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process's memory is put under write protection (userfault.h) and copied while it runs, part
 * by part. The first write to a page takes its protection off, in the kernel, at the cost of a page
 * fault. What was written meanwhile is protected and copied again, round by round, until little is
 * left. Then comes the stop (precopy_stop.c): the mappings are read once more, one scan finds the
 * pages that are without protection, and those alone are copied.
 *
 * The copy lies as the original does (space.h), so that a page copied again takes the place of what
 * it was before. What else can happen to a page between its copy and the stop:
 *
 * - It is discarded (munmap, madvise) and reads as zero again. The last scan finds such pages
 *   beside those that were written; they are made zero in the copy, after the stop.
 * - Its mapping is replaced or moved. A new mapping is not under protection; the scan says so, and
 *   all that exists in such a range is copied.
 *
 * Some memory is not needed (left_out.h). What is large of it is neither protected nor looked at,
 * and at the stop its witnesses are asked whether that is still right: pages without protection
 * count as written, so that it takes no more than to look at them if it is not. What is small is
 * protected with all the rest and only not copied at first. Its witnesses are asked once, when all
 * pages are protected: whoever puts such memory to another use later writes to it, and so has it
 * copied.
 *
 * To ask the page tables about all pages takes time that grows with the process. Where it is known
 * in which chunks there were page faults (touched.h), the others are passed over, in rounds and at
 * the stop: a page that was looked at and found protected cannot have been written to without one.
 *
 * Pages of files that nobody wrote to need not exist and still hold something: such pieces, the
 * data segments, are small; all of them is copied at first, and of them only what exists, and is
 * without protection, at the stop. Read-only ones cannot change and are copied once.
 */
#include "capture/precopy/precopy.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "capture/precopy/precopy_stop.h"
#include "capture/precopy/precopy_units.h"

/* For what is mapped by the time of the stop. */
#define MORE_UNITS 4096
/* Rounds right before the stop come to an end when they leave this or less, when so many in a row
 * leave hardly less than the one before, or after so many ns. */
#define LITTLE_LEFT    (48ull << 10)
#define ROUNDS_IN_VAIN 2
#define CATCH_UP_TIME  100000000u
/* How long the target may lack the CPUs for urgent rounds; ns. */
#define LAST_ROUND_TIME 3000000u
/* From so many small runs in a part of a unit on, they are protected together. */
#define MANY_RUNS 24u
/* More address space than this is not watched: a sanitizer's shadow, of which next to nothing
 * exists, and which takes minutes to go through. */
#define WATCHED_MAX (1ull << 40)
/* Runs of less than this are copied many in a call. */
#define LONG_RUN (32u << 10)
/* What a round leaves that copied less than this is left for the stop. */
#define SMALL_ROUND (512ull << 10)
/* One, after the first, that took longer than this is followed by no other before it is time for
 * the stop: what that copied would be written to again by then; ns. */
#define SLOW_ROUND 250000000u

/* Copies runs of a unit without what of them is `unneeded`. */
static void copy_runs(struct grf_precopy *precopy, const struct grf_unit *unit,
		      const struct grf_page_run *runs, size_t count,
		      const struct grf_left_out_set *unneeded)
{
	size_t index = grf_left_out_index(unneeded, unit->start), wanted_count = 0;
	struct grf_run wanted[GRF_PAGE_RUNS];

	for (size_t i = 0; i < count; i++) {
		struct grf_run part = {runs[i].start, runs[i].start};

		while (!runs[i].empty &&
		       grf_left_out_next(unneeded, &index, part.end, runs[i].end, &part)) {
			if (part.end - part.start >= LONG_RUN) {
				grf_copy_long_run(precopy->copy, &part, unit->data, unit->start);
				continue;
			}
			wanted[wanted_count++] = part;
			if (wanted_count < GRF_PAGE_RUNS)
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
			grf_copy_discard(precopy->copy, grf_unit_data(unit, runs[i].start),
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
static void protect_unit(struct grf_precopy *precopy, const struct grf_unit *unit,
			 enum grf_scan scan, uint64_t start, uint64_t end)
{
	enum grf_scan_result result = GRF_SCAN_MORE;
	struct grf_page_run runs[GRF_PAGE_RUNS];
	size_t count;

	while (result == GRF_SCAN_MORE && !grf_interrupted()) {
		result =
		    grf_unit_scan(precopy, scan, start, end, runs, GRF_PAGE_RUNS, &count, &start);
		if (result == GRF_SCAN_UNKNOWN || result == GRF_SCAN_FAILED)
			grf_units_look_again(precopy, start, end);
		if (result == GRF_SCAN_UNKNOWN && scan == GRF_SCAN_FIRST)
			return;
		if (result == GRF_SCAN_UNKNOWN && scan != GRF_SCAN_EXISTING) {
			if (scan == GRF_SCAN_SEAL && unit->part == GRF_MAP_RESIDENT)
				grf_copy_discard(precopy->copy, grf_unit_data(unit, start),
						 end - start);
			scan = GRF_SCAN_EXISTING;
			result = GRF_SCAN_MORE;
			continue;
		}
		if (result == GRF_SCAN_DONE || result == GRF_SCAN_MORE)
			take_found(precopy, unit, scan, runs, count);
	}
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
		if (grf_page_run_is_large(&runs[i])) {
			protect_unit(precopy, unit, GRF_SCAN_WRITTEN, runs[i].start, runs[i].end);
			grf_units_look_again(precopy, runs[i].start, runs[i].end);
			continue;
		}
		while (together && next < count && !grf_page_run_is_large(&runs[next]))
			next++;
		protect_unit(precopy, unit, GRF_SCAN_SEAL, runs[i].start, runs[next - 1].end);
	}
}

/* Pages that were swapped out after they were written to may not be told as changed: they are left
 * for the stop, which asks for them apart. */
static void leave_swapped(struct grf_precopy *precopy, uint64_t start, uint64_t end)
{
	struct grf_page_run run;
	size_t count = 0;

	if (precopy->swap && precopy->touched &&
	    (grf_unit_scan(precopy, GRF_SCAN_SWAPPED, start, end, &run, 1, &count, &start) ==
		 GRF_SCAN_FAILED ||
	     count))
		grf_units_look_again(precopy, start, end);
}

/* Protects and copies what was changed of a part of a unit. */
static void refresh_part(struct grf_precopy *precopy, const struct grf_unit *unit, uint64_t at,
			 uint64_t end)
{
	enum grf_scan_result result = GRF_SCAN_MORE;
	struct grf_page_run runs[GRF_PAGE_RUNS];
	uint64_t start = at;
	size_t count;

	while (result == GRF_SCAN_MORE && !grf_interrupted()) {
		result = grf_unit_scan(precopy, GRF_SCAN_CHANGED, at, end, runs, GRF_PAGE_RUNS,
				       &count, &at);
		if (result != GRF_SCAN_DONE && result != GRF_SCAN_MORE) {
			grf_units_look_again(precopy, start, end);
			return;
		}
		refresh_runs(precopy, unit, runs, count);
	}
	leave_swapped(precopy, start, end);
}

/* Protects and copies what was changed of a unit. */
static void refresh_unit(struct grf_precopy *precopy, const struct grf_unit *unit)
{
	struct grf_run part = {unit->start, unit->start};

	if (!grf_unit_is_watched(precopy, unit->part))
		return;
	while (grf_touched_next(grf_unit_touched(precopy, unit), part.end, unit->end, &part))
		refresh_part(precopy, unit, part.start, part.end);
}

/* Copies what there is in a part of a unit, but for what is `unneeded`. */
static void copy_part(struct grf_precopy *precopy, const struct grf_unit *unit, uint64_t at,
		      uint64_t end, const struct grf_left_out_set *unneeded)
{
	enum grf_scan_result result = GRF_SCAN_MORE;
	struct grf_page_run runs[GRF_PAGE_RUNS];
	size_t count;

	while (result == GRF_SCAN_MORE && !grf_interrupted()) {
		result = grf_unit_scan(precopy, GRF_SCAN_COPY, at, end, runs, GRF_PAGE_RUNS, &count,
				       &at);
		if (result != GRF_SCAN_DONE && result != GRF_SCAN_MORE)
			return;
		copy_runs(precopy, unit, runs, count, unneeded);
		if (precopy->rounds)
			drop_empty(precopy, unit, runs, count);
	}
}

/* Whether pages are protected one after the other, rather than all of them in the beginning. */
static bool protects_by_and_by(const struct grf_precopy *precopy)
{
	return !precopy->tracker->kind->begin;
}

/* Copies a unit for the first time. It is protected no sooner: each page that is written to between
 * the one and the other costs the target a page fault, and us another copy. */
static void copy_unit(struct grf_precopy *precopy, const struct grf_unit *unit)
{
	struct grf_run whole = {unit->start, unit->end};

	if (protects_by_and_by(precopy) && grf_unit_is_watched(precopy, unit->part))
		protect_unit(precopy, unit, GRF_SCAN_FIRST, unit->start, unit->end);
	if (unit->part == GRF_MAP_RESIDENT)
		copy_part(precopy, unit, unit->start, unit->end, &precopy->unneeded);
	else
		grf_copy_long_run(precopy->copy, &whole, unit->data, unit->start);
}

struct asking {
	struct grf_precopy *precopy;
	size_t unit; /* where the next run can be, at the earliest */
};

/* Copies memory that was thought to be unneeded. */
static void copy_needed(void *context, const struct grf_run *run)
{
	struct asking *asking = context;
	struct grf_precopy *precopy = asking->precopy;

	for (; asking->unit < precopy->units.count; asking->unit++) {
		const struct grf_unit *unit = &precopy->units.items[asking->unit];
		uint64_t start = run->start > unit->start ? run->start : unit->start;
		uint64_t end = run->end < unit->end ? run->end : unit->end;

		if (unit->part == GRF_MAP_RESIDENT && start < end)
			copy_part(precopy, unit, start, end, &everything);
		if (unit->end > run->end)
			break;
	}
}

/*
 * What was found to be unneeded was so before its pages were protected. Now that they are, the
 * witnesses are asked again, and what they no longer stand for is copied: who puts any of the rest
 * to another use will write to it.
 */
static void ask_again(struct grf_precopy *precopy)
{
	struct asking asking = {.precopy = precopy};

	grf_left_out_check(&precopy->unneeded, grf_copy_gather, precopy->copy, copy_needed,
			   &asking);
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

/* After each unit. */
static void keep_pace(const struct grf_precopy *precopy)
{
	if (precopy->pace)
		grf_pace_keep(precopy->pace);
}

/* Units, one after the other, until there are no more; in each thread that takes part. */
static void refresh_units(struct grf_precopy *precopy)
{
	size_t index;

	while (!has_reason_to_end(precopy) &&
	       (index = __atomic_fetch_add(&precopy->next, 1, __ATOMIC_RELAXED)) <
		   precopy->units.count) {
		refresh_unit(precopy, &precopy->units.items[index]);
		keep_pace(precopy);
	}
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

/* Copies all that is needed, one unit after the other: there is time. The same. */
static size_t copy_all(struct grf_precopy *precopy)
{
	size_t i;

	for (i = 0; i < precopy->units.count && !has_reason_to_end(precopy); i++) {
		copy_unit(precopy, &precopy->units.items[i]);
		keep_pace(precopy);
		grf_progress("copying while the process runs", i, precopy->units.count);
	}
	grf_progress_end();
	if (protects_by_and_by(precopy) && i == precopy->units.count)
		ask_again(precopy);
	return i;
}

uint64_t grf_precopy_round(struct grf_precopy *precopy)
{
	uint64_t before = precopy->copy->bytes;
	size_t done = precopy->copied ? refresh_all(precopy) : copy_all(precopy);

	for (size_t i = done; i < precopy->units.count; i++)
		grf_units_look_again(precopy, precopy->units.items[i].start,
				     precopy->units.items[i].end);
	precopy->rounds++;
	precopy->rounds_with += precopy->copy->bytes > before;
	precopy->copied = true;
	if (done == precopy->units.count)
		precopy->round_bytes = precopy->copy->bytes - before;
	return precopy->copy->bytes - before;
}

static uint64_t measure_unit(struct grf_precopy *precopy, const struct grf_unit *unit)
{
	enum grf_scan_result result = GRF_SCAN_MORE;
	struct grf_page_run runs[GRF_PAGE_RUNS];
	uint64_t at = unit->start, pages = 0;
	size_t count;

	while (result == GRF_SCAN_MORE && !grf_interrupted()) {
		result = grf_unit_scan(precopy, GRF_SCAN_CHANGED, at, unit->end, runs,
				       GRF_PAGE_RUNS, &count, &at);
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
		if (grf_unit_is_watched(precopy, precopy->units.items[i].part))
			pages += measure_unit(precopy, &precopy->units.items[i]);
	return pages;
}

static bool watch_range(struct grf_precopy *precopy, uint64_t start, uint64_t end)
{
	return precopy->tracker->kind->watch(precopy->tracker, start, end);
}

static struct grf_error *check_length(const struct grf_precopy *precopy,
				      const struct grf_plan *plan)
{
	uint64_t length = 0;

	for (size_t i = 0; i < plan->piece_count; i++)
		if (grf_unit_is_watched(precopy, plan->pieces[i].part))
			length += plan->pieces[i].end - plan->pieces[i].start;
	if (length <= WATCHED_MAX)
		return NULL;
	return grf_error_create(GRF_ERROR_UNSUPPORTED,
				"process %d has %llu TiB of writable address space, as with a "
				"sanitizer: too much to watch",
				precopy->copy->pid, (unsigned long long)(length >> 40));
}

/* What cannot be watched is copied at the stop, which must not be most of it. */
static struct grf_error *watch_pieces(struct grf_precopy *precopy, const struct grf_plan *plan)
{
	struct grf_error *error = check_length(precopy, plan);
	uint64_t watched = 0, unwatched = 0;
	int errnum = 0;

	if (error)
		return error;
	for (size_t i = 0; i < plan->piece_count; i++) {
		const struct grf_piece *piece = &plan->pieces[i];
		uint64_t length = piece->end - piece->start;

		if (!grf_unit_is_watched(precopy, piece->part))
			continue;
		if (watch_range(precopy, piece->start, piece->end)) {
			watched += length;
			continue;
		}
		errnum = errno;
		unwatched += length;
	}
	if (unwatched > watched)
		return grf_error_errno(
		    GRF_ERROR_UNSUPPORTED, errnum, "the memory of process %d cannot be watched%s",
		    precopy->copy->pid,
		    errnum == EBUSY ? ", as another program does so, maybe another grf-bpf" : "");
	if (unwatched)
		grf_verbose("%llu KiB cannot be watched (%s) and are copied at the stop",
			    (unsigned long long)(unwatched >> 10), strerror(errnum));
	return NULL;
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
			if (grf_units_part_is_planned(first, piece, &at, start, &end) ||
			    piece->part != GRF_MAP_RESIDENT)
				continue;
			/* Pages without protection count as changed: the next round copies them. */
			watch_range(precopy, start, end);
			grf_units_look_again(precopy, start, end);
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
		grf_units_add(precopy, &first->pieces[i], &index, false, true);
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

/* From here on, or from the first copy of each page, what changes is seen. */
static struct grf_error *begin_precopy(struct grf_precopy *precopy)
{
	return protects_by_and_by(precopy) ? NULL : precopy->tracker->kind->begin(precopy->tracker);
}

struct grf_error *grf_precopy_begin(struct grf_precopy *precopy, struct grf_copy *copy,
				    const struct grf_plan *plan)
{
	struct grf_error *error;

	assert(precopy->tracker && !precopy->units.items);
	precopy->copy = copy;
	precopy->swap = system_has_swap();
	precopy->units.capacity = 2 * grf_units_count(precopy, plan) + MORE_UNITS;
	precopy->units.items = calloc(precopy->units.capacity, sizeof(*precopy->units.items));
	if (!precopy->units.items)
		return grf_error_no_memory();
	error = watch_pieces(precopy, plan);
	if (error)
		return error;
	grf_precopy_replan(precopy, plan);
	return begin_precopy(precopy);
}

struct grf_error *grf_precopy_restart(struct grf_precopy *precopy)
{
	precopy->copied = false;
	return begin_precopy(precopy);
}

void grf_precopy_rounds(struct grf_precopy *precopy, unsigned int rounds)
{
	uint64_t before = UINT64_MAX;
	struct grf_pace pace;

	assert(precopy->units.items && "grf_precopy_begin() comes first");
	grf_pace_begin(&pace);
	precopy->pace = &pace;
	for (unsigned int i = 0; i < rounds && !has_reason_to_end(precopy); i++) {
		uint64_t began = grf_now(), bytes = grf_precopy_round(precopy);
		uint64_t took = grf_now() - began;

		grf_verbose("round %u: %.2f MiB copied in %.2f s", precopy->rounds,
			    (double)bytes / (1 << 20), (double)took / 1e9);
		/* The second round is what protects pages that do not exist. */
		if (precopy->rounds > 1 &&
		    (bytes < SMALL_ROUND || bytes > before / 4 * 3 || took > SLOW_ROUND))
			break;
		before = bytes;
	}
	precopy->pace = NULL;
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
	grf_verbose("rounds before the stop: %u in %.1f ms, %.2f MiB copied in the last",
		    precopy->rounds - first, (double)(grf_now() - began) / 1e6,
		    (double)precopy->round_bytes / (1 << 20));
}

bool grf_precopy_is_settled(const struct grf_precopy *precopy)
{
	return precopy->copied && precopy->round_bytes < LITTLE_LEFT;
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

void grf_precopy_end(struct grf_precopy *precopy)
{
	if (precopy->tracker)
		precopy->tracker->kind->destroy(precopy->tracker);
	precopy->tracker = NULL;
	grf_array_free(&precopy->units);
	grf_left_out_free(&precopy->skipped);
	grf_left_out_free(&precopy->unneeded);
	grf_precopy_unready(precopy);
}
