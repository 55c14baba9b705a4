/* SPDX-License-Identifier: BSD-2-Clause */
/* What each kind of instruction does to the values at it. */
#include "arch/amd64/flow_private.h"

#define VECTOR_BYTES 16
#define ZERO_VECTOR  15 /* X15 is zero in Go's internal ABI */
#define R11          11

/* An address plus or minus a number leads to where the address does. */
static grf_flow_value moved_value(grf_flow_value value)
{
	return grf_flow_kind(value) == GRF_FLOW_FRAME ? value : grf_flow_inside(value);
}

/* Adds a number to the register that the operand is, or subtracts one. False: that is not followed.
 */
static bool add_number(struct grf_flow *flow, const struct grf_instruction *at, bool subtracts)
{
	grf_flow_value value;

	if (at->is_memory || !at->wide)
		return false;
	value = moved_value(flow->now.values[at->base & 15]);
	if (value == UNKNOWN || (subtracts && grf_flow_kind(value) != GRF_FLOW_FRAME))
		return false;
	grf_flow_set_register(flow, at->base & 15, value);
	return true;
}

/* The same where the number, or the address, is in another register. */
static bool add_registers(struct grf_flow *flow, const struct grf_instruction *at)
{
	unsigned int to = at->opcode == 0x01 ? at->base & 15u : at->reg & 15u;
	unsigned int from = at->opcode == 0x01 ? at->reg & 15u : at->base & 15u;

	if (at->is_memory || !at->wide || from == GRF_RSP || to == GRF_RSP ||
	    (!grf_flow_has_kind(flow, from, GRF_FLOW_FRAME) &&
	     !grf_flow_has_kind(flow, to, GRF_FLOW_FRAME)))
		return false;
	grf_flow_tell_data(flow, flow->now.values[from]);
	grf_flow_tell_data(flow, flow->now.values[to]);
	grf_flow_set_register(flow, to, grf_flow_make(GRF_FLOW_FRAME, 0));
	return true;
}

/* Arithmetic on the operand that may be in memory. */
static void spoil_operand(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next)
{
	if (at->is_memory)
		grf_flow_write_operand(flow, at, next, GRF_FLOW_WORD, UNKNOWN);
	else
		grf_flow_spoil(flow, at->base);
}

/* What is not known by itself may change its operands, and the registers that some instructions
 * have without naming them: multiplications, divisions, those on strings, cpuid. */
static void take_other(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next)
{
	if (at->is_memory)
		grf_flow_write_operand(flow, at, next, 64, UNKNOWN);
	grf_flow_spoil_all(flow);
}

/* Writes `value` from where rdi leads to on; rdi leads on. */
static void fill_frame(struct grf_flow *flow, grf_flow_value value)
{
	if (grf_flow_has_kind(flow, GRF_RDI, GRF_FLOW_FRAME))
		grf_flow_put_somewhere(flow, GRF_FLOW_WORD, value);
	else
		grf_flow_spoil(flow, GRF_RDI);
}

/* What a call may read, and leaves behind. Functions get nothing in rbp, nor behind r11 (Go's
 * internal ABI). */
static void pass_registers(struct grf_flow *flow, const struct grf_flow_call *call)
{
	for (unsigned int i = 0; i < GRF_FLOW_REGISTERS; i++) {
		if (i != GRF_RBP && i <= R11 && call->takes >> i & 1)
			grf_flow_tell_escape(flow, flow->now.values[i]);
		grf_flow_set_register(flow, i, UNKNOWN);
	}
}

/* What a call may read and write of the stack. */
static void pass_stack(struct grf_flow *flow, uint64_t size)
{
	if (size >= FRAME_MAX)
		size = FRAME_MAX;
	for (uint64_t i = 0; i < size; i += GRF_FLOW_WORD)
		grf_flow_tell_escape(flow, grf_flow_read_slot(flow, flow->now.stack + (int64_t)i));
	grf_flow_write_slots(flow, flow->now.stack, size, UNKNOWN);
}

/* A function that is not known has its arguments nobody knows how far up. */
static void pass_any_slot(struct grf_flow *flow)
{
	for (int64_t at = flow->now.stack; at < 0; at += GRF_FLOW_WORD)
		grf_flow_tell_escape(flow, grf_flow_read_slot(flow, at));
}

/* A write barrier that stores where rdi leads. */
static void take_barrier(struct grf_flow *flow, uint8_t stored)
{
	const struct grf_instruction store = {
	    .is_memory = true, .base = GRF_RDI, .index = GRF_NO_REGISTER};

	grf_flow_write_operand(flow, &store, 0, GRF_FLOW_WORD, flow->now.values[stored & 15]);
	if (grf_flow_has_kind(flow, GRF_RDI, GRF_FLOW_DATA))
		flow->now.values[GRF_RDI] =
		    grf_flow_make(GRF_FLOW_LEFT_DATA, grf_flow_address(flow->now.values[GRF_RDI]));
}

static void take_call(struct grf_flow *flow, uint64_t target)
{
	struct grf_flow_call call = {.returns = true, .takes = GRF_ALL_REGISTERS};

	flow->context.call(flow->context.context, target, flow->now.values, &call);
	if (!call.returns) {
		flow->now.reached = false;
		return;
	}
	if (call.keeps_registers) {
		if (call.stores)
			take_barrier(flow, call.stored);
		grf_flow_set_register(flow, R11, UNKNOWN);
		return;
	}
	if (call.zeroes) {
		fill_frame(flow, grf_flow_make(GRF_FLOW_NIL, 0));
		return;
	}
	pass_registers(flow, &call);
	for (unsigned int i = 0; i < GRF_FLOW_RESULTS; i++)
		grf_flow_set_register(flow, grf_flow_result_registers[i], call.results[i]);
	pass_stack(flow, call.args_size);
	if (!target)
		pass_any_slot(flow);
}

static void take_return(struct grf_flow *flow)
{
	for (unsigned int i = 0; i < GRF_FLOW_RESULTS; i++) {
		grf_flow_value value = flow->now.values[grf_flow_result_registers[i]];

		grf_flow_tell_data(flow, value);
		/* The frame is no more. */
		if (grf_flow_kind(value) >= GRF_FLOW_DESCRIPTOR &&
		    grf_flow_kind(value) != GRF_FLOW_UNSET)
			value = UNKNOWN;
		flow->results[i] = grf_flow_join(flow->results[i], value);
	}
	flow->now.reached = false;
}

/* The function ends with a call of another one: nothing is known of what that returns. */
static void take_tail_call(struct grf_flow *flow)
{
	for (unsigned int i = 0; i < GRF_FLOW_REGISTERS; i++)
		grf_flow_tell_data(flow, flow->now.values[i]);
	for (unsigned int i = 0; i < GRF_FLOW_RESULTS; i++)
		flow->results[i] = UNKNOWN;
}

static void take_branch(struct grf_flow *flow, uint64_t next, const struct grf_instruction *at)
{
	uint64_t offset = next - flow->entry + (uint64_t)at->immediate;
	struct grf_flow_state *to = offset < flow->length ? grf_flow_state_at(flow, offset) : NULL;

	if (to)
		grf_flow_merge_into(flow, to, next - flow->entry > offset);
	else if (offset < flow->length)
		flow->failed = true;
	else if (flow->now.reached)
		take_tail_call(flow);
}

/* The address of a place in the frame. One below the stack pointer is of none: it is compared with
 * where the stack ends, or is the frame pointer of what is called. */
static grf_flow_value frame_address(struct grf_flow *flow, const struct grf_instruction *at)
{
	if (at->index == GRF_NO_REGISTER && (at->displacement < 0 || at->reg == GRF_RBP))
		return UNKNOWN;
	grf_flow_expose(flow, flow->now.stack + at->displacement);
	return grf_flow_make(GRF_FLOW_FRAME, 0);
}

/* The address of a place that registers lead to. */
static grf_flow_value moved_address(struct grf_flow *flow, const struct grf_instruction *at)
{
	grf_flow_value base = at->base < GRF_FLOW_REGISTERS ? flow->now.values[at->base] : UNKNOWN;

	grf_flow_tell_indexed(flow, at);
	if (grf_flow_somewhere_in_frame(flow, at))
		return grf_flow_make(GRF_FLOW_FRAME, 0);
	/* Of two registers, either may be the address. */
	return at->index == GRF_NO_REGISTER && at->wide ? moved_value(base) : UNKNOWN;
}

static void take_lea(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next)
{
	grf_flow_value value;
	uint64_t address;

	if (grf_flow_on_stack(at) && at->reg == GRF_RSP) {
		flow->now.stack += at->displacement;
		return;
	}
	if (at->base == GRF_RSP)
		value = frame_address(flow, at);
	else if (grf_flow_in_data(flow, at, next, &address))
		value = flow->context.address(flow->context.context, address);
	else
		value = moved_address(flow, at);
	grf_flow_set_register(flow, at->reg, value);
}

static void take_immediate(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next,
			   uint64_t bytes)
{
	/* A nil is one of 8 bytes, or of 4 in a register, whose upper half is cleared. */
	bool nil = !at->immediate && (bytes == GRF_FLOW_WORD || (bytes == 4 && !at->is_memory));

	grf_flow_write_operand(flow, at, next, bytes,
			       nil ? grf_flow_make(GRF_FLOW_NIL, 0) : UNKNOWN);
}

static bool writes_stack_pointer(struct grf_flow *flow, const struct grf_instruction *at)
{
	if ((at->opcode != 0x83 && at->opcode != 0x81) || at->is_memory || at->base != GRF_RSP)
		return false;
	if ((at->reg & 7) == 0)
		flow->now.stack += at->immediate;
	else if ((at->reg & 7) == 5)
		flow->now.stack -= at->immediate;
	else if ((at->reg & 7) != 7)
		flow->failed = true;
	return true;
}

/* What is left of the one-byte table: arithmetic, mostly. */
static void take_arithmetic(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next)
{
	uint8_t opcode = at->opcode, extension = at->reg & 7;

	if (opcode == 0x01 || opcode == 0x03
		? add_registers(flow, at)
		: (opcode == 0x81 || opcode == 0x83) && (extension == 0 || extension == 5) &&
		      add_number(flow, at, extension == 5)) {
		return;
	} else if (opcode < 0x40 && (opcode & 7) < 2) {
		grf_flow_tell_escape(flow, flow->now.values[at->reg & 15]);
		spoil_operand(flow, at, next);
	} else if (opcode < 0x40 && (opcode & 7) < 4) {
		if (!at->is_memory)
			grf_flow_tell_escape(flow, flow->now.values[at->base & 15]);
		grf_flow_spoil(flow, at->reg);
	} else if (opcode < 0x40 && (opcode & 7) < 6) {
		grf_flow_spoil(flow, GRF_RAX);
	} else if (opcode == 0x80 || opcode == 0x81 || opcode == 0x83 || opcode == 0xc0 ||
		   opcode == 0xc1 || (opcode >= 0xd0 && opcode <= 0xd3) ||
		   ((opcode == 0xfe || opcode == 0xff || opcode == 0xf6 || opcode == 0xf7) &&
		    extension < 4 && !(opcode == 0xff && extension > 1))) {
		spoil_operand(flow, at, next);
	} else if (opcode == 0xf6 || opcode == 0xf7) {
		grf_flow_spoil(flow, GRF_RAX);
		grf_flow_spoil(flow, GRF_RDX);
	} else if (opcode == 0x63 || opcode == 0x69 || opcode == 0x6b || opcode == 0x8a) {
		grf_flow_overwrite(flow, at);
	} else if (opcode == 0x86 || opcode == 0x87) {
		spoil_operand(flow, at, next);
		grf_flow_spoil(flow, at->reg);
	} else if (opcode == 0x98 || opcode == 0x99) {
		grf_flow_spoil(flow, opcode == 0x98 ? GRF_RAX : GRF_RDX);
	} else {
		take_other(flow, at, next);
	}
}

/* What a register holds that is copied to another one, or to memory. The stack pointer is an
 * address in the frame, but as a frame pointer, which nothing is written through. */
static grf_flow_value copied_value(struct grf_flow *flow, unsigned int reg, unsigned int to)
{
	if (reg != GRF_RSP)
		return flow->now.values[reg & 15];
	if (to == GRF_RBP)
		return UNKNOWN;
	grf_flow_expose(flow, flow->now.stack);
	return grf_flow_make(GRF_FLOW_FRAME, 0);
}

static void take_load(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next)
{
	grf_flow_value value = UNKNOWN;

	if (at->wide)
		value = !at->is_memory ? copied_value(flow, at->base, at->reg)
				       : grf_flow_operand(flow, at, next);
	grf_flow_set_register(flow, at->reg, value);
}

/* Instructions of the one-byte table. */
static void take_one_byte(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next)
{
	uint8_t opcode = at->opcode;
	uint64_t bytes = at->wide ? 8 : at->narrow ? 2 : 4;

	if (opcode == 0xe8) {
		take_call(flow, next + (uint64_t)at->immediate);
	} else if (opcode == 0xc3) {
		take_return(flow);
	} else if (opcode == 0xe9 || opcode == 0xeb) {
		take_branch(flow, next, at);
		flow->now.reached = false;
	} else if ((opcode & 0xf0) == 0x70 || opcode == 0xe3) {
		take_branch(flow, next, at);
	} else if (opcode == 0x8d) {
		take_lea(flow, at, next);
	} else if (opcode == 0x8b) {
		take_load(flow, at, next);
	} else if (opcode == 0x89) {
		if (at->base == GRF_RSP && !at->is_memory)
			flow->failed = true;
		grf_flow_write_operand(
		    flow, at, next, bytes,
		    at->wide
			? copied_value(flow, at->reg, at->is_memory ? GRF_NO_REGISTER : at->base)
			: UNKNOWN);
	} else if (opcode == 0x88 || opcode == 0xc6) {
		grf_flow_write_operand(flow, at, next, 1, UNKNOWN);
	} else if (opcode == 0xc7 || (opcode & 0xf8) == 0xb8) {
		take_immediate(flow, at, next, bytes);
	} else if ((opcode == 0x31 || opcode == 0x33) && !at->is_memory && at->reg == at->base &&
		   !at->narrow) {
		grf_flow_set_register(flow, at->reg, grf_flow_make(GRF_FLOW_NIL, 0));
	} else if (opcode == 0x84 || opcode == 0x85 || opcode == 0xa8 || opcode == 0xa9 ||
		   (opcode >= 0x38 && opcode <= 0x3d) ||
		   ((opcode == 0x80 || opcode == 0x81 || opcode == 0x83) && (at->reg & 7) == 7) ||
		   ((opcode == 0xf6 || opcode == 0xf7) && (at->reg & 7) < 2) || opcode == 0x90 ||
		   opcode == 0xcc) {
		/* Comparisons change nothing. */
		return;
	} else if (opcode == 0xab && at->repeated && at->wide) {
		fill_frame(flow, flow->now.values[GRF_RAX]);
		grf_flow_set_register(flow, GRF_RCX, UNKNOWN);
	} else if ((opcode & 0xf8) == 0x50) {
		grf_flow_tell_escape(flow, flow->now.values[at->base & 15]);
		flow->now.stack -= GRF_FLOW_WORD;
		grf_flow_write_slots(flow, flow->now.stack, GRF_FLOW_WORD, UNKNOWN);
	} else if ((opcode & 0xf8) == 0x58) {
		flow->now.stack += GRF_FLOW_WORD;
		grf_flow_set_register(flow, at->base, UNKNOWN);
	} else if (opcode == 0x9c || opcode == 0x9d) {
		flow->now.stack += opcode == 0x9c ? -GRF_FLOW_WORD : GRF_FLOW_WORD;
	} else if (opcode == 0xff && (at->reg & 7) == 2) {
		take_call(flow, 0);
	} else if (opcode == 0xff && (at->reg & 7) == 4) {
		flow->failed = true;
	} else if (!writes_stack_pointer(flow, at)) {
		take_arithmetic(flow, at, next);
	}
}

/* Instructions that work on vector registers and on memory alone. */
static bool is_vector(uint8_t opcode)
{
	return (opcode >= 0x10 && opcode <= 0x17) || (opcode >= 0x28 && opcode <= 0x2b) ||
	       opcode == 0x2e || opcode == 0x2f || (opcode >= 0x51 && opcode <= 0x76) ||
	       opcode == 0x7f || opcode == 0xc2 || opcode == 0xc6 ||
	       (opcode >= 0xd0 && opcode != 0xd7);
}

static bool stores_vector(uint8_t opcode)
{
	return opcode == 0x11 || opcode == 0x13 || opcode == 0x17 || opcode == 0x29 ||
	       opcode == 0x2b || opcode == 0x7f || opcode == 0xd6 || opcode == 0xe7;
}

/* A register becomes something else or stays what it is. */
static void take_conditional(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next)
{
	grf_flow_value was = flow->now.values[at->reg & 15],
		       other = grf_flow_operand(flow, at, next);
	grf_flow_value joined = at->wide ? grf_flow_join(was, other) : UNKNOWN;

	if (joined != was)
		grf_flow_tell_escape(flow, was);
	if (joined != other)
		grf_flow_tell_escape(flow, other);
	grf_flow_set_register(flow, at->reg, joined);
}

/* Instructions of the table behind 0f. */
static void take_two_bytes(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next)
{
	uint8_t opcode = at->opcode;

	if (opcode >= 0x80 && opcode <= 0x8f) {
		take_branch(flow, next, at);
	} else if (opcode == 0x0b) {
		flow->now.reached = false;
	} else if (opcode == 0x1f || opcode == 0x18 || opcode == 0x0d) {
		return;
	} else if (opcode >= 0x40 && opcode <= 0x4f) {
		take_conditional(flow, at, next);
	} else if (opcode >= 0x90 && opcode <= 0x9f) {
		grf_flow_write_operand(flow, at, next, 1, UNKNOWN);
	} else if (opcode == 0x11 && at->is_memory && !at->repeated && at->reg == ZERO_VECTOR) {
		grf_flow_write_operand(flow, at, next, VECTOR_BYTES,
				       grf_flow_make(GRF_FLOW_NIL, 0));
	} else if (is_vector(opcode)) {
		if (at->is_memory && stores_vector(opcode))
			grf_flow_write_operand(flow, at, next, VECTOR_BYTES, UNKNOWN);
	} else if (opcode == 0xb6 || opcode == 0xb7 || opcode == 0xbe || opcode == 0xbf) {
		grf_flow_overwrite(flow, at);
	} else if (opcode == 0xaf || opcode == 0xbc || opcode == 0xbd || opcode == 0xb8 ||
		   opcode == 0x2c || opcode == 0x2d || opcode == 0x50 || opcode == 0xd7) {
		grf_flow_spoil(flow, at->reg);
	} else if (opcode == 0xb0 || opcode == 0xb1 || opcode == 0xc0 || opcode == 0xc1) {
		grf_flow_tell_escape(flow, flow->now.values[at->reg & 15]);
		spoil_operand(flow, at, next);
		grf_flow_spoil(flow, opcode < 0xc0 ? GRF_RAX : at->reg);
	} else if (opcode == 0x7e && !at->repeated) {
		grf_flow_write_operand(flow, at, next, GRF_FLOW_WORD, UNKNOWN);
	} else if (opcode != 0x7e && opcode != 0xa3) {
		take_other(flow, at, next);
	}
}

void grf_flow_take(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next)
{
	/* A vector instruction may have a third operand. */
	if (at->map == GRF_OPCODES_ONE_BYTE)
		take_one_byte(flow, at, next);
	else if (at->map == GRF_OPCODES_0F)
		take_two_bytes(flow, at, next);
	else
		take_other(flow, at, next);
}
