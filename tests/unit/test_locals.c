/* SPDX-License-Identifier: BSD-2-Clause */
/* Where variables are in a frame, and which of them name its words first. */
#include <dwarf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* For what stands between DWARF and the answer, which has no interface of its own. */
#include "model/variables/locals.c"

/* --- location expressions --- */

#define LOW  UINT64_C(0x401000)
#define HIGH UINT64_C(0x401080)

static struct grf_places evaluate(const Dwarf_Op *operations, size_t count, uint64_t size)
{
	struct grf_places places = {0};

	grf_places_add(&places, operations, count, LOW, HIGH, size);
	return places;
}

static void check_place(const struct grf_places *places, size_t index, int64_t offset,
			uint64_t piece_offset, uint64_t size)
{
	const struct grf_place *place = &places->array.items[index];

	assert_true(index < places->array.count);
	assert_int_equal(place->low, LOW);
	assert_int_equal(place->high, HIGH);
	assert_int_equal(place->offset, offset);
	assert_int_equal(place->piece_offset, piece_offset);
	assert_int_equal(place->size, size);
}

static void check_single(const Dwarf_Op *operations, size_t count, int64_t offset)
{
	struct grf_places places = evaluate(operations, count, 24);

	assert_int_equal(places.array.count, 1);
	check_place(&places, 0, offset, 0, 24);
	grf_array_free(&places.array);
}

static void test_whole(void **state)
{
	const Dwarf_Op slot[] = {{.atom = DW_OP_fbreg, .number = (Dwarf_Word)-40}};
	const Dwarf_Op frame[] = {{.atom = DW_OP_call_frame_cfa}};
	const Dwarf_Op sum[] = {{.atom = DW_OP_call_frame_cfa},
				{.atom = DW_OP_consts, .number = (Dwarf_Word)-64},
				{.atom = DW_OP_plus}};
	const Dwarf_Op above[] = {{.atom = DW_OP_call_frame_cfa},
				  {.atom = DW_OP_plus_uconst, .number = 16}};

	(void)state;
	check_single(slot, 1, -40);
	check_single(frame, 1, 0);
	check_single(sum, 3, -64);
	check_single(above, 2, 16);
}

static void test_pieces(void **state)
{
	/* A slice: pointer in a slot, length in a register, capacity at the frame's address. */
	const Dwarf_Op slice[] = {{.atom = DW_OP_fbreg, .number = (Dwarf_Word)-88},
				  {.atom = DW_OP_piece, .number = 8},
				  {.atom = DW_OP_reg3},
				  {.atom = DW_OP_piece, .number = 8},
				  {.atom = DW_OP_call_frame_cfa},
				  {.atom = DW_OP_piece, .number = 8}};
	/* A string whose pointer was optimised away. */
	const Dwarf_Op string[] = {{.atom = DW_OP_piece, .number = 8},
				   {.atom = DW_OP_fbreg, .number = (Dwarf_Word)-8},
				   {.atom = DW_OP_piece, .number = 8}};
	struct grf_places places = evaluate(slice, 6, 24);

	(void)state;
	assert_int_equal(places.array.count, 2);
	check_place(&places, 0, -88, 0, 8);
	check_place(&places, 1, 0, 16, 8);
	grf_array_free(&places.array);
	places = evaluate(string, 3, 16);
	assert_int_equal(places.array.count, 1);
	check_place(&places, 0, -8, 8, 8);
	grf_array_free(&places.array);
}

static void check_nowhere(const Dwarf_Op *operations, size_t count)
{
	struct grf_places places = evaluate(operations, count, 16);

	assert_int_equal(places.array.count, 0);
	grf_array_free(&places.array);
}

static void test_nowhere(void **state)
{
	const Dwarf_Op in_register[] = {{.atom = DW_OP_reg0}};
	const Dwarf_Op computed[] = {{.atom = DW_OP_fbreg, .number = 8}, {.atom = DW_OP_deref}};
	const Dwarf_Op large[] = {{.atom = DW_OP_fbreg, .number = 8},
				  {.atom = DW_OP_piece, .number = 17}};
	const Dwarf_Op huge[] = {{.atom = DW_OP_fbreg, .number = 8},
				 {.atom = DW_OP_piece, .number = UINT64_MAX}};
	const Dwarf_Op far_away[] = {{.atom = DW_OP_fbreg, .number = UINT64_C(1) << 63}};
	const Dwarf_Op no_base[] = {{.atom = DW_OP_consts, .number = 8}, {.atom = DW_OP_plus}};
	const Dwarf_Op unfinished[] = {{.atom = DW_OP_call_frame_cfa},
				       {.atom = DW_OP_consts, .number = 8}};
	const Dwarf_Op twice[] = {{.atom = DW_OP_fbreg, .number = 8},
				  {.atom = DW_OP_fbreg, .number = 8}};

	(void)state;
	check_nowhere(in_register, 1);
	check_nowhere(computed, 2);
	check_nowhere(large, 2);
	check_nowhere(huge, 2);
	check_nowhere(far_away, 1);
	check_nowhere(no_base, 2);
	check_nowhere(unfinished, 2);
	check_nowhere(twice, 2);
	check_nowhere(NULL, 0);
}

/* --- the order of the answer --- */

static struct grf_type pointer = {.name = "*T", .size = 8, .planned = true};

static void add_variable(struct grf_frame_description *description, const char *name,
			 uint32_t scope, uint64_t low, uint64_t high, int64_t offset)
{
	struct grf_frame_variable *variable = grf_array_add(&description->variables);
	struct grf_place *place = grf_array_add(&description->places.array);

	assert_non_null(variable);
	assert_non_null(place);
	*variable = (struct grf_frame_variable){.name = name,
						.type = &pointer,
						.size = 8,
						.scope = scope,
						.slot_only = is_component(name),
						.first_place = description->places.array.count - 1,
						.place_count = 1};
	*place = (struct grf_place){low, high, offset, 0, 8};
}

static uint32_t new_scope(struct grf_frame_description *description, const char *function,
			  uint32_t depth, uint64_t low, uint64_t high)
{
	struct grf_frame_scope *scope = grf_array_add(&description->scopes);
	struct grf_frame_range *range = grf_array_add(&description->ranges);

	assert_non_null(scope);
	assert_non_null(range);
	*range = (struct grf_frame_range){low, high};
	*scope = (struct grf_frame_scope){function, depth, description->ranges.count - 1, 1};
	return description->scopes.count - 1;
}

static void check_order(const struct grf_frame_description *description, uint64_t pc,
			const char *const *names, size_t valid)
{
	struct grf_frame_locals frame = {0};
	size_t count = 0;

	grf_frame_fill(NULL, description, pc, &frame);
	for (; names[count]; count++) {
		assert_true(count < frame.count);
		assert_string_equal(frame.items[count].name, names[count]);
		assert_int_equal(frame.items[count].stale_range, count >= valid);
	}
	assert_int_equal(frame.count, count);
	free(frame.items);
	free(frame.dictionary_entries);
}

static void test_order(void **state)
{
	static const char *const inside[] = {"inner", "whole",       "ended",     "ended early",
					     "later", "other scope", "whole.len", NULL};
	static const char *const outside[] = {"whole", "ended",       "ended early", "later",
					      "inner", "other scope", "whole.len",   NULL};
	struct grf_frame_description *description = calloc(1, sizeof(*description));
	uint32_t function, block, other;

	(void)state;
	assert_non_null(description);
	function = new_scope(description, "main.f", 0, 0x1000, 0x2000);
	block = new_scope(description, "main.inlined", 1, 0x1400, 0x1600);
	other = new_scope(description, "main.f", 1, 0x1800, 0x1900);
	add_variable(description, "other scope", other, 0x1800, 0x1900, -56);
	add_variable(description, "whole.len", function, 0x1000, 0x2000, -8);
	add_variable(description, "ended early", function, 0x1000, 0x1100, -40);
	add_variable(description, "later", function, 0x1500, 0x1600, -48);
	add_variable(description, "ended", function, 0x1000, 0x1300, -32);
	add_variable(description, "whole", function, 0x1000, 0x2000, -8);
	add_variable(description, "inner", block, 0x1400, 0x1600, -16);
	check_order(description, 0x1450, inside, 2);
	check_order(description, 0x1350, outside, 1);
	destroy_description(description);
}

/* A variable that is in the same slot in several ranges is told once. */
static void test_repeated(void **state)
{
	static const char *const names[] = {"x", NULL};
	struct grf_frame_description *description = calloc(1, sizeof(*description));
	struct grf_place *place;
	uint32_t function;

	(void)state;
	assert_non_null(description);
	function = new_scope(description, "main.f", 0, 0x1000, 0x2000);
	add_variable(description, "x", function, 0x1000, 0x1100, -8);
	place = grf_array_add(&description->places.array);
	assert_non_null(place);
	*place = (struct grf_place){0x1200, 0x1300, -8, 0, 8};
	description->variables.items[0].place_count = 2;
	check_order(description, 0x1250, names, 1);
	check_order(description, 0x1150, names, 0);
	destroy_description(description);
}

static void test_hidden(void **state)
{
	(void)state;
	assert_false(is_hidden(".dict"));
	assert_true(is_hidden(".autotmp_4.ptr"));
	assert_false(is_hidden(".this"));
	assert_false(is_hidden("~r0"));
	assert_false(is_hidden("x"));
	assert_true(is_component("k.len"));
	assert_false(is_component("k"));
	assert_false(is_component(".this"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole),    cmocka_unit_test(test_pieces),
	    cmocka_unit_test(test_nowhere),  cmocka_unit_test(test_order),
	    cmocka_unit_test(test_repeated), cmocka_unit_test(test_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
