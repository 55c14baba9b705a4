/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds where captured variables are in a closure object, for compilers that do not write it in
 * DWARF (up to Go 1.22).
 *
 * A closure's function gets the address of its object. From the object it loads the values that it
 * captured, and the pointers to variables that it captured by reference. With optimisation, the
 * variable's location list begins with "in that register" at the instruction behind the load.
 * Without, the function begins by storing each value in the variable's slot in the frame. Closure
 * objects that do not escape are made in the frame, which DWARF does not tell either.
 *
 * This does not decode code: the architecture recognises instructions by their bytes, and the
 * caller uses an offset only where a field of the right type begins.
 */
#include <dwarf.h>

#include "arch/arch.h"
#include "image/image.h"
#include "model/variables/closure_loads.h"
#include "model/variables/variables_private.h"

void grf_closure_loads_read(struct grf_closure_loads *loads, const struct grf_arch *arch,
			    const struct grf_code *code)
{
	loads->arch = arch;
	loads->code = *code;
	arch->closure_stores(code, &loads->stores);
}

static uint64_t less_piece(uint64_t offset, uint64_t piece_offset)
{
	if (offset == GRF_CLOSURE_OFFSET_UNKNOWN || offset < piece_offset + 8)
		return GRF_CLOSURE_OFFSET_UNKNOWN;
	return offset - piece_offset;
}

/* The offset by the first entry of a location list, when that is a register. */
static uint64_t offset_by_register(const struct grf_closure_loads *loads, Dwarf_Attribute *location)
{
	Dwarf_Addr base, start, end;
	uint64_t piece_offset = 0;
	Dwarf_Op *operations;
	size_t count;

	if (dwarf_getlocations(location, 0, &base, &start, &end, &operations, &count) <= 0 ||
	    start < loads->code.address)
		return GRF_CLOSURE_OFFSET_UNKNOWN;
	for (size_t i = 0; i < count; i++) {
		if (operations[i].atom >= DW_OP_reg0 && operations[i].atom <= DW_OP_reg31)
			return less_piece(
			    loads->arch->closure_load(&loads->code, start - loads->code.address,
						      operations[i].atom - DW_OP_reg0),
			    piece_offset);
		if (operations[i].atom != DW_OP_piece ||
		    operations[i].number > GRF_CLOSURE_OFFSET_MAX)
			break;
		piece_offset += operations[i].number;
	}
	return GRF_CLOSURE_OFFSET_UNKNOWN;
}

/* The offset by the variable's slot in the frame. */
static uint64_t offset_by_slot(const struct grf_closure_loads *loads, Dwarf_Attribute *location,
			       uint64_t size)
{
	uint64_t found = GRF_CLOSURE_OFFSET_UNKNOWN;
	struct grf_places places = {0};

	grf_places_read(&places, location, loads->code.address,
			loads->code.address + loads->code.length, size);
	for (size_t i = 0; i < places.array.count && found == GRF_CLOSURE_OFFSET_UNKNOWN; i++) {
		const struct grf_place *place = &places.array.items[i];
		int64_t slot = place->offset + loads->stores.cfa;

		for (size_t j = 0; j < loads->stores.count; j++) {
			if (loads->stores.items[j].slot != slot)
				continue;
			found = less_piece(loads->stores.items[j].offset, place->piece_offset);
			break;
		}
	}
	grf_array_free(&places.array);
	return found;
}

uint64_t grf_closure_loads_offset(const struct grf_closure_loads *loads, Dwarf_Attribute *location,
				  uint64_t size)
{
	uint64_t offset = offset_by_register(loads, location);

	if (offset == GRF_CLOSURE_OFFSET_UNKNOWN && loads->stores.cfa)
		offset = offset_by_slot(loads, location, size);
	return offset;
}

size_t grf_closure_loads_on_stack(const struct grf_closure_loads *loads,
				  struct grf_stack_closure *ret, size_t capacity)
{
	return loads->arch->stack_closures(&loads->code, &loads->stores, ret, capacity);
}
