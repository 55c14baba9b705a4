/* SPDX-License-Identifier: BSD-2-Clause */
/* Which bytes of memory the input really has: those that it does not claim to be zero, and that are
 * in no hole of its file. */
#include <string.h>

#include "image/image_private.h"

/* Records that are as small as none, and how many may be where their bytes are not counted. */
#define LEAST_RECORD 32
#define FEW_RECORDS  64u

/* The index of the first run of held bytes that ends behind an address; their count: none does. */
static size_t held_run_behind(const struct grf_image *image, uint64_t address)
{
	size_t low = 0, high = image->held.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (image->held.items[middle].run.end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The bytes held below `address`. */
static uint64_t held_below(const struct grf_image *image, uint64_t address)
{
	size_t i = held_run_behind(image, address);
	const struct grf_held_run *held;

	if (!image->held.count)
		return 0;
	if (i == image->held.count) {
		held = &image->held.items[i - 1];
		return held->before + (held->run.end - held->run.start);
	}
	held = &image->held.items[i];
	return held->before + (address > held->run.start ? address - held->run.start : 0);
}

/* Adds a run of held bytes to the end of the list. False: out of memory. */
static bool add_held_run(struct grf_image *image, uint64_t start, uint64_t end)
{
	const size_t count = image->held.count;
	const struct grf_held_run *last = count ? &image->held.items[count - 1] : NULL;
	uint64_t before = last ? last->before + (last->run.end - last->run.start) : 0;
	struct grf_held_run *added = grf_array_add(&image->held);

	if (added)
		*added = (struct grf_held_run){.run = {start, end}, .before = before};
	return added;
}

/* A segment whose bytes are in a file that may be sparse: what is in no hole of it. */
static bool add_held_data(struct grf_image *image, const struct grf_segment *segment)
{
	const struct grf_core_file *file = image->file;
	uint64_t offset = (uint64_t)(segment->data - file->memory);
	uint64_t end = offset + (segment->end - segment->start);
	size_t i = grf_run_behind(file->data.items, file->data.count, offset);

	for (; i < file->data.count && file->data.items[i].start < end; i++) {
		const struct grf_run *run = &file->data.items[i];
		uint64_t from = run->start > offset ? run->start : offset;
		uint64_t until = run->end < end ? run->end : end;

		if (!add_held_run(image, segment->start + (from - offset),
				  segment->start + (until - offset)))
			return false;
	}
	return true;
}

static bool is_in_file(const struct grf_image *image, const struct grf_segment *segment)
{
	const struct grf_core_file *file = image->file;

	return file && segment->data >= file->memory && segment->data < file->memory + file->size;
}

bool grf_image_list_held(struct grf_image *image)
{
	uint64_t in_file, beside = 0;
	bool fits = true;

	image->held.count = 0;
	for (size_t i = 0; fits && i < image->segments.count; i++) {
		const struct grf_segment *segment = &image->segments.items[i];

		if (is_in_file(image, segment)) {
			fits = add_held_data(image, segment);
		} else if (!grf_segment_is_claimed(segment)) {
			fits = add_held_run(image, segment->start, segment->end);
			beside += segment->end - segment->start;
		}
	}
	in_file = held_below(image, UINT64_MAX) - beside;
	/* Segments of the same bytes hold these once. */
	image->held_bytes =
	    beside +
	    (image->file && in_file > image->file->data_bytes ? image->file->data_bytes : in_file);
	return fits;
}

uint64_t grf_image_held(const struct grf_image *image)
{
	return image->held_bytes;
}

uint64_t grf_image_room(const struct grf_image *image, int64_t size)
{
	return FEW_RECORDS +
	       grf_image_held(image) / (size > LEAST_RECORD ? (uint64_t)size : LEAST_RECORD);
}

uint64_t grf_image_held_in(const struct grf_image *image, uint64_t start, uint64_t end)
{
	return end <= start ? 0 : held_below(image, end) - held_below(image, start);
}

uint64_t grf_image_next_held(const struct grf_image *image, uint64_t *at, uint64_t end)
{
	size_t i = held_run_behind(image, *at);
	const struct grf_run *run;

	if (i == image->held.count || *at >= end)
		return 0;
	run = &image->held.items[i].run;
	if (run->start >= end)
		return 0;
	if (*at < run->start)
		*at = run->start;
	return run->end < end ? run->end : end;
}

void grf_image_copy_held(const struct grf_image *image, uint64_t address, uint8_t *buffer,
			 uint64_t length)
{
	uint64_t at = address, end = address + length, until;

	for (; (until = grf_image_next_held(image, &at, end)); at = until)
		memcpy(buffer + (at - address), grf_image_view(image, at, until - at), until - at);
}
