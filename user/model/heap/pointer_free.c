/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the large objects without pointers. The analysis needs to know that they exist, not their
 * contents; they are most of many heaps, and may hold secrets. The runtime keeps them in spans of
 * their own, whose class has the lowest bit set (runtime/mheap.go, spanClass), so the list of spans
 * is enough to find them.
 *
 * Small ones are copied all the same. Among them are closures without captured pointers, whose type
 * follows from their code, and the names of types that reflect made. Where the runtime keeps mark
 * bits of small objects in their span (Green Tea, up to 512 bytes), the span holds these too.
 *
 * The list is read while the process runs. If a span gets another use meanwhile, its witnesses (its
 * start and its use) no longer match, and it is copied.
 */
#include "model/heap/pointer_free.h"

#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "model/heap/heap_parts.h"

/* Spans that are read in one call; the largest mspan of any release has room. */
#define BATCH           256u
#define MAX_SPAN_RECORD 512u
/* A longer list is damaged, and costs too much to read of a live process. */
#define LISTED_SPANS ((uint64_t)1 << 27)

struct found {
	GRF_ARRAY(struct grf_left_out) ranges;
};

static void take_witness(struct grf_witness *witness, uint64_t address, const uint8_t *record,
			 int64_t offset, int64_t length)
{
	witness->address = address + (uint64_t)offset;
	witness->length = (uint32_t)length;
	memcpy(witness->bytes, record + offset, (size_t)length);
}

/* Adds the span at `address`, which reads as `record`, if it is one. False: out of memory. */
static bool add_span(const struct grf_pointer_free *site, uint64_t address, const uint8_t *record,
		     struct found *found)
{
	int64_t start = grf_offset(&site->layout, mspan, start_addr);
	int64_t class = grf_offset(&site->layout, mspan, spanclass);
	struct grf_left_out *range;
	struct grf_raw_span raw;

	grf_raw_span_read(&site->layout, record, &raw);
	if (raw.state != GRF_SPAN_IN_USE || !(raw.span_class & 1) ||
	    raw.element_size <= GRF_POINTER_FREE_KEPT || !grf_raw_span_plausible(&raw, site->arch))
		return true;
	range = grf_array_add(&found->ranges);
	if (!range)
		return false;
	range->start = raw.start;
	range->end = raw.start + raw.pages * GRF_PAGE_BYTES;
	/* startAddr and npages; spanclass and state. Neighbours in all releases. */
	take_witness(&range->witnesses[0], address, record, start, 16);
	take_witness(&range->witnesses[1], address, record, class, 2);
	return true;
}

/* Reads the spans at `addresses`. */
static bool add_spans(const struct grf_pointer_free *site, const uint64_t *addresses, size_t count,
		      grf_read_runs *read, void *memory, struct found *found)
{
	uint64_t size = (uint64_t)grf_offset(&site->layout, mspan, _size);
	uint8_t records[BATCH * MAX_SPAN_RECORD];
	struct grf_run runs[BATCH] = {0};

	for (size_t i = 0; i < count; i++)
		runs[i] = (struct grf_run){addresses[i], addresses[i] + size};
	read(memory, runs, count, records);
	for (size_t i = 0; i < count; i++)
		if (!add_span(site, addresses[i], records + i * size, found))
			return false;
	return true;
}

static bool has_usual_layout(const struct grf_layout *layout)
{
	return grf_offset(layout, mspan, _size) > 0 &&
	       grf_offset(layout, mspan, _size) <= MAX_SPAN_RECORD &&
	       grf_offset(layout, mspan, npages) == grf_offset(layout, mspan, start_addr) + 8 &&
	       grf_offset(layout, mspan, state) == grf_offset(layout, mspan, spanclass) + 1;
}

struct grf_error *grf_pointer_free_find(void *context, grf_read_runs *read, void *memory,
					struct grf_left_out **ret, size_t *ret_count)
{
	const struct grf_pointer_free *site = context;
	uint64_t list = site->mheap + (uint64_t)grf_offset(&site->layout, mheap, allspans);
	struct grf_run header = {list, list + 16};
	uint64_t slice[2], addresses[BATCH];
	struct found found = {0};

	*ret = NULL;
	*ret_count = 0;
	if (!site->mheap || !has_usual_layout(&site->layout) ||
	    read(memory, &header, 1, (uint8_t *)slice) != 1 || slice[1] > LISTED_SPANS)
		return NULL;
	for (uint64_t i = 0; i < slice[1] && !grf_interrupted(); i += BATCH) {
		uint64_t count = slice[1] - i < BATCH ? slice[1] - i : BATCH;
		struct grf_run part = {slice[0] + i * 8, slice[0] + (i + count) * 8};

		/* The runtime may just have moved the list. */
		if (read(memory, &part, 1, (uint8_t *)addresses) != 1)
			break;
		if (!add_spans(site, addresses, count, read, memory, &found)) {
			grf_array_free(&found.ranges);
			return grf_error_no_memory();
		}
	}
	*ret = found.ranges.items;
	*ret_count = found.ranges.count;
	return NULL;
}
