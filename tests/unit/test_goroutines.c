/* SPDX-License-Identifier: BSD-2-Clause */
/* Goroutines in their states, on stacks, functions and runtime structures made by hand; and lists
 * that lead nowhere or in circles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "go_code.h"
#include "image/parts.h"
#include "model/stacks/goroutine_records.h"
#include "model/stacks/goroutines.h"
#include "model/stacks/scheduler.h"

#define STACK_LOW  (GO_CODE_BASE + 0x10000)
#define STACK_HIGH (STACK_LOW + 0x1000)
#define ALLGS      (GO_CODE_BASE + 0x12000)
#define ALLM       (GO_CODE_BASE + 0x12020)
#define ALLP       (GO_CODE_BASE + 0x12028)
#define GS         (GO_CODE_BASE + 0x12100)
#define G          (GO_CODE_BASE + 0x13000)
#define M          (GO_CODE_BASE + 0x14000)
#define DEFER      (GO_CODE_BASE + 0x15000)
#define SUDOG      (GO_CODE_BASE + 0x15200)
#define HCHAN      (GO_CODE_BASE + 0x15400)
#define VECTORS    (GO_CODE_BASE + 0x15800)
#define FUNCTION   UINT64_C(0xc000001000)
#define TID        77

static struct go_code code;
static uint64_t top, inner;
static struct grf_goroutines *goroutines;

#define PUT(address, structure, field, value)                                                      \
	GO_CODE_PUT(&code, address, structure, field, value, 8)

/* main.inner, called by main.top, which has no caller. Goroutine 7 stands in it. */
static void begin(uint32_t status)
{
	uint64_t sp = STACK_HIGH - 0x200, gobuf;

	go_code_begin(&code, "go1.26.8");
	top = go_code_add(&code, &(struct go_function){
				     .name = "main.top",
				     .size = 0x40,
				     .pcsp = GO_CODE_VALUES(&code, 0, 4, 0x10, 0x3c),
				     .flag = 1,
				 });
	inner = go_code_add(&code, &(struct go_function){
				       .name = "main.inner",
				       .size = 0x40,
				       .pcsp = GO_CODE_VALUES(&code, 0, 4, 0x20, 0x3c),
				   });
	go_code_put(&code, ALLGS, GS, 8);
	go_code_put(&code, ALLGS + 8, 1, 8);
	go_code_put(&code, GS, G, 8);
	PUT(G, g, goid, 7);
	PUT(G, g, startpc, top);
	GO_CODE_PUT(&code, G, g, atomicstatus, status, 4);
	PUT(G + (uint64_t)grf_offset(&code.layout, g, stack), stack, lo, STACK_LOW);
	PUT(G + (uint64_t)grf_offset(&code.layout, g, stack), stack, hi, STACK_HIGH);
	gobuf = G + (uint64_t)grf_offset(&code.layout, g, sched);
	PUT(gobuf, gobuf, pc, inner + 0x20);
	PUT(gobuf, gobuf, sp, sp);
	go_code_put(&code, sp + 0x20, top + 0x20, 8);
}

static void read_all(void)
{
	go_code_ready(&code);
	assert_null(grf_goroutines_read(code.image, &code.layout, &code.modules, code.table, ALLGS,
					ALLM, &goroutines));
}

static void end(void)
{
	grf_goroutines_destroy(goroutines);
	goroutines = NULL;
	go_code_end(&code);
}

static void assert_two_frames(void)
{
	const struct grf_goroutine *one = goroutines->items;

	assert_int_equal(goroutines->count, 1);
	assert_null(one->failure);
	assert_int_equal(one->frame_count, 2);
	assert_string_equal(one->frames[0].function->name, "main.inner");
	assert_string_equal(one->frames[1].function->name, "main.top");
}

static void test_one_that_waits(void **state)
{
	(void)state;
	begin(4 | 0x1000); /* being scanned */
	read_all();
	assert_two_frames();
	assert_int_equal(goroutines->items[0].id, 7);
	assert_int_equal(goroutines->items[0].status, 4);
	assert_false(goroutines->items[0].system);
	assert_int_equal(goroutines->items[0].tid, 0);
	end();
}

static void test_one_in_a_system_call(void **state)
{
	(void)state;
	begin(3);
	PUT(G + (uint64_t)grf_offset(&code.layout, g, sched), gobuf, pc, 0);
	PUT(G, g, syscallpc, inner + 0x20);
	PUT(G, g, syscallsp, STACK_HIGH - 0x200);
	read_all();
	assert_two_frames();
	end();
}

static void test_one_that_runs(void **state)
{
	struct grf_thread *thread;

	(void)state;
	begin(2);
	PUT(G + (uint64_t)grf_offset(&code.layout, g, sched), gobuf, pc, 1);
	PUT(G, g, m, M);
	go_code_put(&code, ALLM, M, 8);
	PUT(M, m, procid, TID);
	PUT(M, m, curg, G);
	go_code_ready(&code);
	thread = grf_array_add(&code.image->threads);
	assert_non_null(thread);
	*thread = (struct grf_thread){
	    .tid = TID, .pc = inner + 0x20, .sp = STACK_HIGH - 0x200, .general_count = 2};
	thread->general[1] = FUNCTION;
	assert_null(grf_goroutines_read(code.image, &code.layout, &code.modules, code.table, ALLGS,
					ALLM, &goroutines));
	assert_two_frames();
	assert_int_equal(goroutines->items[0].tid, TID);
	/* What is in its registers may be a pointer; 0 is none. */
	assert_int_equal(goroutines->items[0].value_count, 1);
	assert_int_equal(goroutines->items[0].values[0].value, FUNCTION);
	assert_true(goroutines->items[0].values[0].conservative);
	end();
}

/* Preempted anywhere: what its vector registers hold stands outside of its stack. It is a root
 * where the collector has a function that scans it. */
static void test_vector_registers(void **state)
{
	const struct grf_goroutine *one;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		bool asynchronous = i & 1, scanned = i & 2;

		begin(9);
		if (scanned)
			go_code_add(&code,
				    &(struct go_function){.name = "runtime.xRegScan", .size = 64});
		GO_CODE_PUT(&code, G, g, async_safe_point, asynchronous, 1);
		PUT(G + (uint64_t)grf_offset(&code.layout, g, x_regs), x_reg_per_g, state, VECTORS);
		go_code_put(&code, VECTORS + 0x40, FUNCTION, 8);
		read_all();
		assert_two_frames();
		one = goroutines->items;
		assert_int_equal(one->value_count, asynchronous && scanned);
		if (one->value_count) {
			assert_int_equal(one->values[0].value, FUNCTION);
			assert_int_equal(one->values[0].kind, GRF_VALUE_REGISTER);
			assert_true(one->values[0].conservative);
		}
		end();
	}
}

static void test_dead_ones_are_left_out(void **state)
{
	static const uint32_t dead[] = {0, 6, 11};

	(void)state;
	for (size_t i = 0; i < sizeof(dead) / sizeof(*dead); i++) {
		begin(dead[i]);
		read_all();
		assert_int_equal(goroutines->count, 0);
		end();
	}
}

static void test_what_it_defers_and_waits_for(void **state)
{
	const struct grf_goroutine *one;

	(void)state;
	begin(4);
	PUT(G, g, defer, DEFER);
	PUT(DEFER, defer, fn, FUNCTION);
	PUT(DEFER, defer, sp, STACK_HIGH - 0x200);
	PUT(G, g, waiting, SUDOG);
	PUT(SUDOG, sudog, elem, STACK_LOW + 0x100);
	PUT(SUDOG, sudog, c, HCHAN);
	PUT(HCHAN, hchan, elemtype, 0x1234);
	read_all();
	one = goroutines->items;
	assert_int_equal(one->value_count, 2);
	assert_int_equal(one->values[0].kind, GRF_VALUE_DEFER);
	assert_int_equal(one->values[0].value, FUNCTION);
	assert_int_equal(one->values[1].kind, GRF_VALUE_DEFER_RECORD);
	assert_int_equal(one->wait_count, 1);
	assert_int_equal(one->waits[0].address, STACK_LOW + 0x100);
	assert_int_equal(one->waits[0].descriptor, 0x1234);
	end();
}

static void test_values_outside_its_stack_are_not_waited_for(void **state)
{
	(void)state;
	begin(4);
	PUT(G, g, waiting, SUDOG);
	PUT(SUDOG, sudog, elem, STACK_HIGH);
	PUT(SUDOG, sudog, c, HCHAN);
	PUT(HCHAN, hchan, elemtype, 0x1234);
	read_all();
	assert_int_equal(goroutines->items[0].wait_count, 0);
	end();
}

static void test_circles_end(void **state)
{
	struct grf_scheduler scheduler;

	(void)state;
	begin(4);
	PUT(G, g, defer, DEFER);
	PUT(DEFER, defer, link, DEFER);
	PUT(G, g, waiting, SUDOG);
	PUT(SUDOG, sudog, waitlink, SUDOG);
	go_code_put(&code, ALLM, M, 8);
	PUT(M, m, alllink, M);
	read_all();
	assert_int_equal(goroutines->count, 1);
	assert_true(grf_scheduler_read(code.image, &code.layout, ALLGS, ALLM, ALLP, &scheduler));
	assert_int_equal(scheduler.addresses.items[0], G);
	grf_scheduler_free(&scheduler);
	end();
}

static void test_stacks_that_cannot_be(void **state)
{
	static const uint64_t bounds[][2] = {
	    {STACK_HIGH, STACK_LOW}, {0x10, 0x20}, {0, UINT64_MAX}, {STACK_LOW, STACK_LOW}};

	(void)state;
	for (size_t i = 0; i < sizeof(bounds) / sizeof(*bounds); i++) {
		begin(4);
		go_code_put(&code, G + (uint64_t)grf_offset(&code.layout, g, stack), bounds[i][0],
			    8);
		go_code_put(&code, G + (uint64_t)grf_offset(&code.layout, g, stack) + 8,
			    bounds[i][1], 8);
		read_all();
		assert_int_equal(goroutines->count, 1);
		assert_int_equal(goroutines->broken, 1);
		assert_non_null(goroutines->items[0].failure);
		end();
	}
}

/* Where it stands is not known: all of its stack may be pointers. */
static void test_no_place_in_its_stack(void **state)
{
	(void)state;
	begin(4);
	PUT(G + (uint64_t)grf_offset(&code.layout, g, sched), gobuf, sp, STACK_HIGH + 8);
	go_code_put(&code, STACK_LOW + 0x40, FUNCTION, 8);
	read_all();
	assert_non_null(goroutines->items[0].failure);
	assert_true(goroutines->items[0].word_count >= 1);
	assert_true(goroutines->items[0].words[0].conservative);
	end();
}

/* While it is copied its own pointers may still lead to the old one: none of its maps is used. */
static void test_one_whose_stack_is_copied(void **state)
{
	uint64_t sp = STACK_HIGH - 0x200;

	(void)state;
	begin(8);
	go_code_put(&code, sp + 0x30, FUNCTION, 8);
	go_code_put(&code, sp - 8, FUNCTION, 8);
	read_all();
	assert_non_null(goroutines->items[0].failure);
	assert_int_equal(goroutines->items[0].frame_count, 0);
	assert_int_equal(goroutines->lost, 0);
	assert_int_equal(goroutines->items[0].words[0].address, sp);
	assert_true(goroutines->items[0].word_count > 6);
	assert_true(goroutines->items[0].words[6].conservative);
	end();
}

/* Two segments that do not lie side by side in our memory. */
static void test_a_stack_in_pieces(void **state)
{
	uint64_t middle = STACK_HIGH - 0x1f0;
	size_t before = middle - GO_CODE_BASE, after = GO_CODE_BYTES - before;
	uint8_t *copy = malloc(after);
	struct grf_segment segments[2] = {
	    {GO_CODE_BASE, middle, GRF_SEGMENT_READ, NULL},
	    {middle, GO_CODE_BASE + GO_CODE_BYTES, GRF_SEGMENT_READ, copy},
	};
	struct grf_image *whole;

	(void)state;
	begin(4);
	go_code_ready(&code);
	whole = code.image;
	segments[0].data = code.memory;
	memcpy(copy, code.memory + before, after);
	assert_null(grf_image_from_segments(&grf_arch_amd64, segments, 2, &code.image));
	assert_null(grf_goroutines_read(code.image, &code.layout, &code.modules, code.table, ALLGS,
					ALLM, &goroutines));
	assert_int_equal(goroutines->broken, 0);
	assert_int_equal(goroutines->items[0].frame_count, 2);
	assert_memory_equal(goroutines->items[0].memory, code.memory + (STACK_LOW - GO_CODE_BASE),
			    STACK_HIGH - STACK_LOW);
	grf_goroutines_destroy(goroutines);
	grf_image_destroy(code.image);

	/* Not all of it is there. */
	segments[1].start += 8;
	segments[1].data += 8;
	assert_null(grf_image_from_segments(&grf_arch_amd64, segments, 2, &code.image));
	assert_null(grf_goroutines_read(code.image, &code.layout, &code.modules, code.table, ALLGS,
					ALLM, &goroutines));
	assert_int_equal(goroutines->lost, 1);
	grf_image_destroy(code.image);
	code.image = whole;
	free(copy);
	end();
}

static void test_too_many(void **state)
{
	struct grf_error *error;

	(void)state;
	begin(4);
	go_code_put(&code, ALLGS + 8, UINT64_MAX / 8, 8);
	go_code_ready(&code);
	error = grf_goroutines_read(code.image, &code.layout, &code.modules, code.table, ALLGS,
				    ALLM, &goroutines);
	assert_non_null(error);
	assert_int_equal(error->code, GRF_ERROR_BAD_INPUT);
	grf_error_free(error);
	end();
}

/* What was taken at the stop, as the g that begin() makes has it. */
static struct grf_goroutine_record taken(void)
{
	return (struct grf_goroutine_record){.g = G,
					     .status = 4,
					     .id = 7,
					     .low = STACK_LOW,
					     .high = STACK_HIGH,
					     .sp = STACK_HIGH - 0x200,
					     .pc = inner + 0x20};
}

static bool other_fields; /* the records are of another layout */

/* Reads an image with `record` beside its memory. */
static struct grf_error *read_with(const struct grf_goroutine_record *record)
{
	struct grf_image_parts *parts = calloc(1, sizeof(*parts));

	assert_non_null(parts);
	parts->goroutines = malloc(sizeof(*record));
	assert_non_null(parts->goroutines);
	parts->goroutines[parts->goroutine_count++] = *record;
	assert_true(grf_goroutine_fields_find(&code.layout, &parts->goroutine_fields));
	parts->goroutine_fields.sp += other_fields ? 8 : 0;
	go_code_ready(&code);
	code.image->parts = parts;
	return grf_goroutines_read(code.image, &code.layout, &code.modules, code.table, ALLGS, ALLM,
				   &goroutines);
}

static void test_a_record_of_the_stop(void **state)
{
	struct grf_goroutine_record record;

	(void)state;
	begin(4);
	record = taken();
	assert_null(read_with(&record));
	assert_two_frames();
	assert_int_equal(goroutines->items[0].id, 7);
	end();
	/* One of another g says nothing of this one. */
	begin(4);
	record.g = G + 8;
	assert_null(read_with(&record));
	assert_two_frames();
	end();
}

/* Taken by the layout of another release, a record says nothing. */
static void test_records_by_other_fields(void **state)
{
	struct grf_goroutine_record record;

	(void)state;
	begin(4);
	record = taken();
	record.sp ^= 8;
	other_fields = true;
	assert_null(read_with(&record));
	other_fields = false;
	assert_two_frames();
	end();
}

/* Any word of a g that is not what it was at the stop makes the copy one of two instants. */
static void test_a_torn_image(void **state)
{
	static const size_t words[] = {
	    offsetof(struct grf_goroutine_record, status),
	    offsetof(struct grf_goroutine_record, id),
	    offsetof(struct grf_goroutine_record, low),
	    offsetof(struct grf_goroutine_record, high),
	    offsetof(struct grf_goroutine_record, sp),
	    offsetof(struct grf_goroutine_record, pc),
	    offsetof(struct grf_goroutine_record, bp),
	    offsetof(struct grf_goroutine_record, syscall_sp),
	    offsetof(struct grf_goroutine_record, syscall_pc),
	    offsetof(struct grf_goroutine_record, syscall_bp),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		struct grf_goroutine_record record;
		struct grf_error *error;

		begin(4);
		record = taken();
		*(uint64_t *)(void *)((uint8_t *)&record + words[i]) ^= 8;
		error = read_with(&record);
		assert_non_null(error);
		assert_int_equal(error->code, GRF_ERROR_TORN);
		assert_non_null(strstr(error->message, "the copy is torn"));
		assert_null(strchr(error->message, '\n'));
		grf_error_free(error);
		end();
	}
}

/* Reads an image of which [start, end) was left out. */
static struct grf_error *read_without(uint64_t start, uint64_t end)
{
	struct grf_image_parts *parts = calloc(1, sizeof(*parts));

	assert_non_null(parts);
	parts->left_out = malloc(sizeof(*parts->left_out));
	assert_non_null(parts->left_out);
	parts->left_out[parts->left_out_count++] = (struct grf_run){start, end};
	go_code_ready(&code);
	code.image->parts = parts;
	return grf_goroutines_read(code.image, &code.layout, &code.modules, code.table, ALLGS, ALLM,
				   &goroutines);
}

static void expect_torn(struct grf_error *error, const char *what)
{
	assert_non_null(error);
	assert_int_equal(error->code, GRF_ERROR_TORN);
	assert_non_null(strstr(error->message, what));
	grf_error_free(error);
	end();
}

/* What a stack does not use may be missing; what it uses does not read as zeros, and neither does
 * the list of goroutines. */
static void test_what_was_left_out(void **state)
{
	const uint64_t sp = STACK_HIGH - 0x200;

	(void)state;
	begin(4);
	assert_null(read_without(STACK_LOW, sp));
	assert_two_frames();
	end();
	begin(4);
	expect_torn(read_without(STACK_LOW, sp + 8), "the stack of goroutine 7");
	begin(4);
	expect_torn(read_without(STACK_HIGH - 0x100, STACK_HIGH - 0x80),
		    "the stack of goroutine 7");
	/* Where it stands is not known: all of it may be in use. */
	begin(4);
	PUT(G + (uint64_t)grf_offset(&code.layout, g, sched), gobuf, pc, 0);
	expect_torn(read_without(STACK_LOW, STACK_LOW + 0x100), "the stack of goroutine 7");
	begin(4);
	expect_torn(read_without(GS, GS + 8), "the list of goroutines");
}

static void test_where_the_fields_of_a_record_are(void **state)
{
	struct grf_goroutine_fields fields;

	(void)state;
	begin(4);
	assert_true(grf_goroutine_fields_find(&code.layout, &fields));
	assert_int_equal(fields.low, 0);
	assert_int_equal(fields.high, 8);
	assert_int_equal(fields.status, grf_offset(&code.layout, g, atomicstatus));
	/* One too far from the beginning, and one that nobody knows. */
	grf_offset(&code.layout, g, goid) = GRF_G_BYTES;
	assert_false(grf_goroutine_fields_find(&code.layout, &fields));
	grf_offset(&code.layout, g, goid) = -1;
	assert_false(grf_goroutine_fields_find(&code.layout, &fields));
	go_code_ready(&code);
	end();
	/* A release without syscallbp, as those before 1.23, has records all the same. */
	begin(4);
	grf_offset(&code.layout, g, syscallbp) = -1;
	assert_true(grf_goroutine_fields_find(&code.layout, &fields));
	assert_int_equal(fields.syscall_bp, GRF_G_NO_FIELD);
	go_code_ready(&code);
	end();
}

static void test_the_scheduler_s_own(void **state)
{
	struct grf_scheduler scheduler;

	(void)state;
	begin(4);
	go_code_put(&code, ALLM, M, 8);
	PUT(M, m, g0, G + 0x800);
	go_code_put(&code, ALLP, GO_CODE_BASE + 0x12200, 8);
	go_code_put(&code, ALLP + 8, 2, 8);
	go_code_put(&code, GO_CODE_BASE + 0x12200, 0x1111, 8);
	go_code_put(&code, GO_CODE_BASE + 0x12208, 0x2222, 8);
	go_code_ready(&code);
	assert_true(grf_scheduler_read(code.image, &code.layout, ALLGS, ALLM, ALLP, &scheduler));
	assert_int_equal(scheduler.addresses.count, 5);
	grf_scheduler_free(&scheduler);
	/* A slice that is nowhere has nothing. */
	go_code_put(&code, ALLP, 0x10, 8);
	assert_true(grf_scheduler_read(code.image, &code.layout, 0, 0, ALLP, &scheduler));
	assert_int_equal(scheduler.addresses.count, 0);
	grf_scheduler_free(&scheduler);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_that_waits),
	    cmocka_unit_test(test_one_in_a_system_call),
	    cmocka_unit_test(test_one_that_runs),
	    cmocka_unit_test(test_vector_registers),
	    cmocka_unit_test(test_dead_ones_are_left_out),
	    cmocka_unit_test(test_what_it_defers_and_waits_for),
	    cmocka_unit_test(test_values_outside_its_stack_are_not_waited_for),
	    cmocka_unit_test(test_circles_end),
	    cmocka_unit_test(test_stacks_that_cannot_be),
	    cmocka_unit_test(test_no_place_in_its_stack),
	    cmocka_unit_test(test_one_whose_stack_is_copied),
	    cmocka_unit_test(test_a_stack_in_pieces),
	    cmocka_unit_test(test_too_many),
	    cmocka_unit_test(test_a_record_of_the_stop),
	    cmocka_unit_test(test_records_by_other_fields),
	    cmocka_unit_test(test_a_torn_image),
	    cmocka_unit_test(test_what_was_left_out),
	    cmocka_unit_test(test_where_the_fields_of_a_record_are),
	    cmocka_unit_test(test_the_scheduler_s_own),
	};

	return cmocka_run_group_tests_name("goroutines", tests, NULL, NULL);
}
