/* SPDX-License-Identifier: BSD-2-Clause */
/* The containers of the walk: pair map, frontier, object states, places; and the masks that tell
 * what an edge is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "graph/objects.h"
#include "graph/object_pointers.h"
#include "graph/pair_map.h"
#include "graph/places.h"
#include "graph/walk/frontier.h"

static void test_pair_map_tells_pairs_apart(void **state)
{
	struct grf_pair_map map = {0};

	(void)state;
	assert_int_equal(grf_pair_map_get(&map, 1, 2), GRF_PAIR_MAP_NONE);
	for (uint32_t i = 0; i < 100000; i++)
		assert_true(grf_pair_map_put(&map, i % 1000, i / 1000, i));
	assert_int_equal(map.count, 100000);
	for (uint32_t i = 0; i < 100000; i++)
		assert_int_equal(grf_pair_map_get(&map, i % 1000, i / 1000), i);
	assert_int_equal(grf_pair_map_get(&map, 1000, 0), GRF_PAIR_MAP_NONE);
	assert_int_equal(grf_pair_map_get(&map, 0, 100), GRF_PAIR_MAP_NONE);
	assert_true(grf_pair_map_put(&map, 5, 6, 7));
	assert_int_equal(map.count, 100000);
	assert_int_equal(grf_pair_map_get(&map, 5, 6), 7);
	grf_pair_map_free(&map);
}

static void test_frontier_keeps_order_across_blocks(void **state)
{
	struct grf_frontier frontier = {0};
	uint64_t pushed = 0, popped = 0;
	struct grf_place place;

	(void)state;
	assert_false(grf_frontier_pop(&frontier, &place));
	/* Grows to several blocks, shrinks, grows again, and is empty in between. */
	for (int round = 0; round < 6; round++) {
		for (uint64_t i = 0; i < 70000 + (uint64_t)round * 30000; i++) {
			place = (struct grf_place){.address = pushed++, .spot = 1};
			assert_true(grf_frontier_push(&frontier, &place));
		}
		for (uint64_t i = 0; round == 3 ? frontier.count : i < 50000; i++) {
			assert_true(grf_frontier_pop(&frontier, &place));
			assert_int_equal(place.address, popped++);
		}
	}
	assert_int_equal(frontier.count, pushed - popped);
	while (grf_frontier_pop(&frontier, &place))
		assert_int_equal(place.address, popped++);
	assert_int_equal(popped, pushed);
	grf_frontier_free(&frontier);
}

static void test_frontier_gives_places_side_by_side(void **state)
{
	struct grf_frontier frontier = {0};
	const struct grf_place *places;
	struct grf_place place = {0};
	uint64_t taken = 0, count;

	(void)state;
	assert_int_equal(grf_frontier_next(&frontier, &places), 0);
	for (place.address = 0; place.address < 150000; place.address++)
		assert_true(grf_frontier_push(&frontier, &place));
	while ((count = grf_frontier_next(&frontier, &places))) {
		count = count < 1000 ? count : 1000;
		for (uint64_t i = 0; i < count; i++)
			assert_int_equal(places[i].address, taken + i);
		grf_frontier_take(&frontier, count);
		taken += count;
		/* What is appended meanwhile does not disturb what was taken. */
		assert_true(taken > 150000 || grf_frontier_push(&frontier, &place));
		place.address++;
		assert_int_equal(places[0].address, taken - count);
	}
	assert_int_equal(taken, place.address > taken ? taken : place.address);
	assert_true(taken > 150000);
	grf_frontier_free(&frontier);
}

static void test_frontier_is_filled_from_several_sides(void **state)
{
	static const size_t sizes[] = {10, 0, 65000, 70000, 1, 140000};
	struct grf_frontier_cursor whole, parts[6];
	struct grf_frontier frontier = {0};
	struct grf_place place = {.address = 0};
	uint64_t total = 0, at = 0;

	(void)state;
	/* A place that is there before. */
	assert_true(grf_frontier_push(&frontier, &place));
	for (size_t i = 0; i < 6; i++)
		total += sizes[i];
	assert_true(grf_frontier_append(&frontier, total, &whole));
	for (size_t i = 0; i < 6; i++) {
		parts[i] = whole;
		grf_frontier_skip(&whole, sizes[i]);
	}
	/* The last part first. */
	for (size_t i = 6; i-- > 0;) {
		uint64_t first = 1;

		for (size_t k = 0; k < i; k++)
			first += sizes[k];
		for (size_t k = 0; k < sizes[i]; k++) {
			place.address = first + k;
			grf_frontier_fill(&parts[i], &place);
		}
	}
	assert_int_equal(frontier.count, total + 1);
	while (grf_frontier_pop(&frontier, &place))
		assert_int_equal(place.address, at++);
	assert_int_equal(at, total + 1);
	grf_frontier_free(&frontier);
}

static void test_object_states_know_free_slots(void **state)
{
	uint8_t allocated_a[] = {0x05}, allocated_b[] = {0xff, 0x01};
	struct grf_span spans[] = {
	    {.allocated = allocated_a, .slot_count = 3, .first_object = 0},
	    {.allocated = allocated_b, .slot_count = 10, .first_object = 3},
	};
	struct grf_heap heap = {.spans = spans, .span_count = 2, .object_ids = 13};
	uint8_t *states;

	(void)state;
	assert_null(grf_object_states_create(&heap, &states));
	for (int i = 0; i < 13; i++)
		assert_int_equal(states[i], i == 1 || i == 12 ? GRF_OBJECT_FREE : 0);
	free(states);
}

/* What was kept stays when a number comes that two bytes do not hold, with the mark or without. */
static void test_places_become_wide(void **state)
{
	enum { COUNT = 100 };
	static const uint32_t large[] = {GRF_PLACES_NARROW, GRF_GRAPH_INSIDE - 1};
	struct grf_places places;

	(void)state;
	assert_true(grf_places_create(&places, COUNT));
	for (uint32_t i = 1; i < COUNT - 2; i++)
		assert_true(grf_places_set(
		    &places, i, (GRF_PLACES_NARROW - i) | (i % 2 ? GRF_GRAPH_INSIDE : 0)));
	assert_non_null(places.narrow);
	for (uint32_t k = 0; k < 2; k++)
		assert_true(
		    grf_places_set(&places, COUNT - 2 + k, large[k] | (k ? GRF_GRAPH_INSIDE : 0)));
	assert_null(places.narrow);
	assert_int_equal(grf_places_get(&places, 0), 0);
	for (uint32_t i = 1; i < COUNT - 2; i++)
		assert_int_equal(grf_places_get(&places, i),
				 (GRF_PLACES_NARROW - i) | (i % 2 ? GRF_GRAPH_INSIDE : 0));
	assert_int_equal(grf_places_get(&places, COUNT - 2), large[0]);
	assert_int_equal(grf_places_get(&places, COUNT - 1), large[1] | GRF_GRAPH_INSIDE);
	grf_places_free(&places);
}

/* Any run of up to 64 words, wherever it begins, and no byte behind its last. */
static void test_masks_of_spans(void **state)
{
	enum { BYTES = 12 };
	uint8_t *bits = malloc(BYTES);
	struct grf_span span = {.pointer_bits = bits};

	(void)state;
	for (unsigned int i = 0; i < BYTES; i++)
		bits[i] = (uint8_t)(i * 73 + 41);
	for (uint64_t first = 0; first < BYTES * 8; first++)
		for (uint64_t words = 1; words <= 64 && first + words <= BYTES * 8; words++) {
			uint64_t mask = grf_span_mask(&span, first, words), expected = 0;

			for (uint64_t i = 0; i < words; i++)
				expected |= (uint64_t)(bits[(first + i) / 8] >> (first + i) % 8 & 1)
					    << i;
			assert_int_equal(mask, expected);
		}
	free(bits);
}

static void test_masks_of_stored_types(void **state)
{
	uint64_t mask = 0x5, word, expected[] = {0, 2, 3, 5, 6};
	struct grf_stored_type type = {.size = 24, .mask = &mask};
	struct grf_stored_words words = {.type = &type, .words = 8};

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		assert_true(grf_stored_words_next(&words, &word));
		assert_int_equal(word, expected[i]);
	}
	assert_false(grf_stored_words_next(&words, &word));
	type.size = 0;
	words = (struct grf_stored_words){.type = &type, .words = 8};
	assert_false(grf_stored_words_next(&words, &word));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pair_map_tells_pairs_apart),
	    cmocka_unit_test(test_frontier_keeps_order_across_blocks),
	    cmocka_unit_test(test_frontier_gives_places_side_by_side),
	    cmocka_unit_test(test_frontier_is_filled_from_several_sides),
	    cmocka_unit_test(test_object_states_know_free_slots),
	    cmocka_unit_test(test_places_become_wide),
	    cmocka_unit_test(test_masks_of_spans),
	    cmocka_unit_test(test_masks_of_stored_types),
	};

	return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
