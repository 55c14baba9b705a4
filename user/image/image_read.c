/* SPDX-License-Identifier: BSD-2-Clause */
/* What an image answers once it is made: lists, and reads of memory by binary search. */
#include <string.h>

#include "image/image_private.h"
#include "image/parts.h"

const struct grf_segment *grf_image_segments(const struct grf_image *image, size_t *ret_count)
{
	*ret_count = image->segments.count;
	return image->segments.items;
}

const struct grf_goroutine_fields *grf_image_goroutine_fields(const struct grf_image *image)
{
	return image->parts ? &image->parts->goroutine_fields : NULL;
}

const struct grf_goroutine_record *grf_image_goroutines(const struct grf_image *image,
							size_t *ret_count)
{
	*ret_count = image->parts ? image->parts->goroutine_count : 0;
	return image->parts ? image->parts->goroutines : NULL;
}

const struct grf_provenance *grf_image_provenance(const struct grf_image *image)
{
	return &image->provenance;
}

const struct grf_mapping *grf_image_mappings(const struct grf_image *image, size_t *ret_count)
{
	*ret_count = image->mappings.count;
	return image->mappings.items;
}

const struct grf_thread *grf_image_threads(const struct grf_image *image, size_t *ret_count)
{
	*ret_count = image->threads.count;
	return image->threads.items;
}

bool grf_image_auxv(const struct grf_image *image, uint64_t type, uint64_t *ret)
{
	for (size_t i = 0; i + 1 < image->auxv.count; i += 2) {
		if (image->auxv.items[i] != type)
			continue;
		*ret = image->auxv.items[i + 1];
		return true;
	}
	return false;
}

const struct grf_segment *grf_image_find(const struct grf_image *image, uint64_t address)
{
	const struct grf_segment *segments = image->segments.items;
	size_t low = 0, high = image->segments.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (segments[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address < segments[low - 1].end ? &segments[low - 1] : NULL;
}

bool grf_image_is_left_out(const struct grf_image *image, uint64_t address, uint64_t length)
{
	const struct grf_image_parts *parts = image->parts;
	size_t i = parts ? grf_run_behind(parts->left_out, parts->left_out_count, address) : 0;

	return parts && i < parts->left_out_count && length &&
	       (parts->left_out[i].start <= address || parts->left_out[i].start - address < length);
}

struct grf_error *grf_image_check_copied(const struct grf_image *image, uint64_t address,
					 uint64_t length, const char *what)
{
	if (!grf_image_is_left_out(image, address, length))
		return NULL;
	return grf_error_create(GRF_ERROR_TORN,
				"the copy is torn: a part of %s at %#llx was left out as not in "
				"use, and is in use; take another one",
				what, (unsigned long long)address);
}

const uint8_t *grf_image_view(const struct grf_image *image, uint64_t address, uint64_t length)
{
	const struct grf_segment *segment = grf_image_find(image, address);

	if (!segment || length > segment->end - address)
		return NULL;
	return segment->data + (address - segment->start);
}

const uint8_t *grf_image_at(const struct grf_image *image, uint64_t address, uint64_t length)
{
	const struct grf_segment *segment = grf_image_find(image, address);

	if (!segment || length > segment->end - address ||
	    (grf_segment_is_claimed(segment) && length > GRF_IMAGE_ZEROS) ||
	    grf_image_is_left_out(image, address, length))
		return NULL;
	return segment->data + (address - segment->start);
}

struct grf_error *grf_image_read(const struct grf_image *image, uint64_t address, void *buffer,
				 uint64_t length)
{
	uint8_t *to = buffer;

	if (grf_image_is_left_out(image, address, length))
		return grf_error_create(GRF_ERROR_FAULT, "memory at %#llx was not copied",
					(unsigned long long)address);
	while (length) {
		const struct grf_segment *segment = grf_image_find(image, address);
		uint64_t part;

		if (!segment)
			return grf_error_create(GRF_ERROR_FAULT,
						"address %#llx is not in the image",
						(unsigned long long)address);
		part = segment->end - address < length ? segment->end - address : length;
		memcpy(to, segment->data + (address - segment->start), part);
		to += part;
		address += part;
		length -= part;
	}
	return NULL;
}

/* Loads `size` bytes, which may lie in two segments. */
static bool load_bytes(const struct grf_image *image, uint64_t address, void *ret, uint64_t size)
{
	const uint8_t *at = grf_image_at(image, address, size);
	struct grf_error *error;

	if (at) {
		memcpy(ret, at, size);
		return true;
	}
	memset(ret, 0, size);
	if (!grf_image_find(image, address) || !grf_image_find(image, address + size - 1))
		return false;
	error = grf_image_read(image, address, ret, size);
	if (!error)
		return true;
	grf_error_free(error);
	memset(ret, 0, size);
	return false;
}

bool grf_image_u8(const struct grf_image *image, uint64_t address, uint8_t *ret)
{
	return load_bytes(image, address, ret, sizeof(*ret));
}

bool grf_image_u16(const struct grf_image *image, uint64_t address, uint16_t *ret)
{
	return load_bytes(image, address, ret, sizeof(*ret));
}

bool grf_image_u32(const struct grf_image *image, uint64_t address, uint32_t *ret)
{
	return load_bytes(image, address, ret, sizeof(*ret));
}

bool grf_image_u64(const struct grf_image *image, uint64_t address, uint64_t *ret)
{
	return load_bytes(image, address, ret, sizeof(*ret));
}
