/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where captured variables stand in a closure object, for compilers that do not say it in DWARF
 * (up to Go 1.22).
 *
 * A closure's function gets the address of its object in rdx and loads what it captured by value,
 * and the pointers to what it captured by reference:
 *
 *	mov  0x18(%rdx), %rsi
 *
 * With optimisation, the variable's location list begins with "in rsi" at the instruction behind
 * that load. Without, the first thing that the function does is to store each value in the
 * variable's slot in the frame:
 *
 *	sub  $0x38, %rsp
 *	mov  0x8(%rdx), %rcx
 *	mov  %rcx, 0x30(%rsp)
 *
 * (cmd/compile/internal/ssagen, buildssa). Closure objects that do not escape are made in the
 *frame, which DWARF does not tell either:
 *
 *	lea  main.f.func1(%rip), %rcx
 *	mov  %rcx, 0x28(%rsp)
 *
 * This is evidence, not decoding: the instructions are
 * recognised by their bytes, and the caller believes an offset only where a field of the right type
 * begins.
 */
#include <dwarf.h>
#include <string.h>

#include "image/image.h"
#include "model/code/closure_loads.h"
#include "model/variables/variables.h"

#define PROLOGUE_LENGTH 512
#define OFFSET_MAX      (1 << 20)
#define RDX             2
#define FRAME_LINK      16 /* between slots and frame address: frame pointer, return address */
#define XMM_BYTES       16

/* An instruction that moves between a register and memory at a displacement from a register. */
struct move {
	unsigned int reg;
	unsigned int base; /* 4: the stack pointer */
	int64_t displacement;
	size_t length; /* behind prefix and opcode */
};

static int64_t signed_byte(uint8_t byte)
{
	return (int64_t)(byte ^ 0x80) - 0x80;
}

/* Reads the operands that begin at `at`, of which `left` bytes may be read. */
static bool read_move(const uint8_t *at, uint64_t left, bool high_reg, struct move *ret)
{
	unsigned int mode;
	size_t length = 1;

	if (left < 6)
		return false;
	mode = at[0] >> 6;
	ret->reg = (at[0] >> 3 & 7) + (high_reg ? 8 : 0);
	ret->base = at[0] & 7;
	ret->displacement = 0;
	if (mode == 3 || (mode == 0 && ret->base == 5))
		return false;
	if (ret->base == 4) {
		if (at[1] != 0x24)
			return false;
		length = 2;
	}
	if (mode == 1) {
		ret->displacement = signed_byte(at[length]);
		length += 1;
	} else if (mode == 2) {
		ret->displacement = (int32_t)grf_load_u32(at + length);
		length += 4;
	}
	ret->length = length;
	return true;
}

/* The walk over the first instructions. */
struct prologue {
	struct grf_closure_loads *loads;
	bool have_context;    /* rdx still is what it was at entry */
	uint64_t general[16]; /* offset in the object of what a register holds */
	uint64_t vector[8];
};

static void add_store(struct prologue *prologue, int64_t slot, uint64_t offset)
{
	struct grf_closure_loads *loads = prologue->loads;

	if (offset == GRF_CLOSURE_OFFSET_UNKNOWN || loads->count == GRF_CLOSURE_STORES)
		return;
	loads->stores[loads->count].slot = slot;
	loads->stores[loads->count++].offset = offset;
}

static uint64_t loaded(const struct prologue *prologue, const struct move *move)
{
	if (!prologue->have_context || move->base != RDX || move->displacement < 8 ||
	    move->displacement > OFFSET_MAX)
		return GRF_CLOSURE_OFFSET_UNKNOWN;
	return move->displacement;
}

/* Takes one instruction if it is of interest. How many bytes to go on. */
static size_t take(struct prologue *prologue, const uint8_t *at, uint64_t left)
{
	bool wide = (at[0] & 0xfb) == 0x48;
	struct move move;

	if (left < 8)
		return 1;
	if (at[0] == 0x48 && at[1] == 0x83 && at[2] == 0xec && !prologue->loads->frame) {
		prologue->loads->frame = signed_byte(at[3]);
		return 4;
	}
	if (at[0] == 0x48 && at[1] == 0x81 && at[2] == 0xec && !prologue->loads->frame) {
		prologue->loads->frame = grf_load_u32(at + 3);
		return 7;
	}
	/* 128 bytes fit in a byte only as add $-0x80. */
	if (at[0] == 0x48 && at[1] == 0x83 && at[2] == 0xc4 && at[3] >= 0x80 &&
	    !prologue->loads->frame) {
		prologue->loads->frame = -signed_byte(at[3]);
		return 4;
	}
	if (wide && at[1] == 0x8b && read_move(at + 2, left - 2, at[0] & 4, &move)) {
		prologue->general[move.reg] = loaded(prologue, &move);
		if (move.reg == RDX)
			prologue->have_context = false;
		return 2 + move.length;
	}
	if (wide && at[1] == 0x89 && read_move(at + 2, left - 2, at[0] & 4, &move)) {
		if (move.base == 4)
			add_store(prologue, move.displacement, prologue->general[move.reg]);
		return 2 + move.length;
	}
	if (at[0] == 0x0f && at[1] == 0x10 && read_move(at + 2, left - 2, false, &move)) {
		prologue->vector[move.reg] = loaded(prologue, &move);
		return 2 + move.length;
	}
	if (at[0] == 0x0f && at[1] == 0x11 && read_move(at + 2, left - 2, false, &move)) {
		uint64_t offset = prologue->vector[move.reg];

		if (move.base == 4 && offset != GRF_CLOSURE_OFFSET_UNKNOWN) {
			add_store(prologue, move.displacement, offset);
			add_store(prologue, move.displacement + 8, offset + 8);
		}
		return 2 + move.length;
	}
	return 1;
}

void grf_closure_loads_read(struct grf_closure_loads *loads, const uint8_t *code, uint64_t length,
			    uint64_t entry)
{
	struct prologue prologue = {.loads = loads, .have_context = true};
	uint64_t limit = length < PROLOGUE_LENGTH ? length : PROLOGUE_LENGTH;

	memset(loads, 0, sizeof(*loads));
	loads->code = code;
	loads->length = length;
	loads->entry = entry;
	memset(prologue.general, 0xff, sizeof(prologue.general));
	memset(prologue.vector, 0xff, sizeof(prologue.vector));
	/* Behind a call registers hold something else. */
	for (uint64_t at = 0; at < limit && code[at] != 0xe8;)
		at += take(&prologue, code + at, length - at);
}

/* The displacement of a mov disp(%rdx), %r64 that ends at `end` and loads the register of that
 * DWARF number. `before`: how many bytes of code there are up to there, 4 at least. */
static uint64_t load_before(const uint8_t *end, uint64_t before, unsigned int dwarf_register)
{
	static const uint8_t numbers[8] = {0, 2, 1, 3, 6, 7, 5, 4}; /* of rax, rdx, rcx, rbx ... */
	unsigned int number = dwarf_register < 8 ? numbers[dwarf_register] : dwarf_register;
	uint8_t prefix = number < 8 ? 0x48 : 0x4c;
	uint8_t operands = (number & 7) << 3 | RDX;

	if (end[-4] == prefix && end[-3] == 0x8b && end[-2] == (0x40 | operands))
		return end[-1] < 0x80 ? end[-1] : GRF_CLOSURE_OFFSET_UNKNOWN;
	if (before >= 7 && end[-7] == prefix && end[-6] == 0x8b && end[-5] == (0x80 | operands))
		return grf_load_u32(end - 4);
	return GRF_CLOSURE_OFFSET_UNKNOWN;
}

static uint64_t less_piece(uint64_t offset, uint64_t piece_offset)
{
	if (offset == GRF_CLOSURE_OFFSET_UNKNOWN || offset < piece_offset + 8)
		return GRF_CLOSURE_OFFSET_UNKNOWN;
	return offset - piece_offset;
}

/* From the first entry of a location list, when that is a register. */
static uint64_t offset_by_register(const struct grf_closure_loads *loads, Dwarf_Attribute *location)
{
	Dwarf_Addr base, start, end;
	uint64_t piece_offset = 0;
	Dwarf_Op *operations;
	size_t count;

	if (dwarf_getlocations(location, 0, &base, &start, &end, &operations, &count) <= 0 ||
	    start < loads->entry + 4 || start - loads->entry > loads->length)
		return GRF_CLOSURE_OFFSET_UNKNOWN;
	for (size_t i = 0; i < count; i++) {
		if (operations[i].atom >= DW_OP_reg0 && operations[i].atom <= DW_OP_reg15)
			return less_piece(load_before(loads->code + (start - loads->entry),
						      start - loads->entry,
						      operations[i].atom - DW_OP_reg0),
					  piece_offset);
		if (operations[i].atom != DW_OP_piece || operations[i].number > OFFSET_MAX)
			break;
		piece_offset += operations[i].number;
	}
	return GRF_CLOSURE_OFFSET_UNKNOWN;
}

/* From the slot that the variable has in the frame. */
static uint64_t offset_by_slot(const struct grf_closure_loads *loads, Dwarf_Attribute *location,
			       uint64_t size)
{
	uint64_t found = GRF_CLOSURE_OFFSET_UNKNOWN;
	struct grf_places places = {0};

	grf_places_read(&places, location, loads->entry, loads->entry + loads->length, size);
	for (size_t i = 0; i < places.array.count && found == GRF_CLOSURE_OFFSET_UNKNOWN; i++) {
		const struct grf_place *place = &places.array.items[i];
		int64_t slot = place->offset + loads->frame + FRAME_LINK;

		for (size_t j = 0; j < loads->count; j++) {
			if (loads->stores[j].slot != slot)
				continue;
			found = less_piece(loads->stores[j].offset, place->piece_offset);
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

	if (offset == GRF_CLOSURE_OFFSET_UNKNOWN && loads->frame)
		offset = offset_by_slot(loads, location, size);
	return offset;
}

/* lea F(%rip), reg; mov reg, N(%rsp): the first word of a closure object in the frame. */
static bool makes_closure(const struct grf_closure_loads *loads, uint64_t at,
			  struct grf_stack_closure *ret)
{
	const uint8_t *code = loads->code + at;
	struct move move;
	unsigned int reg;

	if ((code[0] & 0xfb) != 0x48 || code[1] != 0x8d || (code[2] & 0xc7) != 0x05)
		return false;
	reg = (code[2] >> 3 & 7) + (code[0] & 4 ? 8 : 0);
	if ((code[7] & 0xfb) != 0x48 || code[8] != 0x89 ||
	    !read_move(code + 9, loads->length - at - 9, code[7] & 4, &move) || move.base != 4 ||
	    move.reg != reg || move.displacement < 0 || move.displacement >= loads->frame)
		return false;
	ret->offset = move.displacement - loads->frame - FRAME_LINK;
	ret->entry = loads->entry + at + 7 + (uint64_t)(int64_t)(int32_t)grf_load_u32(code + 3);
	return true;
}

size_t grf_closure_loads_on_stack(const struct grf_closure_loads *loads,
				  struct grf_stack_closure *ret, size_t capacity)
{
	size_t count = 0;

	for (uint64_t at = 0; at + 16 <= loads->length && count < capacity; at++) {
		if (makes_closure(loads, at, &ret[count]))
			count++;
	}
	return count;
}
