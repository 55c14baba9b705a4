/* SPDX-License-Identifier: BSD-2-Clause */
/* Which goroutines can never run again, in heaps made by hand. */
#include "graph/can_run.h"
#include "model/variables/variables.h"
#include "walk_world.h"

#define GOROUTINES 4
/* Words of a g and of a record of a wait, in the data segment, where nothing points from. */
#define G_WORDS    2
#define FIRST_WAIT 32
#define WAIT_WORDS 3
#define RECEIVES   19 /* of Go 1.26 */
#define EMPTY      17
#define IN_IO      2

static struct grf_goroutine goroutines[GOROUTINES];
static struct grf_goroutine_value values[GOROUTINES][2];
static uint32_t waits;
static bool *never;

static void set_offset(enum grf_field field, int64_t offset)
{
	world.model.layout.offset[field] = offset;
}

static int begin_goroutines(void **state)
{
	begin(state);
	memset(goroutines, 0, sizeof(goroutines));
	waits = 0;
	world.model.layout.release = grf_release_newest();
	for (int i = 0; i < GRF_FIELD_COUNT; i++)
		set_offset((enum grf_field)i, -1);
	set_offset(GRF_FIELD_g_waiting, 8);
	set_offset(GRF_FIELD_sudog_c, 0);
	set_offset(GRF_FIELD_sudog_waitlink, 8);
	set_offset(GRF_FIELD_sudog_elem, 16);
	set_offset(GRF_FIELD_sudog__size, 24);
	for (size_t i = 0; i < GOROUTINES; i++)
		goroutines[i] = (struct grf_goroutine){
		    .address = DATA_BASE + i * G_WORDS * 8,
		    .id = i + 10,
		    .status = GRF_G_WAITING,
		    .wait_reason = RECEIVES,
		    .values = values[i],
		};
	world.goroutines.items = goroutines;
	world.goroutines.count = GOROUTINES;
	return 0;
}

static int end_goroutines(void **state)
{
	free(never);
	never = NULL;
	return end(state);
}

static void set_word(uint64_t word, uint64_t value)
{
	memcpy(&world.data[word * 8], &value, 8);
}

static void hold(int goroutine, uint64_t value)
{
	struct grf_goroutine *it = &goroutines[goroutine];

	it->values[it->value_count++] =
	    (struct grf_goroutine_value){value, 0, GRF_VALUE_REGISTER, false};
}

/* Has a goroutine wait for one more channel. */
static void await(int goroutine, uint64_t channel)
{
	uint64_t g = (uint64_t)goroutine * G_WORDS + 1, record = FIRST_WAIT + waits++ * WAIT_WORDS;
	uint64_t next;

	memcpy(&next, &world.data[g * 8], 8);
	set_word(record, channel);
	set_word(record + 1, next);
	set_word(g, DATA_BASE + record * 8);
}

static void assert_never(bool a, bool b, bool c, bool d)
{
	walk();
	assert_null(grf_graph_never_run(world.graph, NULL, &never));
	assert_non_null(never);
	assert_int_equal(never[0], a);
	assert_int_equal(never[1], b);
	assert_int_equal(never[2], c);
	assert_int_equal(never[3], d);
}

/* One whose channel a variable has, one whose channel another one has that can run, one whose
 * channel nobody else has, and one that waits for that one. */
static void test_who_has_the_channel(void **state)
{
	uint64_t channels[GOROUTINES];

	(void)state;
	for (uint32_t i = 0; i < GOROUTINES; i++) {
		channels[i] = object(0, i);
		hold((int)i, channels[i]);
		await((int)i, channels[i]);
	}
	hold(0, channels[1]);
	hold(2, channels[3]);
	/* Its word is behind those of the goroutines. */
	while (world.global_count < FIRST_WAIT / 2)
		world.globals[world.global_count++] =
		    (struct grf_global){"main.none", DATA_BASE, NULL};
	global("main.channel", &to_node, channels[0]);
	assert_never(false, false, true, true);
}

/* Any case of a select will do; in a circle, none. */
static void test_selects_and_circles(void **state)
{
	uint64_t a = object(0, 0), b = object(0, 1), c = object(0, 2);

	(void)state;
	await(0, a);
	await(0, b);
	goroutines[1].status = GRF_G_RUNNING;
	hold(1, b);
	hold(0, a);
	await(2, c);
	hold(2, b);
	await(3, a);
	hold(3, c);
	/* 0 runs by b, so 3 by a, so 2 by c. */
	assert_never(false, false, false, false);
}

static void test_circle(void **state)
{
	uint64_t a = object(0, 0), b = object(0, 1);

	(void)state;
	await(0, a);
	hold(0, b);
	await(1, b);
	hold(1, a);
	goroutines[2].wait_reason = IN_IO;
	goroutines[3].wait_reason = EMPTY;
	assert_never(true, true, false, true);
}

/* What cannot be read counts as able to run, and so does a wait for what is in no object. */
static void test_unknown_waits(void **state)
{
	(void)state;
	/* 0 has no record. */
	await(1, 0);
	await(2, DATA_BASE + 0x100);
	goroutines[3].wait_reason = 200;
	assert_never(false, false, false, false);
}

/* The list of records of a damaged image may be a circle. */
static void test_records_in_a_circle(void **state)
{
	uint64_t a = object(0, 0);

	(void)state;
	await(0, a);
	hold(0, a);
	set_word(FIRST_WAIT + 1, DATA_BASE + FIRST_WAIT * 8);
	for (int i = 1; i < GOROUTINES; i++)
		goroutines[i].status = GRF_G_RUNNABLE;
	assert_never(false, false, false, false);
}

static void test_the_main_goroutine(void **state)
{
	uint64_t a = object(0, 0);

	(void)state;
	for (int i = 0; i < GOROUTINES; i++)
		goroutines[i].wait_reason = EMPTY;
	goroutines[0].id = 1;
	/* It does not run for all that. */
	hold(0, a);
	goroutines[1].wait_reason = RECEIVES;
	await(1, a);
	assert_never(false, true, true, true);
}

static void test_missing_stacks(void **state)
{
	(void)state;
	goroutines[0].wait_reason = EMPTY;
	world.goroutines.lost = 1;
	walk();
	assert_null(grf_graph_never_run(world.graph, NULL, &never));
	assert_null(never);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_goroutines, end_goroutines)
	const struct CMUnitTest tests[] = {
	    TEST(test_who_has_the_channel),
	    TEST(test_selects_and_circles),
	    TEST(test_circle),
	    TEST(test_unknown_waits),
	    TEST(test_records_in_a_circle),
	    TEST(test_the_main_goroutine),
	    TEST(test_missing_stacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
