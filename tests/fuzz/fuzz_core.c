/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF cores: headers, segments, notes. */
#include "fuzz.h"

#include "image/executable/executable.h"
#include "image/image.h"

/* An executable that has next to nothing. */
static struct grf_executable *executable(void)
{
	static struct grf_executable *opened;

	if (!opened && grf_executable_open("/proc/self/exe", &opened))
		abort();
	return opened;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct grf_segment *segments;
	struct grf_image *image;
	struct grf_error *error;
	size_t count;

	error = grf_image_open_core(fuzz_file(data, size), executable(), &image);
	if (error) {
		grf_error_free(error);
		return 0;
	}
	segments = grf_image_segments(image, &count);
	for (size_t i = 0; i < count; i++) {
		uint64_t at = segments[i].start, end = segments[i].end, word;

		assert_true(at < end && (!i || segments[i - 1].end <= at));
		assert_true(grf_image_held_in(image, at, end) <= end - at);
		grf_image_u64(image, end - 4, &word);
		fuzz_use(segments[i].data, 1);
		fuzz_use(segments[i].data + (end - at - 1), 1);
	}
	assert_true(grf_image_held(image) == grf_image_held_in(image, 0, UINT64_MAX));
	grf_image_threads(image, &count);
	fuzz_use(grf_image_threads(image, &count), count * sizeof(struct grf_thread));
	for (size_t i = 0; i < count; i++)
		fuzz_use(&i, 1);
	grf_image_destroy(image);
	return 0;
}
