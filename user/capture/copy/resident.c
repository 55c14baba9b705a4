/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two ways to ask the kernel. PAGEMAP_SCAN (Linux 6.7) returns runs and passes over unused page
 * tables, so that terabytes of reserved memory cost nothing. /proc/PID/pagemap itself has 8 bytes
 * for each page, existing or not.
 */
#include "capture/copy/resident.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "capture/copy/pagemap_scan.h"

/* Documentation/admin-guide/mm/pagemap.rst */

#define REGIONS 256
#define ENTRIES 1024

/* Appends [start, end), joining it to the last run where they touch. False when it is full. */
static bool add_run(struct grf_run *runs, size_t *count, size_t capacity, uint64_t start,
		    uint64_t end)
{
	if (*count && runs[*count - 1].end == start) {
		runs[*count - 1].end = end;
		return true;
	}
	if (*count == capacity)
		return false;
	runs[(*count)++] = (struct grf_run){start, end};
	return true;
}

static bool scan_pages(struct grf_resident *resident, enum grf_resident_kind kind, uint64_t from,
		       uint64_t to, struct grf_run *runs, size_t capacity, size_t max_pages,
		       size_t *ret_count, uint64_t *ret_next)
{
	uint64_t without = GRF_PAGE_ZERO | (kind == GRF_RESIDENT_WRITTEN ? GRF_PAGE_FILE : 0);
	struct grf_page_region regions[REGIONS];
	struct grf_scan_argument argument = {
	    .size = sizeof(argument),
	    .start = from,
	    .end = to,
	    .vec = (uint64_t)(uintptr_t)regions,
	    .vec_len = capacity < REGIONS ? capacity : REGIONS,
	    .max_pages = max_pages,
	    .category_inverted = without,
	    .category_mask = without,
	    .category_anyof_mask = GRF_PAGE_PRESENT | GRF_PAGE_SWAPPED,
	    .return_mask = GRF_PAGE_SWAPPED,
	};
	uint64_t pages = 0;
	long found, i;

	do
		found = ioctl(resident->pagemap, GRF_PAGEMAP_SCAN, &argument);
	while (found < 0 && errno == EINTR);
	if (found < 0)
		return false;
	*ret_count = 0;
	for (i = 0; i < found; i++) {
		if (regions[i].start < from || regions[i].end > to ||
		    regions[i].start >= regions[i].end) {
			errno = EINVAL;
			return false;
		}
		pages += (regions[i].end - regions[i].start) / GRF_PAGE;
		add_run(runs, ret_count, capacity, regions[i].start, regions[i].end);
	}
	/* walk_end is not to be relied on (it can lag behind, seen on 6.18): a result that reached
	 * neither limit is complete, and one that did ends where its last region ends. */
	*ret_next =
	    (uint64_t)found < argument.vec_len && pages < max_pages ? to : regions[found - 1].end;
	return true;
}

static bool entry_counts(uint64_t entry, enum grf_resident_kind kind)
{
	return entry & (GRF_ENTRY_PRESENT | GRF_ENTRY_SWAPPED) &&
	       !(kind == GRF_RESIDENT_WRITTEN && entry & GRF_ENTRY_FILE);
}

static bool read_table(struct grf_resident *resident, enum grf_resident_kind kind, uint64_t from,
		       uint64_t to, struct grf_run *runs, size_t capacity, size_t max_pages,
		       size_t *ret_count, uint64_t *ret_next)
{
	uint64_t entries[ENTRIES], pages = (to - from) / GRF_PAGE;
	uint64_t at = from;
	ssize_t length, i;

	if (pages > ENTRIES)
		pages = ENTRIES;
	if (pages > max_pages)
		pages = max_pages;
	do
		length = pread(resident->pagemap, entries, pages * sizeof(entries[0]),
			       (off_t)(from / GRF_PAGE * sizeof(entries[0])));
	while (length < 0 && errno == EINTR);
	length /= (ssize_t)sizeof(entries[0]);
	if (length <= 0)
		return false;
	*ret_count = 0;
	for (i = 0; i < length; i++, at += GRF_PAGE)
		if (entry_counts(entries[i], kind) &&
		    !add_run(runs, ret_count, capacity, at, at + GRF_PAGE))
			break;
	*ret_next = at;
	return true;
}

size_t grf_resident_runs(struct grf_resident *resident, enum grf_resident_kind kind, uint64_t from,
			 uint64_t to, struct grf_run *runs, size_t capacity, size_t max_pages,
			 uint64_t *ret_next)
{
	size_t count = 0;

	assert(from < to && capacity);
	if (!__atomic_load_n(&resident->no_scan, __ATOMIC_RELAXED)) {
		if (scan_pages(resident, kind, from, to, runs, capacity, max_pages, &count,
			       ret_next))
			return count;
		if (errno == ENOTTY || errno == EINVAL)
			__atomic_store_n(&resident->no_scan, true, __ATOMIC_RELAXED);
	}
	if (__atomic_load_n(&resident->no_scan, __ATOMIC_RELAXED) &&
	    read_table(resident, kind, from, to, runs, capacity, max_pages, &count, ret_next))
		return count;
	/* Never to be taken for "all pages exist": mappings can be far larger than memory is. */
	__atomic_store_n(&resident->gone, true, __ATOMIC_RELAXED);
	*ret_next = to;
	return 0;
}
