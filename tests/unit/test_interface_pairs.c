/* SPDX-License-Identifier: BSD-2-Clause */
/* Which words of a frame are one interface, by location lists as the compiler writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/variables/interface_pairs.h"

static void add(struct grf_interface_pairs *pairs, int64_t type_word, int64_t data_word, bool valid)
{
	grf_interface_pairs_add(pairs, &(struct grf_interface_pair){.type_word = type_word,
								    .data_word = data_word,
								    .valid = valid,
								    .in_scope = true});
}

/* `best` and `next`: (-40, -32) stands in a list between the spills of the two words. */
static void test_between_two_spills(void **state)
{
	struct grf_interface_pairs pairs = {0};

	(void)state;
	add(&pairs, -40, -24, true);
	add(&pairs, -40, -32, false);
	add(&pairs, -56, -32, false);
	add(&pairs, -40, -24, false);
	grf_interface_pairs_settle(&pairs);
	assert_int_equal(pairs.array.count, 3);
	assert_true(grf_interface_pairs_hold(&pairs, -40, -24));
	assert_true(grf_interface_pairs_hold(&pairs, -56, -32));
	assert_false(grf_interface_pairs_hold(&pairs, -40, -32));
	assert_false(grf_interface_pairs_hold(&pairs, -56, -24));
	grf_array_free(&pairs.array);
}

/* Three interfaces, and the type word of one is in no list: that of another is said to be its own.
 */
static void test_a_word_for_two(void **state)
{
	struct grf_interface_pairs pairs = {0};

	(void)state;
	add(&pairs, -48, -24, true);
	add(&pairs, -64, -40, true);
	add(&pairs, -64, -32, false);
	add(&pairs, -48, -32, false);
	grf_interface_pairs_settle(&pairs);
	assert_true(grf_interface_pairs_hold(&pairs, -48, -24));
	assert_false(grf_interface_pairs_hold(&pairs, -64, -40));
	assert_false(grf_interface_pairs_hold(&pairs, -64, -32));
	assert_false(grf_interface_pairs_hold(&pairs, -48, -32));
	grf_array_free(&pairs.array);
}

/* What the lists leave open stays open; a variable in scope comes before one that is not. */
static void test_open_and_out_of_scope(void **state)
{
	struct grf_interface_pairs pairs = {0};

	(void)state;
	add(&pairs, 8, 64, false);
	add(&pairs, 16, 64, false);
	add(&pairs, 24, 72, false);
	grf_interface_pairs_add(&pairs,
				&(struct grf_interface_pair){.type_word = 32, .data_word = 72});
	grf_interface_pairs_settle(&pairs);
	assert_false(grf_interface_pairs_hold(&pairs, 8, 64));
	assert_false(grf_interface_pairs_hold(&pairs, 16, 64));
	assert_true(grf_interface_pairs_hold(&pairs, 24, 72));
	assert_false(grf_interface_pairs_hold(&pairs, 32, 72));
	grf_array_free(&pairs.array);
}

/* With more pairs than are kept, only what holds at the pc is believed. */
static void test_too_many(void **state)
{
	struct grf_interface_pairs pairs = {0};

	(void)state;
	for (int64_t i = 0; i < 5000; i++)
		add(&pairs, i * 16, i * 16 + 8, i == 1);
	grf_interface_pairs_settle(&pairs);
	assert_true(pairs.incomplete);
	assert_true(grf_interface_pairs_hold(&pairs, 16, 24));
	assert_false(grf_interface_pairs_hold(&pairs, 32, 40));
	grf_array_free(&pairs.array);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_between_two_spills),
	    cmocka_unit_test(test_a_word_for_two),
	    cmocka_unit_test(test_open_and_out_of_scope),
	    cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
