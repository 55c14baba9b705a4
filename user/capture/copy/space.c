/* SPDX-License-Identifier: BSD-2-Clause */
/* Reserves the areas, finds the place of a copy in them, and releases what no image range uses. */
#include "capture/copy/space.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "arch/live.h"
#include "capture/copy/resident.h"

/* Mappings further apart than this are clusters of their own, and so far may a cluster grow. */
#define NEAR (1ull << 30)
/* Areas that may be added at the stop. */
#define MORE_AREAS 1024
/* Copies lie to huge pages as their originals do, should the system give us some. */
#define HUGE_PAGE (2ull << 20)

/* Reserves address space for [start, end), at an address equal to `start` modulo a huge page. */
static bool add_area(struct grf_space *space, uint64_t start, uint64_t end)
{
	uint64_t length = end - start + GRF_PAGE, spare, skip;
	uint8_t *base;

	if (space->count == space->capacity || end < start ||
	    length > grf_live_arch()->address_limit)
		return false;
	/* Without access it counts towards no commit limit; that comes with grf_space_open(). */
	base = mmap(NULL, length + HUGE_PAGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return false;
	skip = (start - (uint64_t)(uintptr_t)base) % HUGE_PAGE;
	spare = HUGE_PAGE - skip;
	if (skip)
		munmap(base, skip);
	munmap(base + skip + length, spare);
	space->areas[space->count++] =
	    (struct grf_area){start, end, base + skip, end, space->file_length};
	space->file_length += end - start;
	return true;
}

struct grf_error *grf_space_reserve(struct grf_space *space, size_t count,
				    void (*get)(const void *context, size_t index, uint64_t *start,
						uint64_t *end),
				    const void *context)
{
	uint64_t start, end, next_start = 0, next_end, below = NEAR;
	size_t i;

	space->capacity = count + MORE_AREAS;
	space->areas = calloc(space->capacity, sizeof(*space->areas));
	if (!space->areas)
		return grf_error_no_memory();
	for (i = 0; i < count;) {
		uint64_t above = NEAR;

		get(context, i, &start, &end);
		assert(start < end && start >= next_start);
		for (i++; i < count; i++) {
			get(context, i, &next_start, &next_end);
			if (next_start - end > NEAR)
				break;
			end = next_end;
		}
		/* Two clusters share the gap between them. */
		if (i < count && next_start - end < 2 * NEAR)
			above = (next_start - end) / 2 / HUGE_PAGE * HUGE_PAGE;
		if (!add_area(space, start > below ? start - below : 0,
			      end < UINT64_MAX - above ? end + above : end))
			return grf_error_create(GRF_ERROR_NO_MEMORY,
						"no address space for a copy of %#llx-%#llx",
						(unsigned long long)start, (unsigned long long)end);
		below = above;
	}
	return NULL;
}

/* The first extent that ends behind an address; their count: none. */
static size_t extent_behind(const struct grf_space *space, uint64_t address)
{
	size_t low = 0, high = space->extent_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (space->extents[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The end of what begins at `start` and is in one extent, or in none, up to `end`. */
static uint64_t end_alike(const struct grf_space *space, uint64_t start, uint64_t end)
{
	size_t i = extent_behind(space, start);
	uint64_t edge;

	if (i == space->extent_count)
		return end;
	edge = space->extents[i].start <= start ? space->extents[i].end : space->extents[i].start;
	return edge < end ? edge : end;
}

uint8_t *grf_space_find(struct grf_space *space, uint64_t start, uint64_t end, uint64_t *ret_end)
{
	for (size_t i = 0; i < space->count; i++) {
		const struct grf_area *area = &space->areas[i];

		if (area->start <= start && start < area->end) {
			*ret_end = end < area->end ? end : area->end;
			if (start < area->spilled_from && area->spilled_from < *ret_end)
				*ret_end = area->spilled_from;
			*ret_end = end_alike(space, start, *ret_end);
			return area->base + (start - area->start);
		}
		if (area->start > start && area->start < end)
			end = area->start;
	}
	*ret_end = end;
	return add_area(space, start, end) ? space->areas[space->count - 1].base : NULL;
}

bool grf_space_spill(struct grf_area *area, uint64_t from)
{
	area->spilled_from = from;
	return !mprotect(area->base + (from - area->start), area->end - from, PROT_NONE);
}

/* Puts each run at the end of the last extent if it touches it, or into one of its own. */
static void join_runs(struct grf_space *space, size_t count,
		      void (*get)(const void *context, size_t index, uint64_t *start,
				  uint64_t *end),
		      const void *context)
{
	for (size_t i = 0; i < count; i++) {
		struct grf_extent *last =
		    space->extent_count ? &space->extents[space->extent_count - 1] : NULL;
		uint64_t start, end;

		get(context, i, &start, &end);
		if (last && last->end == start)
			last->end = end;
		else
			space->extents[space->extent_count++] =
			    (struct grf_extent){.start = start, .end = end};
	}
}

bool grf_space_spill_all(struct grf_space *space, size_t count,
			 void (*get)(const void *context, size_t index, uint64_t *start,
				     uint64_t *end),
			 const void *context, uint64_t offset)
{
	size_t longest = 0;

	space->extents = calloc(count + 1, sizeof(*space->extents));
	if (!space->extents)
		return false;
	join_runs(space, count, get, context);
	for (size_t i = 1; i < space->extent_count; i++)
		if (space->extents[i].end - space->extents[i].start >
		    space->extents[longest].end - space->extents[longest].start)
			longest = i;
	for (size_t k = 0; k < space->extent_count; k++) {
		/* The others in order, then the longest. */
		size_t i = k + 1 == space->extent_count ? longest : k + (k >= longest);
		struct grf_extent *extent = &space->extents[i];
		uint64_t end;
		uint8_t *data = grf_space_find(space, extent->start, extent->end, &end);

		if (!data || mprotect(data, end - extent->start, PROT_NONE))
			return false;
		extent->offset = offset;
		offset += extent->end - extent->start;
	}
	space->extents_end = offset;
	return true;
}

static bool is_in_extent(const struct grf_space *space, uint64_t address, uint64_t *ret_offset)
{
	size_t i = extent_behind(space, address);

	if (i == space->extent_count || space->extents[i].start > address)
		return false;
	*ret_offset = space->extents[i].offset + (address - space->extents[i].start);
	return true;
}

bool grf_space_is_spilled(const struct grf_space *space, const uint8_t *data, uint64_t *ret_offset)
{
	for (size_t i = 0; i < space->count; i++) {
		const struct grf_area *area = &space->areas[i];
		uint64_t within = (uint64_t)(uintptr_t)data - (uint64_t)(uintptr_t)area->base;

		if (within >= area->end - area->start)
			continue;
		if (space->extents)
			return is_in_extent(space, area->start + within, ret_offset);
		*ret_offset = area->offset + within;
		return within >= area->spilled_from - area->start;
	}
	return false;
}

bool grf_space_open(uint8_t *data, uint64_t length)
{
	return !mprotect(data, length, PROT_READ | PROT_WRITE);
}

static void release_area(const struct grf_area *area, const struct grf_image_range *ranges,
			 size_t count)
{
	uint8_t *end = area->base + (area->end - area->start) + GRF_PAGE;
	uint8_t *at = area->base;
	size_t i;

	for (i = 0; i < count; i++) {
		uint8_t *data = ranges[i].data;

		if (data < at || data >= end)
			continue;
		if (data > at)
			munmap(at, (size_t)(data - at));
		at = data + (ranges[i].end - ranges[i].start);
	}
	munmap(at, (size_t)(end - at));
}

void grf_space_release(struct grf_space *space, const struct grf_image_range *ranges, size_t count)
{
	size_t i;

	for (i = 1; i < count; i++)
		assert(ranges[i].start >= ranges[i - 1].end);
	for (i = 0; i < space->count; i++)
		release_area(&space->areas[i], ranges, count);
	free(space->areas);
	free(space->extents);
	*space = (struct grf_space){0};
}
