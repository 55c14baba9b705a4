/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was reached held against marks, object by object, on a heap made by hand. The graph and the
 * reader of marks are played by this file, so that they may be wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/plan_mask.h"
#include "model/variables/variables.h"
#include "views/verification.h"
#include "views/view.h"

#define HEAP_BASE  UINT64_C(0xc000000000)
#define DATA_BASE  UINT64_C(0x500000)
#define STACK_BASE UINT64_C(0xc000100000)
#define SPAN_BYTES 8192u
#define OBJECTS    (SPAN_BYTES / 16)
#define WORDS      16u

/* One span of objects of two pointers each, a data segment, and one frame on one stack. */
static const struct grf_function loop = {.name = "main.loop"};

static struct {
	uint8_t heap[SPAN_BYTES], bits[SPAN_BYTES / 64], allocated[OBJECTS / 8];
	uint64_t data[WORDS], stack[WORDS];
	uint8_t data_mask[WORDS / 8];
	uint32_t index[1], pages[1][8192];
	struct grf_span span;
	struct grf_heap heap_model;
	struct grf_module module;
	struct grf_modules modules;
	struct grf_frame frame;
	struct grf_stack_word words[WORDS];
	struct grf_goroutine goroutine;
	struct grf_goroutines goroutines;
	struct grf_special_roots specials;
	struct grf_model model;
	uint8_t marked[OBJECTS], passed_over[OBJECTS];
	bool at_gc_point, exact;
	uint16_t places[OBJECTS];
	struct grf_object_kind kinds[2];
	struct grf_stored_types stored;
	struct grf_graph graph;
	struct grf_verification *verification;
} world;

/* ---- what the walk, the marks and the rest of the model would say ---- */

struct grf_error *grf_marks_read(const struct grf_model *model, struct grf_marks *ret)
{
	(void)model;
	ret->bits = calloc(1, OBJECTS / 8 + 1);
	assert_non_null(ret->bits);
	ret->at_gc_point = world.at_gc_point;
	ret->exact = world.exact;
	for (unsigned int i = 0; i < OBJECTS; i++)
		ret->bits[i / 8] |= (uint8_t)((world.at_gc_point && world.marked[i]) << i % 8);
	return NULL;
}

bool grf_marks_pass_over(const struct grf_model *model, const struct grf_span *span, uint32_t slot)
{
	(void)model;
	(void)span;
	return world.passed_over[slot];
}

void grf_marks_free(struct grf_marks *marks)
{
	free(marks->bits);
}

bool grf_image_u64(const struct grf_image *image, uint64_t address, uint64_t *ret)
{
	(void)image;
	if (address >= DATA_BASE && address < DATA_BASE + sizeof(world.data))
		*ret = world.data[(address - DATA_BASE) / 8];
	else if (address >= STACK_BASE && address < STACK_BASE + sizeof(world.stack))
		*ret = world.stack[(address - STACK_BASE) / 8];
	else
		return false;
	return true;
}

uint64_t grf_types_variable(struct grf_types *types, const char *name)
{
	(void)types;
	(void)name;
	return 0;
}

const uint64_t *grf_types_pointer_mask(struct grf_types *types, uint64_t address,
				       uint64_t *ret_words, uint64_t *ret_type_size)
{
	(void)types;
	(void)address;
	(void)ret_words;
	(void)ret_type_size;
	return NULL;
}

void grf_type_plan(struct grf_types *types, struct grf_type *type)
{
	(void)types;
	(void)type;
}

struct grf_type *grf_types_by_descriptor(struct grf_types *types, uint64_t address)
{
	(void)types;
	(void)address;
	return NULL;
}

/* ---- the world ---- */

static int begin(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	world.at_gc_point = true;
	world.span = (struct grf_span){
	    .base = HEAP_BASE,
	    .element_size = 16,
	    .division = UINT64_MAX / 16 + 1,
	    .memory = world.heap,
	    .allocated = world.allocated,
	    .pointer_bits = world.bits,
	    .slot_count = OBJECTS,
	    .pointer_layout = GRF_POINTERS_BITS,
	};
	world.index[0] = 1;
	world.pages[0][0] = 1;
	world.heap_model = (struct grf_heap){
	    .spans = &world.span,
	    .span_count = 1,
	    .object_ids = OBJECTS,
	    .first_arena = HEAP_BASE >> 26,
	    .arena_count = 1,
	    .arena_index = world.index,
	    .pages = (const uint32_t(*)[8192])world.pages,
	};
	world.module = (struct grf_module){
	    .data = DATA_BASE,
	    .edata = DATA_BASE + sizeof(world.data),
	    .data_mask = world.data_mask,
	    .data_mask_bits = WORDS,
	};
	world.modules = (struct grf_modules){.items = &world.module, .count = 1};
	world.frame.function = &loop;
	world.goroutine.frames = &world.frame;
	world.goroutine.frame_count = 1;
	world.goroutine.words = world.words;
	world.goroutine.stack_low = STACK_BASE;
	world.goroutine.stack_high = STACK_BASE + sizeof(world.stack);
	world.goroutines.items = &world.goroutine;
	world.goroutines.count = 1;
	world.model.heap = &world.heap_model;
	world.model.modules = &world.modules;
	world.model.goroutines = &world.goroutines;
	world.model.specials = &world.specials;
	return 0;
}

static int end(void **state)
{
	(void)state;
	grf_verification_destroy(world.verification);
	world.verification = NULL;
	grf_stored_types_free(&world.stored);
	return 0;
}

enum { ABSENT, REACHED = 1, MARKED = 2, ALIVE = REACHED | MARKED };

/* A new object, reached and marked as said. */
static uint64_t object(unsigned int is)
{
	static const unsigned int first = 8; /* some free slots before it */
	unsigned int slot = first;

	while (world.allocated[slot / 8] >> slot % 8 & 1)
		slot++;
	world.allocated[slot / 8] |= (uint8_t)(1u << slot % 8);
	world.places[slot] = (is & REACHED) != 0;
	world.marked[slot] = (is & MARKED) != 0;
	return HEAP_BASE + slot * 16ul;
}

static void point(uint64_t from, unsigned int field, uint64_t to)
{
	uint64_t at = from - HEAP_BASE + field * 8ul;

	memcpy(&world.heap[at], &to, 8);
	world.bits[at / 64] |= (uint8_t)(1u << at / 8 % 8);
}

static void in_data(unsigned int word, uint64_t to)
{
	world.data[word] = to;
	world.data_mask[word / 8] |= (uint8_t)(1u << word % 8);
}

static void on_stack(uint64_t to, bool conservative)
{
	uint32_t i = world.goroutine.word_count++;

	world.stack[i] = to;
	world.words[i] = (struct grf_stack_word){STACK_BASE + i * 8ul, 0, conservative};
}

static void verify(void)
{
	world.graph = (struct grf_graph){
	    .model = &world.model,
	    .places = {.narrow = world.places, .count = OBJECTS},
	    .kinds = world.kinds,
	    .stored = &world.stored,
	};
	assert_null(grf_verification_create(&world.graph, &world.verification));
}

static void assert_found(uint64_t missed, uint64_t dangling, uint64_t floating, uint64_t extra,
			 uint64_t stale)
{
	const struct grf_total *totals = world.verification->totals;

	assert_int_equal(totals[GRF_MISSED].objects, missed);
	assert_int_equal(totals[GRF_DANGLING].objects, dangling);
	assert_int_equal(totals[GRF_FLOATING].objects, floating);
	assert_int_equal(totals[GRF_EXTRA].objects, extra);
	assert_int_equal(totals[GRF_STALE].objects, stale);
	assert_int_equal(totals[GRF_EXTRA].bytes, extra * 16);
	assert_int_equal(world.verification->details.count,
			 missed + dangling + floating + extra + stale);
}

/* ---- tests ---- */

static void test_all_agrees(void **state)
{
	uint64_t one = object(ALIVE), other = object(ALIVE);

	(void)state;
	object(ABSENT);
	in_data(0, one);
	point(one, 1, other + 8);
	verify();
	assert_found(0, 0, 0, 0, 0);
	assert_int_equal(world.verification->agreed.objects, 2);
	assert_true(grf_verification_holds(world.verification));
}

static void test_what_was_not_reached(void **state)
{
	uint64_t one = object(ALIVE), missed = object(MARKED), below = object(MARKED);

	(void)state;
	object(MARKED);
	in_data(3, one);
	point(one, 0, missed);
	point(missed, 0, below);
	verify();
	assert_found(2, 0, 1, 0, 0);
	assert_int_equal(world.verification->details.items[0].referrer, one);
	assert_false(grf_verification_holds(world.verification));
}

static void test_pointers_to_free_slots(void **state)
{
	(void)state;
	on_stack(HEAP_BASE, true);
	verify();
	assert_found(0, 0, 0, 0, 0);
	end(NULL);
	in_data(0, HEAP_BASE + 16);
	on_stack(HEAP_BASE + 32, false);
	verify();
	assert_found(0, 2, 0, 0, 0);
	assert_false(grf_verification_holds(world.verification));
	end(NULL);
	/* One that a thread is taking is none. */
	world.span.unfinished = 1 + 1;
	verify();
	assert_found(0, 1, 0, 0, 0);
}

static void test_floating_is_wrong_only_where_marks_are_exact(void **state)
{
	(void)state;
	object(MARKED);
	verify();
	assert_found(0, 0, 1, 0, 0);
	assert_true(grf_verification_holds(world.verification));
	end(NULL);
	world.exact = true;
	verify();
	assert_false(grf_verification_holds(world.verification));
}

/* An unmarked list that hangs from a frame read conservatively, and may be dead. */
static void test_stale(void **state)
{
	uint64_t first = object(REACHED), second = object(REACHED);

	(void)state;
	on_stack(first, true);
	point(first, 1, second);
	point(second, 1, first);
	verify();
	assert_found(0, 0, 0, 0, 2);
	assert_true(grf_verification_holds(world.verification));
	end(NULL);
	world.exact = true;
	verify();
	assert_found(0, 0, 0, 2, 0);
	assert_false(grf_verification_holds(world.verification));
}

/* Exact marks pass over what was allocated meanwhile, where only a conservative word leads to it.
 */
static void test_allocated_while_marking(void **state)
{
	uint64_t first = object(REACHED), second = object(REACHED), other;
	unsigned int slot = (unsigned int)(first - HEAP_BASE) / 16;

	(void)state;
	world.exact = true;
	world.passed_over[slot] = 1;
	on_stack(first, true);
	point(first, 1, second);
	verify();
	assert_found(0, 0, 0, 0, 2);
	assert_true(grf_verification_holds(world.verification));
	end(NULL);
	/* Another conservative word that leads to what was there before. */
	other = object(REACHED);
	on_stack(other, true);
	verify();
	assert_found(0, 0, 0, 1, 2);
	assert_false(grf_verification_holds(world.verification));
	end(NULL);
	/* A word that a stack map names. */
	on_stack(first, false);
	verify();
	assert_found(0, 0, 0, 3, 0);
}

static void test_what_is_alive_for_sure_is_not_stale(void **state)
{
	uint64_t first, second, alive;

	for (int way = 0; way < 4; way++) {
		begin(state);
		first = object(REACHED);
		second = object(REACHED);
		alive = object(ALIVE);
		in_data(0, alive);
		on_stack(first, true);
		point(first, 0, second);
		if (way == 0)
			on_stack(second, false);
		else if (way == 1)
			in_data(1, second);
		else if (way == 2)
			point(alive, 1, second);
		else
			point(alive, 0, first);
		verify();
		assert_found(0, 0, 0, way == 3 ? 2 : 1, way == 3 ? 0 : 1);
		assert_false(grf_verification_holds(world.verification));
		if (way < 3)
			end(state);
	}
}

/* What nothing at all leads to was reached by mistake. */
static void test_reached_from_nowhere(void **state)
{
	(void)state;
	object(REACHED);
	verify();
	assert_found(0, 0, 0, 1, 0);
	assert_false(grf_verification_holds(world.verification));
}

static void test_without_marks(void **state)
{
	uint64_t one = object(REACHED), missed = object(ABSENT);

	(void)state;
	object(REACHED);
	world.at_gc_point = false;
	in_data(0, one);
	verify();
	assert_found(0, 0, 0, 0, 0);
	assert_int_equal(world.verification->agreed.objects, 2);
	assert_true(grf_verification_holds(world.verification));
	end(NULL);
	point(one, 0, missed);
	verify();
	assert_found(1, 0, 0, 0, 0);
}

/* As tables: totals by kind, and each difference with what leads to it. */
static void test_tables(void **state)
{
	uint64_t missed = object(ABSENT);
	struct grf_view_result totals = {0}, differences = {0};
	struct grf_view_input input = {.graph = &world.graph, .differences = 1};
	union grf_cell cells[GRF_TABLE_COLUMNS];
	char address[32];

	(void)state;
	in_data(3, missed);
	in_data(4, object(ABSENT));
	verify();
	input.verification = world.verification;
	assert_null(grf_view_verification.make(&input, &totals));
	assert_string_equal(totals.tables[0].title,
			    "the reached set is wrong: see below, and report it");
	totals.tables[0].row(totals.tables[0].context, 1, cells);
	assert_int_equal(cells[0].number, 32);
	assert_int_equal(cells[1].number, 2);
	assert_string_equal(cells[3].text, "missed");
	grf_view_verification.destroy(totals.made);
	assert_null(grf_view_differences.make(&input, &differences));
	assert_int_equal(differences.tables[0].row_count, 1);
	assert_int_equal(differences.tables[0].left_out, 1);
	differences.tables[0].row(differences.tables[0].context, 0, cells);
	assert_string_equal(cells[0].text, "missed");
	snprintf(address, sizeof(address), "%#llx", (unsigned long long)missed);
	assert_string_equal(cells[1].text, address);
	assert_int_equal(cells[2].number, 16);
	assert_string_equal(cells[5].text, "yes");
	assert_string_equal(cells[6].text, "0x500018");
	assert_string_equal(cells[7].text, "data segment");
	grf_view_differences.destroy(differences.made);
}

static void count_root(void *context, const struct grf_root_word *word)
{
	assert_true(word->value);
	(*(unsigned int *)context)++;
}

/* A broken mask or stack map does not make roots of what lies beside. */
static void test_roots_are_in_their_segment_and_stack(void **state)
{
	uint64_t target = object(REACHED | MARKED);
	unsigned int count = 0;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		in_data(i, target);
		on_stack(target, false);
	}
	verify();
	grf_graph_roots(&world.graph, count_root, &count);
	assert_int_equal(count, 8);
	world.module.edata = DATA_BASE + 24;
	world.goroutine.stack_high = STACK_BASE + 31;
	world.words[0].address += 4;
	count = 0;
	grf_graph_roots(&world.graph, count_root, &count);
	assert_int_equal(count, 3 + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_all_agrees, begin, end),
	    cmocka_unit_test_setup_teardown(test_what_was_not_reached, begin, end),
	    cmocka_unit_test_setup_teardown(test_pointers_to_free_slots, begin, end),
	    cmocka_unit_test_setup_teardown(test_floating_is_wrong_only_where_marks_are_exact,
					    begin, end),
	    cmocka_unit_test_setup_teardown(test_stale, begin, end),
	    cmocka_unit_test_setup_teardown(test_allocated_while_marking, begin, end),
	    cmocka_unit_test_setup_teardown(test_what_is_alive_for_sure_is_not_stale, begin, end),
	    cmocka_unit_test_setup_teardown(test_reached_from_nowhere, begin, end),
	    cmocka_unit_test_setup_teardown(test_without_marks, begin, end),
	    cmocka_unit_test_setup_teardown(test_tables, begin, end),
	    cmocka_unit_test_setup_teardown(test_roots_are_in_their_segment_and_stack, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
