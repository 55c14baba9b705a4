/* SPDX-License-Identifier: BSD-2-Clause */
/* Items of work are done once, each after those that it needs, by any number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/order.h"

#define COUNT 5000u

/* How far above the lowest item that it needs each one stands; 0: it needs none. */
static uint64_t height[COUNT];
static unsigned int done[COUNT];
static uint32_t (*needed)(uint32_t item, unsigned int which);

static uint32_t previous(uint32_t item, unsigned int which)
{
	return which ? UINT32_MAX : item - 1;
}

/* Many need the first; others need two that are spread over all. */
static uint32_t scattered(uint32_t item, unsigned int which)
{
	return which > 1 ? UINT32_MAX : (item * 7919u >> which) % item * (item % 3 != 0);
}

static uint32_t nothing(uint32_t item, unsigned int which)
{
	(void)item;
	(void)which;
	return UINT32_MAX;
}

static void do_item(void *context, unsigned int thread, uint32_t item)
{
	unsigned int *threads = context;
	uint32_t earlier;

	assert_true(thread < *threads);
	done[item]++;
	height[item] = 0;
	for (unsigned int i = 0; item && (earlier = needed(item, i)) != UINT32_MAX; i++)
		if (height[earlier] >= height[item])
			height[item] = height[earlier] + 1;
}

static void check_order(uint32_t (*needs)(uint32_t, unsigned int), unsigned int threads)
{
	static uint64_t expected[COUNT];
	struct grf_order *order = grf_order_create(COUNT);
	unsigned int one = 1;
	uint32_t earlier;

	assert_non_null(order);
	needed = needs;
	for (uint32_t item = 0; item < COUNT; item++)
		do_item(&one, 0, item);
	memcpy(expected, height, sizeof(expected));
	for (uint32_t item = 1; item < COUNT; item++)
		for (unsigned int i = 0; (earlier = needs(item, i)) != UINT32_MAX; i++)
			assert_true(grf_order_add(order, item, earlier));
	for (int run = 0; run < 2; run++) {
		memset(height, 0xff, sizeof(height));
		memset(done, 0, sizeof(done));
		grf_order_run(order, threads, do_item, &threads);
		assert_memory_equal(height, expected, sizeof(expected));
		for (uint32_t item = 0; item < COUNT; item++)
			assert_int_equal(done[item], 1);
	}
	grf_order_destroy(order);
}

static void test_orders(void **state)
{
	static const unsigned int threads[] = {1, 2, 3, 8};

	(void)state;
	for (int i = 0; i < 4; i++) {
		check_order(previous, threads[i]);
		check_order(scattered, threads[i]);
		check_order(nothing, threads[i]);
	}
}

static void test_empty(void **state)
{
	struct grf_order *order = grf_order_create(0);

	(void)state;
	grf_order_run(order, 2, do_item, NULL);
	grf_order_destroy(order);
	grf_order_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_orders),
	    cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
