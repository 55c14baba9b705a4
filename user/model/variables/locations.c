/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Evaluates DWARF location expressions of Go variables in memory.
 *
 * The frame base of Go's functions is the canonical frame address, so a stack slot is DW_OP_fbreg N
 * or DW_OP_call_frame_cfa (cmd/compile/internal/ssa/debug.go, and dwarfgen). A value that was taken
 * apart into words has a piece for each: in registers, in slots, or nowhere. Registers say nothing
 * about a frame that has called another function, and are left out.
 */
#include <dwarf.h>

#include "model/variables/variables_private.h"

#define FRAME_MAX  (INT64_C(1) << 31) /* no slot is farther from the frame's base */
#define PLACES_MAX (1 << 16)          /* in one function */

enum part { PART_EMPTY, PART_MEMORY, PART_OTHER };

struct evaluation {
	enum part part;
	int64_t offset;
	bool have_operand;
	int64_t operand;
};

static void step_sum(struct evaluation *at, int64_t summand)
{
	if (at->part != PART_MEMORY || summand > FRAME_MAX || summand < -FRAME_MAX)
		at->part = PART_OTHER;
	else
		at->offset += summand;
	if (at->offset > FRAME_MAX || at->offset < -FRAME_MAX) {
		at->part = PART_OTHER;
		at->offset = 0;
	}
}

static void step_operand(struct evaluation *at, const Dwarf_Op *operation)
{
	if (at->part != PART_MEMORY || at->have_operand)
		at->part = PART_OTHER;
	at->have_operand = true;
	at->operand = (int64_t)operation->number;
}

static void evaluate_step(struct evaluation *at, const Dwarf_Op *operation)
{
	switch (operation->atom) {
	case DW_OP_call_frame_cfa:
		at->part = at->part == PART_EMPTY ? PART_MEMORY : PART_OTHER;
		break;
	case DW_OP_fbreg:
		at->part = at->part == PART_EMPTY ? PART_MEMORY : PART_OTHER;
		step_sum(at, (int64_t)operation->number);
		break;
	case DW_OP_plus_uconst:
		step_sum(at, (int64_t)operation->number);
		break;
	case DW_OP_consts:
	case DW_OP_constu:
	case DW_OP_const1s:
	case DW_OP_const1u:
	case DW_OP_const2s:
	case DW_OP_const2u:
	case DW_OP_const4s:
	case DW_OP_const4u:
	case DW_OP_const8s:
		step_operand(at, operation);
		break;
	case DW_OP_plus:
		step_sum(at, at->have_operand ? at->operand : INT64_MAX);
		at->have_operand = false;
		break;
	default:
		at->part = PART_OTHER;
	}
}

static void add_place(struct grf_places *places, const struct evaluation *at, uint64_t low,
		      uint64_t high, uint64_t piece_offset, uint64_t size)
{
	struct grf_place *place;

	if (at->part != PART_MEMORY || at->have_operand || !size || size > FRAME_MAX ||
	    low >= high || places->array.count >= PLACES_MAX)
		return;
	place = grf_array_add(&places->array);
	if (!place)
		return;
	place->low = low;
	place->high = high;
	place->offset = at->offset;
	place->piece_offset = piece_offset;
	place->size = size;
}

void grf_places_add(struct grf_places *places, const Dwarf_Op *operations, size_t count,
		    uint64_t low, uint64_t high, uint64_t size)
{
	struct evaluation at = {0};
	uint64_t piece_offset = 0;
	bool pieces = false;

	for (size_t i = 0; i < count; i++) {
		uint64_t piece = operations[i].number;

		if (operations[i].atom != DW_OP_piece) {
			evaluate_step(&at, &operations[i]);
			continue;
		}
		pieces = true;
		if (piece > size || piece_offset > size - piece)
			return;
		add_place(places, &at, low, high, piece_offset, piece);
		piece_offset += piece;
		at = (struct evaluation){0};
	}
	if (!pieces)
		add_place(places, &at, low, high, 0, size);
}

bool grf_expression_read(Dwarf_Attribute *attribute, Dwarf_Op **ret, size_t *ret_count)
{
	Dwarf_Attribute expression = *attribute;

	if (expression.form == DW_FORM_block1 && expression.valp && *expression.valp < 0x80)
		expression.form = DW_FORM_exprloc;
	return dwarf_getlocation(&expression, ret, ret_count) == 0;
}

void grf_places_read(struct grf_places *places, Dwarf_Attribute *location, uint64_t low,
		     uint64_t high, uint64_t size)
{
	Dwarf_Addr base, start, end;
	Dwarf_Block block;
	Dwarf_Op *operations;
	ptrdiff_t at = 0;
	size_t count;

	if (dwarf_formblock(location, &block) == 0) {
		if (grf_expression_read(location, &operations, &count))
			grf_places_add(places, operations, count, low, high, size);
		return;
	}
	while ((at = dwarf_getlocations(location, at, &base, &start, &end, &operations, &count)) >
	       0)
		grf_places_add(places, operations, count, start, end, size);
}
