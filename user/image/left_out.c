/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Selects the ranges that are worth leaving out, groups the reads of their witnesses, and drops a
 * range whose witnesses changed.
 */
#include "image/left_out.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Witnesses that are read in one call. */
#define BATCH 256u

void grf_left_out_free(struct grf_left_out_set *set)
{
	free(set->items);
	free(set->runs);
	*set = (struct grf_left_out_set){0};
}

static int by_start(const void *left, const void *right)
{
	const struct grf_left_out *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* Keeps what is large enough, whole pages, and does not lie in what comes before. */
static void drop_unfit(struct grf_left_out_set *set, uint64_t minimum)
{
	size_t kept = 0;

	if (set->count)
		qsort(set->items, set->count, sizeof(*set->items), by_start);
	for (size_t i = 0; i < set->count; i++) {
		const struct grf_left_out *item = &set->items[i];

		if (item->start >= item->end || item->end - item->start < minimum ||
		    item->start % GRF_PAGE || item->end % GRF_PAGE ||
		    (kept && item->start < set->items[kept - 1].end))
			continue;
		set->items[kept++] = *item;
	}
	set->count = kept;
}

static void make_runs(struct grf_left_out_set *set)
{
	set->run_count = 0;
	set->bytes = 0;
	for (size_t i = 0; i < set->count; i++) {
		const struct grf_left_out *item = &set->items[i];
		struct grf_run *last = set->run_count ? &set->runs[set->run_count - 1] : NULL;

		set->bytes += item->end - item->start;
		if (last && last->end == item->start)
			last->end = item->end;
		else
			set->runs[set->run_count++] = (struct grf_run){item->start, item->end};
	}
}

struct grf_error *grf_left_out_find(const struct grf_left_out_finder *finder, grf_read_runs *read,
				    void *memory, uint64_t minimum, struct grf_left_out_set *ret)
{
	struct grf_error *error;

	*ret = (struct grf_left_out_set){0};
	if (!finder || !finder->find)
		return NULL;
	error = finder->find(finder->context, read, memory, &ret->items, &ret->count);
	if (error)
		return error;
	drop_unfit(ret, minimum);
	ret->runs = malloc((ret->count + 1) * sizeof(*ret->runs));
	if (!ret->runs) {
		grf_left_out_free(ret);
		return grf_error_no_memory();
	}
	make_runs(ret);
	return NULL;
}

/* Reads the witnesses of `count` items, and says of each item whether they hold. */
static void check_some(const struct grf_left_out *items, size_t count, grf_read_runs *read,
		       void *memory, bool *ret_holds)
{
	uint8_t bytes[BATCH * GRF_WITNESSES * GRF_WITNESS_BYTES], *at = bytes;
	struct grf_run runs[BATCH * GRF_WITNESSES];
	size_t run_count = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < GRF_WITNESSES; k++) {
			const struct grf_witness *witness = &items[i].witnesses[k];

			if (witness->length)
				runs[run_count++] = (struct grf_run){
				    witness->address, witness->address + witness->length};
		}
	/* One that cannot be read is zero, which no witness is. */
	read(memory, runs, run_count, bytes);
	for (size_t i = 0; i < count; i++) {
		ret_holds[i] = true;
		for (size_t k = 0; k < GRF_WITNESSES; k++) {
			const struct grf_witness *witness = &items[i].witnesses[k];

			if (memcmp(at, witness->bytes, witness->length) != 0)
				ret_holds[i] = false;
			at += witness->length;
		}
	}
}

void grf_left_out_check(struct grf_left_out_set *set, grf_read_runs *read, void *memory,
			grf_left_out_no_longer *dropped, void *context)
{
	size_t kept = 0;
	bool holds[BATCH];

	for (size_t i = 0; i < set->count; i += BATCH) {
		size_t count = set->count - i < BATCH ? set->count - i : BATCH;

		check_some(&set->items[i], count, read, memory, holds);
		for (size_t k = 0; k < count; k++) {
			const struct grf_left_out *item = &set->items[i + k];

			if (holds[k])
				set->items[kept++] = *item;
			else if (dropped)
				dropped(context, &(struct grf_run){item->start, item->end});
		}
	}
	if (kept == set->count)
		return;
	set->count = kept;
	make_runs(set);
}

size_t grf_left_out_index(const struct grf_left_out_set *set, uint64_t address)
{
	return grf_run_behind(set->runs, set->run_count, address);
}

bool grf_left_out_next(const struct grf_left_out_set *set, size_t *index, uint64_t start,
		       uint64_t end, struct grf_run *ret)
{
	assert(start <= end);
	for (; *index < set->run_count && set->runs[*index].start < end; ++*index) {
		const struct grf_run *run = &set->runs[*index];

		if (run->end <= start)
			continue;
		if (run->start > start) {
			*ret = (struct grf_run){start, run->start};
			return true;
		}
		/* The rest of a run that goes on behind the range is for the next call. */
		if (run->end > end)
			return false;
		start = run->end;
	}
	*ret = (struct grf_run){start, end};
	return start < end;
}
