/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Computes the unused part of each resting goroutine's stack, and refuses records whose stacks
 * overlap.
 */
#include "capture/copy/dead_stacks.h"

#include <stdlib.h>
#include <string.h>

/* In these a goroutine stands where its g says. A g with the scan bit may be having its stack
 * moved, and so may one in any other state. */
static bool is_at_rest(__u64 status)
{
	return status == GRF_G_RUNNABLE || status == GRF_G_SYSCALL || status == GRF_G_WAITING ||
	       status == GRF_G_PREEMPTED;
}

static bool is_in(const struct grf_goroutine_record *record, uint64_t sp)
{
	return sp >= record->low && sp < record->high;
}

/* The lowest byte of its stack that may be in use. */
static uint64_t live_low(const struct grf_goroutine_record *record)
{
	uint64_t low = record->sp;

	if (!is_at_rest(record->status))
		return record->low;
	if (!record->pc || !is_in(record, record->sp))
		return record->low;
	if (record->syscall_sp) {
		if (!is_in(record, record->syscall_sp))
			return record->low;
		if (record->syscall_sp < low)
			low = record->syscall_sp;
	}
	return low & ~(uint64_t)7;
}

static int by_low(const void *left, const void *right)
{
	const struct grf_stack_place *a = left, *b = right;

	return a->low < b->low ? -1 : a->low > b->low;
}

static bool is_stack(const struct grf_goroutine_record *record)
{
	return record->g && record->low && record->low < record->high &&
	       record->high - record->low <= GRF_MAX_STACK_BYTES;
}

struct grf_error *grf_dead_stacks_expect(struct grf_dead_stacks *dead,
					 const struct grf_goroutine_record *records, size_t count)
{
	grf_dead_stacks_free(dead);
	dead->places = malloc((count + 1) * sizeof(*dead->places));
	dead->runs = malloc((count + 1) * sizeof(*dead->runs));
	if (!dead->places || !dead->runs) {
		grf_dead_stacks_free(dead);
		return grf_error_no_memory();
	}
	for (size_t i = 0; i < count; i++)
		if (is_stack(&records[i]))
			dead->places[dead->place_count++] =
			    (struct grf_stack_place){records[i].low, records[i].high, i};
	qsort(dead->places, dead->place_count, sizeof(*dead->places), by_low);
	/* So that none of our pages is missing at the stop. */
	memset(dead->runs, 0, (count + 1) * sizeof(*dead->runs));
	return NULL;
}

/* No two stacks have a byte in common. If they do, neither record is to be believed. */
static void disbelieve_stack(struct grf_dead_stacks *dead, uint64_t low)
{
	const struct grf_run *last = dead->run_count ? &dead->runs[dead->run_count - 1] : NULL;

	if (!last || last->end <= low)
		return;
	dead->bytes -= last->end - last->start;
	dead->run_count--;
}

void grf_dead_stacks_find(struct grf_dead_stacks *dead, const struct grf_goroutine_record *records,
			  size_t count, uint64_t minimum)
{
	uint64_t end = 0;

	dead->run_count = 0;
	dead->bytes = 0;
	for (size_t i = 0; i < dead->place_count; i++) {
		const struct grf_stack_place *place = &dead->places[i];
		const struct grf_goroutine_record *record;
		uint64_t live;

		if (place->index >= count)
			continue;
		record = &records[place->index];
		if (!is_stack(record) || record->low != place->low || record->high != place->high)
			continue;
		if (place->low < end) {
			disbelieve_stack(dead, place->low);
			continue;
		}
		end = place->high;
		live = live_low(record);
		if (live - place->low < minimum)
			continue;
		dead->runs[dead->run_count++] = (struct grf_run){place->low, live};
		dead->bytes += live - place->low;
	}
}

/* Adds a run behind those that there are, which it may overlap. */
static void append_run(struct grf_run *runs, size_t *count, const struct grf_run *run)
{
	if (*count && run->start <= runs[*count - 1].end) {
		if (run->end > runs[*count - 1].end)
			runs[*count - 1].end = run->end;
	} else {
		runs[(*count)++] = *run;
	}
}

struct grf_error *grf_dead_stacks_add_to(const struct grf_dead_stacks *dead, struct grf_run **runs,
					 size_t *count)
{
	struct grf_run *all = malloc((dead->run_count + *count + 1) * sizeof(*all));
	size_t i = 0, k = 0, all_count = 0;

	if (!all)
		return grf_error_no_memory();
	while (i < dead->run_count || k < *count)
		if (k == *count || (i < dead->run_count && dead->runs[i].start < (*runs)[k].start))
			append_run(all, &all_count, &dead->runs[i++]);
		else
			append_run(all, &all_count, &(*runs)[k++]);
	free(*runs);
	*runs = all;
	*count = all_count;
	return NULL;
}

void grf_dead_stacks_free(struct grf_dead_stacks *dead)
{
	free(dead->places);
	free(dead->runs);
	*dead = (struct grf_dead_stacks){0};
}
