/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of addresses, and what an image holds of what it says that it has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "base/address_set.h"
#include "image/image.h"

static void test_set(void **state)
{
	struct grf_address_set set = {0};
	size_t number;

	(void)state;
	assert_false(grf_address_set_find(&set, 8, &number));
	assert_false(grf_address_set_add(&set, 0, 1));
	for (size_t i = 1; i <= 10000; i++)
		assert_true(grf_address_set_add(&set, i * 4096, i));
	for (size_t i = 1; i <= 10000; i++) {
		assert_false(grf_address_set_add(&set, i * 4096, 0));
		assert_true(grf_address_set_find(&set, i * 4096, &number));
		assert_int_equal(number, i);
	}
	assert_false(grf_address_set_find(&set, 4097, &number));
	assert_int_equal(set.count, 10000);
	assert_false(set.no_memory);
	grf_address_set_free(&set);
}

static void test_held(void **state)
{
	uint8_t held[0x100], zeros[0x1000] = {0}, copy[0x300] = {0};
	const struct grf_segment segments[] = {
	    {0x1000, 0x1100, GRF_SEGMENT_READ, held},
	    {0x1100, 0x2000, GRF_SEGMENT_READ | GRF_SEGMENT_CLAIMED, zeros},
	    {0x2000, 0x2080, GRF_SEGMENT_READ, held},
	};
	struct grf_image *image;
	uint64_t at = 0x1080;

	(void)state;
	memset(held, 0x5a, sizeof(held));
	assert_null(grf_image_from_segments(&grf_arch_amd64, segments, 3, &image));
	assert_int_equal(grf_image_held(image), 0x180);
	assert_int_equal(grf_image_held_in(image, 0, UINT64_MAX), 0x180);
	assert_int_equal(grf_image_held_in(image, 0x10f0, 0x2010), 0x20);
	assert_int_equal(grf_image_held_in(image, 0x1100, 0x2000), 0);
	assert_int_equal(grf_image_held_in(image, 0x2000, 0x1000), 0);
	assert_int_equal(grf_image_next_held(image, &at, 0x3000), 0x1100);
	assert_int_equal(at, 0x1080);
	at = 0x1100;
	assert_int_equal(grf_image_next_held(image, &at, 0x2040), 0x2040);
	assert_int_equal(at, 0x2000);
	at = 0x2080;
	assert_int_equal(grf_image_next_held(image, &at, UINT64_MAX), 0);
	grf_image_copy_held(image, 0x1e00, copy, sizeof(copy));
	assert_int_equal(copy[0x1ff], 0);
	assert_int_equal(copy[0x200], 0x5a);
	assert_int_equal(copy[0x27f], 0x5a);
	assert_int_equal(copy[0x280], 0);
	grf_image_destroy(image);
}

/* What is zero only by its word is not gone through as a whole. */
static void test_claimed(void **state)
{
	uint8_t *zeros = calloc(1, 2 * GRF_IMAGE_ZEROS);
	const struct grf_segment segment = {0x10000, 0x10000 + 2 * GRF_IMAGE_ZEROS,
					    GRF_SEGMENT_READ | GRF_SEGMENT_CLAIMED, zeros};
	struct grf_image *image;

	(void)state;
	assert_null(grf_image_from_segments(&grf_arch_amd64, &segment, 1, &image));
	assert_int_equal(grf_image_held(image), 0);
	assert_ptr_equal(grf_image_at(image, 0x10000, GRF_IMAGE_ZEROS), zeros);
	assert_null(grf_image_at(image, 0x10000, GRF_IMAGE_ZEROS + 1));
	assert_ptr_equal(grf_image_view(image, 0x10000, 2 * GRF_IMAGE_ZEROS), zeros);
	grf_image_destroy(image);
	free(zeros);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_set),
	    cmocka_unit_test(test_held),
	    cmocka_unit_test(test_claimed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
