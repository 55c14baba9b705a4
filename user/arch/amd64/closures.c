/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A closure's function gets the address of its object in rdx and loads what it captured by value,
 * and the pointers to what it captured by reference:
 *
 *	mov  0x18(%rdx), %rsi
 *
 * Without optimisation, the first thing that the function does is to store each value in the
 * variable's slot in the frame:
 *
 *	sub  $0x38, %rsp
 *	mov  0x8(%rdx), %rcx
 *	mov  %rcx, 0x30(%rsp)
 *
 * (cmd/compile/internal/ssagen, buildssa). Closure objects that do not escape are made in the
 *frame:
 *
 *	lea  main.f.func1(%rip), %rcx
 *	mov  %rcx, 0x28(%rsp)
 *
 * The instructions are recognised by their bytes.
 */
#include <string.h>

#include "arch/amd64/amd64.h"
#include "base/load.h"

#define PROLOGUE_LENGTH 512
#define RDX             2
#define FRAME_LINK      16 /* between slots and frame address: frame pointer, return address */
#define LAST_REGISTER   15 /* of the general ones, by their DWARF numbers */
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
	struct grf_closure_stores *stores;
	int64_t frame;        /* bytes that the function takes from the stack; 0: not seen */
	bool have_context;    /* rdx still is what it was at entry */
	uint64_t general[16]; /* offset in the object of what a register holds */
	uint64_t vector[8];
};

static void add_store(struct prologue *prologue, int64_t slot, uint64_t offset)
{
	struct grf_closure_stores *stores = prologue->stores;

	if (offset == GRF_CLOSURE_OFFSET_UNKNOWN || stores->count == GRF_CLOSURE_STORES)
		return;
	stores->items[stores->count++] = (struct grf_closure_store){slot, offset};
}

static uint64_t loaded_offset(const struct prologue *prologue, const struct move *move)
{
	if (!prologue->have_context || move->base != RDX || move->displacement < 8 ||
	    move->displacement > GRF_CLOSURE_OFFSET_MAX)
		return GRF_CLOSURE_OFFSET_UNKNOWN;
	return move->displacement;
}

/* Takes one instruction if it is of interest. How many bytes to go on. */
static size_t take_instruction(struct prologue *prologue, const uint8_t *at, uint64_t left)
{
	bool wide = (at[0] & 0xfb) == 0x48;
	struct move move;

	if (left < 8)
		return 1;
	if (at[0] == 0x48 && at[1] == 0x83 && at[2] == 0xec && !prologue->frame) {
		prologue->frame = signed_byte(at[3]);
		return 4;
	}
	if (at[0] == 0x48 && at[1] == 0x81 && at[2] == 0xec && !prologue->frame) {
		prologue->frame = grf_load_u32(at + 3);
		return 7;
	}
	/* 128 bytes fit in a byte only as add $-0x80. */
	if (at[0] == 0x48 && at[1] == 0x83 && at[2] == 0xc4 && at[3] >= 0x80 && !prologue->frame) {
		prologue->frame = -signed_byte(at[3]);
		return 4;
	}
	if (wide && at[1] == 0x8b && read_move(at + 2, left - 2, at[0] & 4, &move)) {
		prologue->general[move.reg] = loaded_offset(prologue, &move);
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
		prologue->vector[move.reg] = loaded_offset(prologue, &move);
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

void grf_amd64_closure_stores(const struct grf_code *code, struct grf_closure_stores *ret)
{
	struct prologue prologue = {.stores = ret, .have_context = true};
	uint64_t limit = code->length < PROLOGUE_LENGTH ? code->length : PROLOGUE_LENGTH;

	memset(ret, 0, sizeof(*ret));
	memset(prologue.general, 0xff, sizeof(prologue.general));
	memset(prologue.vector, 0xff, sizeof(prologue.vector));
	/* Behind a call registers hold something else. */
	for (uint64_t at = 0; at < limit && code->bytes[at] != 0xe8;)
		at += take_instruction(&prologue, code->bytes + at, code->length - at);
	if (prologue.frame)
		ret->cfa = prologue.frame + FRAME_LINK;
}

/* A mov disp(%rdx), %r64. */
uint64_t grf_amd64_closure_load(const struct grf_code *code, uint64_t before,
				unsigned int dwarf_register)
{
	static const uint8_t numbers[8] = {0, 2, 1, 3, 6, 7, 5, 4}; /* of rax, rdx, rcx, rbx ... */
	unsigned int number = dwarf_register < 8 ? numbers[dwarf_register] : dwarf_register;
	uint8_t prefix = number < 8 ? 0x48 : 0x4c;
	uint8_t operands = (uint8_t)((number & 7) << 3 | RDX);
	const uint8_t *end = code->bytes + before;

	if (before < 4 || before > code->length || dwarf_register > LAST_REGISTER)
		return GRF_CLOSURE_OFFSET_UNKNOWN;
	if (end[-4] == prefix && end[-3] == 0x8b && end[-2] == (0x40 | operands))
		return end[-1] < 0x80 ? end[-1] : GRF_CLOSURE_OFFSET_UNKNOWN;
	if (before >= 7 && end[-7] == prefix && end[-6] == 0x8b && end[-5] == (0x80 | operands))
		return grf_load_u32(end - 4);
	return GRF_CLOSURE_OFFSET_UNKNOWN;
}

/* lea F(%rip), reg, which `taken` is, and mov reg, N(%rsp): the first word of a closure object in
 * the frame. */
static bool makes_closure(const struct grf_code *code, const struct grf_code_reference *taken,
			  int64_t cfa, struct grf_stack_closure *ret)
{
	const uint8_t *lea = code->bytes + taken->at, *mov = code->bytes + taken->end;
	uint64_t left = code->length - taken->end;
	struct move move;
	unsigned int reg;

	reg = (lea[2] >> 3 & 7) + (lea[0] & 4 ? 8 : 0);
	if (left < 2 || (mov[0] & 0xfb) != 0x48 || mov[1] != 0x89 ||
	    !read_move(mov + 2, left - 2, mov[0] & 4, &move) || move.base != 4 || move.reg != reg ||
	    move.displacement < 0 || move.displacement >= cfa - FRAME_LINK)
		return false;
	*ret = (struct grf_stack_closure){move.displacement - cfa, taken->target};
	return true;
}

size_t grf_amd64_stack_closures(const struct grf_code *code,
				const struct grf_closure_stores *stores,
				struct grf_stack_closure *ret, size_t capacity)
{
	struct grf_code_reference taken;
	size_t count = 0;

	for (uint64_t at = 0; count < capacity && grf_amd64_next_address(code, at, &taken);
	     at = taken.at + 1)
		count += makes_closure(code, &taken, stores->cfa, &ret[count]);
	return count;
}
