/* SPDX-License-Identifier: BSD-2-Clause */
/* Turns the parts that a capture filled in into an image, which owns them from then on. */
#include <assert.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "image/image_private.h"
#include "image/parts.h"

static __attribute__((unused)) bool ranges_ascend(const struct grf_image_parts *parts)
{
	for (size_t i = 1; i < parts->range_count; i++)
		if (parts->ranges[i].start < parts->ranges[i - 1].end)
			return false;
	for (size_t i = 1; i < parts->left_out_count; i++)
		if (parts->left_out[i].start < parts->left_out[i - 1].end)
			return false;
	return true;
}

static bool take_parts(struct grf_image *image, const struct grf_image_parts *parts)
{
	for (size_t i = 0; i < parts->range_count; i++) {
		const struct grf_image_range *range = &parts->ranges[i];

		if (!grf_image_add(image, range->start, range->end, range->flags, range->data))
			return false;
	}
	for (size_t i = 0; i < parts->mapping_count; i++) {
		struct grf_mapping *mapping = grf_array_add(&image->mappings);

		if (!mapping)
			return false;
		*mapping = parts->mappings[i];
	}
	for (size_t i = 0; i < parts->thread_count; i++) {
		struct grf_thread *thread = grf_array_add(&image->threads);

		if (!thread)
			return false;
		*thread = parts->threads[i];
	}
	for (size_t i = 0; i < parts->auxv_count; i++) {
		uint64_t *word = grf_array_add(&image->auxv);

		if (!word)
			return false;
		*word = parts->auxv[i];
	}
	return true;
}

struct grf_error *grf_image_create(struct grf_image_parts *parts, struct grf_executable *executable,
				   struct grf_image **ret)
{
	_cleanup_image_ struct grf_image *image = grf_image_new(grf_executable_arch(executable));
	struct grf_error *error;

	if (!image) {
		grf_image_parts_destroy(parts);
		return grf_error_no_memory();
	}
	assert(ranges_ascend(parts));
	image->parts = parts;
	image->provenance = parts->provenance;
	error = take_parts(image, parts) ? grf_image_set_bias(image, executable)
					 : grf_error_no_memory();
	if (!error)
		error = grf_image_finish(image, executable);
	if (!error)
		*ret = grf_take(image);
	return error;
}
