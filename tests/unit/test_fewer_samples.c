/* SPDX-License-Identifier: BSD-2-Clause */
/* Trees with fewer samples: whatever is left out, what is below a node stays the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "draw.h"
#include "outputs/fewer_samples.h"

#define NODES 500u
#define ROOTS 5u

static struct grf_tree_node nodes[NODES];
static const struct grf_tree tree = {.nodes = nodes, .node_count = NODES};

static void draw_tree(uint64_t seed)
{
	random_state = seed;
	for (uint32_t i = 0; i < NODES; i++) {
		nodes[i] = (struct grf_tree_node){
		    .parent = i < ROOTS ? GRF_TREE_NONE : draw(i),
		    .objects = draw(3),
		};
		nodes[i].bytes = nodes[i].objects * 8 * (1 + draw(20));
	}
}

static void add_up(const struct grf_sample_values *own, struct grf_sample_values *ret)
{
	memcpy(ret, own, NODES * sizeof(*ret));
	for (uint32_t i = NODES; i-- > ROOTS;) {
		ret[nodes[i].parent].objects += ret[i].objects;
		ret[nodes[i].parent].bytes += ret[i].bytes;
	}
}

static size_t count_samples(const struct grf_sample_values *values)
{
	size_t count = 0;

	for (uint32_t i = 0; i < NODES; i++)
		count += values[i].objects != 0;
	return count;
}

static void check_limit(size_t limit, const struct grf_sample_values *all)
{
	static struct grf_sample_values before[NODES], after[NODES];
	_cleanup_free_ struct grf_sample_values *values = NULL;
	struct grf_folded_samples folded;
	uint64_t gone = 0, bytes = 0, smallest_kept = UINT64_MAX;

	assert_null(grf_fewer_samples(&tree, limit, &values, &folded));
	assert_true(count_samples(values) <= limit + ROOTS);
	add_up(all, before);
	add_up(values, after);
	for (uint32_t i = 0; i < NODES; i++) {
		if (!after[i].objects)
			continue;
		assert_int_equal(after[i].objects, before[i].objects);
		assert_int_equal(after[i].bytes, before[i].bytes);
		if (i >= ROOTS && before[i].bytes < smallest_kept)
			smallest_kept = before[i].bytes;
	}
	for (uint32_t i = 0; i < NODES; i++) {
		if (after[i].objects || !before[i].objects)
			continue;
		assert_true(before[i].bytes <= smallest_kept);
		gone += all[i].objects != 0;
		bytes += all[i].bytes;
	}
	assert_int_equal(folded.count, gone);
	assert_int_equal(folded.bytes, bytes);
}

static void test_what_a_node_holds_stays_the_same(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		_cleanup_free_ struct grf_sample_values *all = NULL;
		struct grf_folded_samples folded;

		draw_tree(seed);
		assert_null(grf_fewer_samples(&tree, 0, &all, &folded));
		assert_int_equal(folded.count, 0);
		for (uint32_t i = 0; i < NODES; i++)
			assert_int_equal(all[i].bytes, nodes[i].bytes);
		check_limit(1, all);
		check_limit(40, all);
		check_limit(count_samples(all) - 1, all);
	}
}

static void test_no_more_than_the_limit_changes_nothing(void **state)
{
	_cleanup_free_ struct grf_sample_values *all = NULL, *values = NULL;
	struct grf_folded_samples folded;

	(void)state;
	draw_tree(7);
	assert_null(grf_fewer_samples(&tree, 0, &all, &folded));
	assert_null(grf_fewer_samples(&tree, count_samples(all), &values, &folded));
	assert_int_equal(folded.count, 0);
	assert_memory_equal(all, values, NODES * sizeof(*all));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_a_node_holds_stays_the_same),
	    cmocka_unit_test(test_no_more_than_the_limit_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
