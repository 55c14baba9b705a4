/* SPDX-License-Identifier: BSD-2-Clause */
#include "arch/amd64/flow.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "arch/amd64/instructions.h"

#define WORD_BYTES   8
#define FUNCTION_MAX (UINT64_C(1) << 18) /* bytes of code */
#define TARGETS_MAX  4096                /* of branches */
#define STATE_BYTES  (UINT64_C(32) << 20)
#define FRAME_MAX    4096 /* bytes; slots beyond are unknown */
#define ABOVE_BYTES  128  /* return address and what arguments are spilled to */
#define PASSES       32
#define NOT_EXPOSED  INT64_MAX
#define VECTOR_BYTES 16
#define UNKNOWN      0u /* GRF_FLOW_UNKNOWN of nothing */
#define ZERO_VECTOR  15 /* X15 is zero in Go's internal ABI */
#define R11          11

const uint8_t grf_flow_result_registers[GRF_FLOW_RESULTS] = {
    GRF_RAX, GRF_RBX, GRF_RCX, GRF_RDI, GRF_RSI, 8, 9, 10, 11};

/* Registers, then the slots of the frame from the lowest on. */
struct state {
	bool reached;
	int64_t stack; /* rsp, from where the return address stands */
	grf_flow_value *values;
};

struct grf_flow {
	uint64_t length, entry;
	GRF_ARRAY(struct grf_instruction) instructions; /* of all its code, from the entry on */
	struct grf_flow_context context;
	uint32_t *targets; /* offsets, in order */
	struct state *states;
	size_t target_count;
	grf_flow_value *memory; /* of all states, the one at work last */
	uint32_t value_count;   /* of each state */
	int64_t lowest;         /* offset of the first slot */
	int64_t exposed;        /* slots from here on have had their address taken */
	grf_flow_value put;     /* into the frame by an address in it, all of it */
	bool leaked;            /* such an address is where it is not followed */
	struct state now;
	grf_flow_value results[GRF_FLOW_RESULTS];
	bool changed;
	bool failed;
	bool quiet; /* looks only: nothing is told */
};

/* --- states ----------------------------------------------------------------------------------- */

static grf_flow_value *slot_at(struct grf_flow *flow, int64_t offset)
{
	int64_t index = (offset - flow->lowest) / WORD_BYTES;

	if (offset < flow->lowest || offset % WORD_BYTES ||
	    index >= (int64_t)(flow->value_count - GRF_FLOW_REGISTERS))
		return NULL;
	return &flow->now.values[GRF_FLOW_REGISTERS + index];
}

static grf_flow_value read_slot(struct grf_flow *flow, int64_t offset)
{
	const grf_flow_value *slot = slot_at(flow, offset);

	if (!slot || (offset >= flow->exposed && flow->leaked))
		return UNKNOWN;
	return offset < flow->exposed ? *slot : grf_flow_join(*slot, flow->put);
}

/* The address of data is where it is not followed. */
static void tell_data(struct grf_flow *flow, grf_flow_value value)
{
	if (grf_flow_kind(value) == GRF_FLOW_DATA && !flow->quiet)
		flow->context.escape(flow->context.context, grf_flow_address(value));
}

/* So is any other address that is followed. */
static void tell_escape(struct grf_flow *flow, grf_flow_value value)
{
	tell_data(flow, value);
	if (grf_flow_kind(value) != GRF_FLOW_FRAME || flow->leaked)
		return;
	flow->leaked = true;
	flow->changed = true;
}

/* Writes `bytes` from `offset` on; a word that is written in part is unknown. */
static void write_slots(struct grf_flow *flow, int64_t offset, uint64_t bytes, grf_flow_value value)
{
	int64_t first = offset & ~(int64_t)(WORD_BYTES - 1);
	bool whole = !(offset % WORD_BYTES) && !(bytes % WORD_BYTES);

	for (int64_t at = first; at < offset + (int64_t)bytes; at += WORD_BYTES) {
		grf_flow_value *slot = slot_at(flow, at);

		if (slot)
			*slot = whole ? value : UNKNOWN;
	}
	if (offset >= flow->exposed)
		tell_escape(flow, value);
}

/* Writes `bytes` somewhere in the frame. What is less than a word is no part of a pointer: the
 * compiler writes those at once. */
static void put_somewhere(struct grf_flow *flow, uint64_t bytes, grf_flow_value value)
{
	grf_flow_value joined = grf_flow_join(flow->put, value);

	tell_escape(flow, value);
	if (bytes < WORD_BYTES || joined == flow->put)
		return;
	flow->put = joined;
	flow->changed = true;
}

static void expose(struct grf_flow *flow, int64_t offset)
{
	if (offset >= flow->exposed)
		return;
	flow->exposed = offset;
	flow->changed = true;
}

/* Takes from what work is allowed. False: none is left. */
static bool afford(struct grf_flow *flow, uint64_t work)
{
	if (*flow->context.budget < work) {
		flow->failed = true;
		return false;
	}
	*flow->context.budget -= work;
	return true;
}

static void merge_into(struct grf_flow *flow, struct state *to)
{
	if (!flow->now.reached || !afford(flow, flow->value_count))
		return;
	if (!to->reached) {
		to->reached = true;
		to->stack = flow->now.stack;
		memcpy(to->values, flow->now.values, flow->value_count * sizeof(*to->values));
		flow->changed = true;
		return;
	}
	if (to->stack != flow->now.stack) {
		flow->failed = true;
		return;
	}
	for (uint32_t i = 0; i < flow->value_count; i++) {
		grf_flow_value joined = grf_flow_join(to->values[i], flow->now.values[i]);

		/* Data whose address meets another one may be either. */
		if (joined != flow->now.values[i])
			tell_data(flow, flow->now.values[i]);
		if (joined != to->values[i]) {
			tell_data(flow, to->values[i]);
			to->values[i] = joined;
			flow->changed = true;
		}
	}
}

static int by_offset(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return a < b ? -1 : a > b;
}

static struct state *state_at(const struct grf_flow *flow, uint64_t offset)
{
	uint32_t key = (uint32_t)offset;
	const uint32_t *found =
	    flow->target_count
		? bsearch(&key, flow->targets, flow->target_count, sizeof(key), by_offset)
		: NULL;

	return found ? &flow->states[found - flow->targets] : NULL;
}

/* --- operands --------------------------------------------------------------------------------- */

static void set_register(struct grf_flow *flow, unsigned int reg, grf_flow_value value)
{
	if (reg < GRF_FLOW_REGISTERS && reg != GRF_RSP)
		flow->now.values[reg] = value;
}

static bool on_stack(const struct grf_instruction *at)
{
	return at->is_memory && at->base == GRF_RSP && at->index == GRF_NO_REGISTER;
}

static bool has_kind(const struct grf_flow *flow, unsigned int reg, enum grf_flow_kind kind)
{
	return reg < GRF_FLOW_REGISTERS && grf_flow_kind(flow->now.values[reg]) == kind;
}

/* Whether an operand is where an address in the frame, or an index to one, leads. */
static bool somewhere_in_frame(const struct grf_flow *flow, const struct grf_instruction *at)
{
	return at->is_memory && (at->base == GRF_RSP || has_kind(flow, at->base, GRF_FLOW_FRAME) ||
				 has_kind(flow, at->index, GRF_FLOW_FRAME));
}

/* Where in a data segment an operand is, if that is known. */
static bool in_data(const struct grf_flow *flow, const struct grf_instruction *at, uint64_t next,
		    uint64_t *ret)
{
	grf_flow_value base;

	if (!at->is_memory || at->index != GRF_NO_REGISTER)
		return false;
	if (at->rip) {
		*ret = next + (uint64_t)(int64_t)at->displacement;
		return true;
	}
	if (at->base >= GRF_FLOW_REGISTERS)
		return false;
	base = flow->now.values[at->base];
	if (grf_flow_kind(base) != GRF_FLOW_DATA)
		return false;
	*ret = grf_flow_address(base) + (uint64_t)(int64_t)at->displacement;
	return true;
}

/* The operand that may be in memory, of 8 bytes, as it is read. */
static grf_flow_value operand(struct grf_flow *flow, const struct grf_instruction *at,
			      uint64_t next)
{
	uint64_t address;

	if (!at->is_memory)
		return flow->now.values[at->base & 15];
	if (on_stack(at)) {
		grf_flow_value value = read_slot(flow, flow->now.stack + at->displacement);

		return grf_flow_kind(value) == GRF_FLOW_UNSET ? UNKNOWN : value;
	}
	if (in_data(flow, at, next, &address))
		return flow->context.load(flow->context.context, address);
	return UNKNOWN;
}

/* Writes `bytes` to the operand that may be in memory. */
static void write_operand(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next,
			  uint64_t bytes, grf_flow_value value)
{
	uint64_t address;

	if (!at->is_memory) {
		set_register(flow, at->base & 15, value);
		return;
	}
	if (on_stack(at)) {
		write_slots(flow, flow->now.stack + at->displacement, bytes, value);
		return;
	}
	/* A place on the stack that an index chooses. */
	if (at->base == GRF_RSP)
		expose(flow, flow->now.stack + at->displacement);
	if (somewhere_in_frame(flow, at))
		put_somewhere(flow, bytes, value);
	tell_escape(flow, value);
	if (flow->quiet)
		return;
	if (in_data(flow, at, next, &address)) {
		for (uint64_t i = 0; i < bytes; i += WORD_BYTES)
			flow->context.store(flow->context.context, address + i, value);
	} else {
		/* Data that an index chooses. */
		if (at->base < GRF_FLOW_REGISTERS)
			tell_data(flow, flow->now.values[at->base]);
		if (at->index < GRF_FLOW_REGISTERS)
			tell_data(flow, flow->now.values[at->index]);
	}
}

/* --- instructions ----------------------------------------------------------------------------- */

/* What an instruction computes from a register is not followed, nor is what it may be used for. */
static void spoil(struct grf_flow *flow, unsigned int reg)
{
	tell_escape(flow, flow->now.values[reg & 15]);
	set_register(flow, reg & 15, UNKNOWN);
}

static void spoil_all(struct grf_flow *flow)
{
	for (unsigned int i = 0; i < GRF_FLOW_REGISTERS; i++)
		spoil(flow, i);
}

/* What a register is told to hold whatever it held before. */
static void overwrite(struct grf_flow *flow, const struct grf_instruction *at)
{
	if (!at->is_memory)
		tell_escape(flow, flow->now.values[at->base & 15]);
	set_register(flow, at->reg, UNKNOWN);
}

/* An address plus or minus a number leads to where the address does. */
static grf_flow_value moved(grf_flow_value value)
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
	value = moved(flow->now.values[at->base & 15]);
	if (value == UNKNOWN || (subtracts && grf_flow_kind(value) != GRF_FLOW_FRAME))
		return false;
	set_register(flow, at->base & 15, value);
	return true;
}

/* The same where the number, or the address, is in another register. */
static bool add_registers(struct grf_flow *flow, const struct grf_instruction *at)
{
	unsigned int to = at->opcode == 0x01 ? at->base & 15u : at->reg & 15u;
	unsigned int from = at->opcode == 0x01 ? at->reg & 15u : at->base & 15u;

	if (at->is_memory || !at->wide || from == GRF_RSP || to == GRF_RSP ||
	    (!has_kind(flow, from, GRF_FLOW_FRAME) && !has_kind(flow, to, GRF_FLOW_FRAME)))
		return false;
	tell_data(flow, flow->now.values[from]);
	tell_data(flow, flow->now.values[to]);
	set_register(flow, to, grf_flow_make(GRF_FLOW_FRAME, 0));
	return true;
}

/* Arithmetic on the operand that may be in memory. */
static void spoil_operand(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next)
{
	if (at->is_memory)
		write_operand(flow, at, next, WORD_BYTES, UNKNOWN);
	else
		spoil(flow, at->base);
}

/* What is not known by itself may change its operands, and the registers that some instructions
 * have without naming them: multiplications, divisions, those on strings, cpuid. */
static void take_other(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next)
{
	if (at->is_memory)
		write_operand(flow, at, next, 64, UNKNOWN);
	spoil_all(flow);
}

/* Writes `value` from where rdi leads to on; rdi leads on. */
static void fill(struct grf_flow *flow, grf_flow_value value)
{
	if (has_kind(flow, GRF_RDI, GRF_FLOW_FRAME))
		put_somewhere(flow, WORD_BYTES, value);
	else
		spoil(flow, GRF_RDI);
}

/* What a call may read, and leaves behind. Functions get nothing in rbp, nor behind r11 (Go's
 * internal ABI). */
static void pass_registers(struct grf_flow *flow, const struct grf_flow_call *call)
{
	for (unsigned int i = 0; i < GRF_FLOW_REGISTERS; i++) {
		if (i != GRF_RBP && i <= R11 && call->takes >> i & 1)
			tell_escape(flow, flow->now.values[i]);
		set_register(flow, i, UNKNOWN);
	}
}

/* What a call may read and write of the stack. */
static void pass_stack(struct grf_flow *flow, uint64_t size)
{
	if (size >= FRAME_MAX)
		size = FRAME_MAX;
	for (uint64_t i = 0; i < size; i += WORD_BYTES)
		tell_escape(flow, read_slot(flow, flow->now.stack + (int64_t)i));
	write_slots(flow, flow->now.stack, size, UNKNOWN);
}

/* A function that is not known has its arguments nobody knows how far up. */
static void pass_any_slot(struct grf_flow *flow)
{
	for (int64_t at = flow->now.stack; at < 0; at += WORD_BYTES)
		tell_escape(flow, read_slot(flow, at));
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
		set_register(flow, R11, UNKNOWN);
		return;
	}
	if (call.zeroes) {
		fill(flow, grf_flow_make(GRF_FLOW_NIL, 0));
		return;
	}
	pass_registers(flow, &call);
	for (unsigned int i = 0; i < GRF_FLOW_RESULTS; i++)
		set_register(flow, grf_flow_result_registers[i], call.results[i]);
	pass_stack(flow, call.args_size);
	if (!target)
		pass_any_slot(flow);
}

static void take_return(struct grf_flow *flow)
{
	for (unsigned int i = 0; i < GRF_FLOW_RESULTS; i++) {
		grf_flow_value value = flow->now.values[grf_flow_result_registers[i]];

		tell_data(flow, value);
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
		tell_data(flow, flow->now.values[i]);
	for (unsigned int i = 0; i < GRF_FLOW_RESULTS; i++)
		flow->results[i] = UNKNOWN;
}

static void take_branch(struct grf_flow *flow, uint64_t next, const struct grf_instruction *at)
{
	uint64_t offset = next - flow->entry + (uint64_t)at->immediate;
	struct state *to = offset < flow->length ? state_at(flow, offset) : NULL;

	if (to)
		merge_into(flow, to);
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
	expose(flow, flow->now.stack + at->displacement);
	return grf_flow_make(GRF_FLOW_FRAME, 0);
}

/* The address of a place that registers lead to. */
static grf_flow_value moved_address(struct grf_flow *flow, const struct grf_instruction *at)
{
	grf_flow_value base = at->base < GRF_FLOW_REGISTERS ? flow->now.values[at->base] : UNKNOWN;

	if (at->base < GRF_FLOW_REGISTERS)
		tell_data(flow, base);
	if (at->index < GRF_FLOW_REGISTERS)
		tell_data(flow, flow->now.values[at->index]);
	if (somewhere_in_frame(flow, at))
		return grf_flow_make(GRF_FLOW_FRAME, 0);
	/* Of two registers, either may be the address. */
	return at->index == GRF_NO_REGISTER && at->wide ? moved(base) : UNKNOWN;
}

static void take_lea(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next)
{
	grf_flow_value value;
	uint64_t address;

	if (on_stack(at) && at->reg == GRF_RSP) {
		flow->now.stack += at->displacement;
		return;
	}
	if (at->base == GRF_RSP)
		value = frame_address(flow, at);
	else if (in_data(flow, at, next, &address))
		value = flow->context.address(flow->context.context, address);
	else
		value = moved_address(flow, at);
	set_register(flow, at->reg, value);
}

static void take_immediate(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next,
			   uint64_t bytes)
{
	/* A nil is one of 8 bytes, or of 4 in a register, whose upper half is cleared. */
	bool nil = !at->immediate && (bytes == WORD_BYTES || (bytes == 4 && !at->is_memory));

	write_operand(flow, at, next, bytes, nil ? grf_flow_make(GRF_FLOW_NIL, 0) : UNKNOWN);
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
		tell_escape(flow, flow->now.values[at->reg & 15]);
		spoil_operand(flow, at, next);
	} else if (opcode < 0x40 && (opcode & 7) < 4) {
		if (!at->is_memory)
			tell_escape(flow, flow->now.values[at->base & 15]);
		spoil(flow, at->reg);
	} else if (opcode < 0x40 && (opcode & 7) < 6) {
		spoil(flow, GRF_RAX);
	} else if (opcode == 0x80 || opcode == 0x81 || opcode == 0x83 || opcode == 0xc0 ||
		   opcode == 0xc1 || (opcode >= 0xd0 && opcode <= 0xd3) ||
		   ((opcode == 0xfe || opcode == 0xff || opcode == 0xf6 || opcode == 0xf7) &&
		    extension < 4 && !(opcode == 0xff && extension > 1))) {
		spoil_operand(flow, at, next);
	} else if (opcode == 0xf6 || opcode == 0xf7) {
		spoil(flow, GRF_RAX);
		spoil(flow, GRF_RDX);
	} else if (opcode == 0x63 || opcode == 0x69 || opcode == 0x6b || opcode == 0x8a) {
		overwrite(flow, at);
	} else if (opcode == 0x86 || opcode == 0x87) {
		spoil_operand(flow, at, next);
		spoil(flow, at->reg);
	} else if (opcode == 0x98 || opcode == 0x99) {
		spoil(flow, opcode == 0x98 ? GRF_RAX : GRF_RDX);
	} else {
		take_other(flow, at, next);
	}
}

/* What a register holds that is copied to another one, or to memory. The stack pointer is an
 * address in the frame, but as a frame pointer, which nothing is written through. */
static grf_flow_value copied(struct grf_flow *flow, unsigned int reg, unsigned int to)
{
	if (reg != GRF_RSP)
		return flow->now.values[reg & 15];
	if (to == GRF_RBP)
		return UNKNOWN;
	expose(flow, flow->now.stack);
	return grf_flow_make(GRF_FLOW_FRAME, 0);
}

static void take_load(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next)
{
	grf_flow_value value = UNKNOWN;

	if (at->wide)
		value = !at->is_memory ? copied(flow, at->base, at->reg) : operand(flow, at, next);
	set_register(flow, at->reg, value);
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
		write_operand(
		    flow, at, next, bytes,
		    at->wide ? copied(flow, at->reg, at->is_memory ? GRF_NO_REGISTER : at->base)
			     : UNKNOWN);
	} else if (opcode == 0x88 || opcode == 0xc6) {
		write_operand(flow, at, next, 1, UNKNOWN);
	} else if (opcode == 0xc7 || (opcode & 0xf8) == 0xb8) {
		take_immediate(flow, at, next, bytes);
	} else if ((opcode == 0x31 || opcode == 0x33) && !at->is_memory && at->reg == at->base &&
		   !at->narrow) {
		set_register(flow, at->reg, grf_flow_make(GRF_FLOW_NIL, 0));
	} else if (opcode == 0x84 || opcode == 0x85 || opcode == 0xa8 || opcode == 0xa9 ||
		   (opcode >= 0x38 && opcode <= 0x3d) ||
		   ((opcode == 0x80 || opcode == 0x81 || opcode == 0x83) && (at->reg & 7) == 7) ||
		   ((opcode == 0xf6 || opcode == 0xf7) && (at->reg & 7) < 2) || opcode == 0x90 ||
		   opcode == 0xcc) {
		/* Comparisons change nothing. */
		return;
	} else if (opcode == 0xab && at->repeated && at->wide) {
		fill(flow, flow->now.values[GRF_RAX]);
		set_register(flow, GRF_RCX, UNKNOWN);
	} else if ((opcode & 0xf8) == 0x50) {
		tell_escape(flow, flow->now.values[at->base & 15]);
		flow->now.stack -= WORD_BYTES;
		write_slots(flow, flow->now.stack, WORD_BYTES, UNKNOWN);
	} else if ((opcode & 0xf8) == 0x58) {
		flow->now.stack += WORD_BYTES;
		set_register(flow, at->base, UNKNOWN);
	} else if (opcode == 0x9c || opcode == 0x9d) {
		flow->now.stack += opcode == 0x9c ? -WORD_BYTES : WORD_BYTES;
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
	grf_flow_value was = flow->now.values[at->reg & 15], other = operand(flow, at, next);
	grf_flow_value joined = at->wide ? grf_flow_join(was, other) : UNKNOWN;

	if (joined != was)
		tell_escape(flow, was);
	if (joined != other)
		tell_escape(flow, other);
	set_register(flow, at->reg, joined);
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
		write_operand(flow, at, next, 1, UNKNOWN);
	} else if (opcode == 0x11 && at->is_memory && !at->repeated && at->reg == ZERO_VECTOR) {
		write_operand(flow, at, next, VECTOR_BYTES, grf_flow_make(GRF_FLOW_NIL, 0));
	} else if (is_vector(opcode)) {
		if (at->is_memory && stores_vector(opcode))
			write_operand(flow, at, next, VECTOR_BYTES, UNKNOWN);
	} else if (opcode == 0xb6 || opcode == 0xb7 || opcode == 0xbe || opcode == 0xbf) {
		overwrite(flow, at);
	} else if (opcode == 0xaf || opcode == 0xbc || opcode == 0xbd || opcode == 0xb8 ||
		   opcode == 0x2c || opcode == 0x2d || opcode == 0x50 || opcode == 0xd7) {
		spoil(flow, at->reg);
	} else if (opcode == 0xb0 || opcode == 0xb1 || opcode == 0xc0 || opcode == 0xc1) {
		tell_escape(flow, flow->now.values[at->reg & 15]);
		spoil_operand(flow, at, next);
		spoil(flow, opcode < 0xc0 ? GRF_RAX : at->reg);
	} else if (opcode == 0x7e && !at->repeated) {
		write_operand(flow, at, next, WORD_BYTES, UNKNOWN);
	} else if (opcode != 0x7e && opcode != 0xa3) {
		take_other(flow, at, next);
	}
}

static void take(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next)
{
	/* A vector instruction may have a third operand. */
	if (at->map == GRF_OPCODES_ONE_BYTE)
		take_one_byte(flow, at, next);
	else if (at->map == GRF_OPCODES_0F)
		take_two_bytes(flow, at, next);
	else
		take_other(flow, at, next);
}

/* --- the way through -------------------------------------------------------------------------- */

/* The frame's words are none that is in use before the code writes them. */
static void begin(struct grf_flow *flow)
{
	flow->now.reached = true;
	flow->now.stack = 0;
	memset(flow->now.values, 0, flow->value_count * sizeof(*flow->now.values));
	for (int64_t at = flow->lowest; at < 0; at += WORD_BYTES)
		*slot_at(flow, at) = grf_flow_make(GRF_FLOW_UNSET, 0);
}

/* Goes through the code once, up to `stop` bytes of it. */
static void pass(struct grf_flow *flow, uint64_t stop)
{
	uint64_t offset = 0;
	size_t target = 0;

	begin(flow);
	for (size_t i = 0; i < flow->instructions.count && !flow->failed; i++) {
		const struct grf_instruction *at = &flow->instructions.items[i];

		while (target < flow->target_count && flow->targets[target] < offset)
			target++;
		if (target < flow->target_count && flow->targets[target] == offset) {
			struct state *saved = &flow->states[target];

			merge_into(flow, saved);
			flow->now.reached = saved->reached;
			flow->now.stack = saved->stack;
			memcpy(flow->now.values, saved->values,
			       flow->value_count * sizeof(*saved->values));
		}
		offset += at->length;
		if (offset > stop)
			return;
		if (flow->now.reached && afford(flow, 1))
			take(flow, at, flow->entry + offset);
	}
}

static bool is_branch(const struct grf_instruction *at)
{
	if (at->map == GRF_OPCODES_0F)
		return at->opcode >= 0x80 && at->opcode <= 0x8f;
	return at->map == GRF_OPCODES_ONE_BYTE &&
	       (at->opcode == 0xe9 || at->opcode == 0xeb || (at->opcode & 0xf0) == 0x70 ||
		at->opcode == 0xe3);
}

/* Reads the instructions: what branches lead to, and how much of the stack the function takes.
 * False: it is none to follow. */
static bool survey(struct grf_flow *flow, const uint8_t *code)
{
	struct grf_instruction at;
	int64_t frame = 0;
	size_t kept = 0;

	flow->targets = malloc((TARGETS_MAX + 1) * sizeof(*flow->targets));
	if (!flow->targets)
		return false;
	for (uint64_t offset = 0; offset < flow->length; offset += at.length) {
		struct grf_instruction *added;
		uint64_t target;

		if (!grf_instruction_read(code + offset, flow->length - offset, &at))
			return false;
		added = grf_array_add(&flow->instructions);
		if (!added)
			return false;
		*added = at;
		if (at.map == GRF_OPCODES_ONE_BYTE && (at.opcode == 0x83 || at.opcode == 0x81) &&
		    !at.is_memory && at.base == GRF_RSP) {
			int64_t taken = at.immediate < 0 ? -at.immediate : at.immediate;

			frame = taken > frame ? taken : frame;
		}
		target = offset + at.length + (uint64_t)at.immediate;
		if (!is_branch(&at) || target >= flow->length)
			continue;
		if (flow->target_count == TARGETS_MAX)
			return false;
		flow->targets[flow->target_count++] = (uint32_t)target;
	}
	qsort(flow->targets, flow->target_count, sizeof(*flow->targets), by_offset);
	for (size_t i = 0; i < flow->target_count; i++)
		if (!kept || flow->targets[kept - 1] != flow->targets[i])
			flow->targets[kept++] = flow->targets[i];
	flow->target_count = kept;
	frame = (frame < FRAME_MAX ? frame : FRAME_MAX) + (int64_t)4 * WORD_BYTES;
	flow->lowest = -(frame & ~(int64_t)(WORD_BYTES - 1));
	flow->value_count =
	    GRF_FLOW_REGISTERS + (uint32_t)((ABOVE_BYTES - flow->lowest) / WORD_BYTES);
	return true;
}

static bool make_room(struct grf_flow *flow)
{
	uint64_t values = (flow->target_count + 1) * (uint64_t)flow->value_count;

	if (values * sizeof(*flow->memory) > STATE_BYTES)
		return false;
	flow->memory = calloc(values, sizeof(*flow->memory));
	flow->states = calloc(flow->target_count + 1, sizeof(*flow->states));
	if (!flow->memory || !flow->states)
		return false;
	for (size_t i = 0; i < flow->target_count; i++)
		flow->states[i].values = flow->memory + i * flow->value_count;
	flow->now.values = flow->memory + flow->target_count * flow->value_count;
	return true;
}

struct grf_flow *grf_flow_create(const uint8_t *code, uint64_t length, uint64_t entry,
				 const struct grf_flow_context *context)
{
	struct grf_flow *flow;
	int passes = 0;

	if (length > FUNCTION_MAX)
		return NULL;
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return NULL;
	*flow = (struct grf_flow){
	    .length = length,
	    .entry = entry,
	    .context = *context,
	    .exposed = NOT_EXPOSED,
	    .put = grf_flow_make(GRF_FLOW_UNSET, 0),
	};
	flow->failed = !survey(flow, code) || !make_room(flow);
	do {
		if (flow->failed || passes++ == PASSES) {
			grf_flow_destroy(flow);
			return NULL;
		}
		for (unsigned int i = 0; i < GRF_FLOW_RESULTS; i++)
			flow->results[i] = grf_flow_make(GRF_FLOW_UNSET, 0);
		flow->changed = false;
		pass(flow, length);
	} while (flow->changed || flow->failed);
	return flow;
}

void grf_flow_refuse(const uint8_t *code, uint64_t length, uint64_t entry,
		     const struct grf_flow_context *context)
{
	struct grf_instruction at;

	for (uint64_t offset = 0; offset < length; offset++) {
		uint64_t address;

		if (!grf_instruction_read(code + offset, length - offset, &at) || !at.rip)
			continue;
		address = entry + offset + at.length + (uint64_t)(int64_t)at.displacement;
		if (at.map == GRF_OPCODES_ONE_BYTE &&
		    (at.opcode == 0x8b || (at.opcode >= 0x38 && at.opcode <= 0x3d)))
			continue;
		context->escape(context->context, address);
	}
}

void grf_flow_destroy(struct grf_flow *flow)
{
	if (!flow)
		return;
	grf_array_free(&flow->instructions);
	free(flow->targets);
	free(flow->states);
	free(flow->memory);
	free(flow);
}

void grf_flow_results(const struct grf_flow *flow, grf_flow_value ret[GRF_FLOW_RESULTS])
{
	memcpy(ret, flow->results, sizeof(flow->results));
}

/* Goes through the code up to the instruction around `pc`. False: it does not get there. */
static bool go_to(struct grf_flow *flow, uint64_t pc)
{
	if (pc < flow->entry || pc - flow->entry >= flow->length)
		return false;
	flow->quiet = true;
	pass(flow, pc - flow->entry);
	flow->quiet = false;
	return flow->now.reached && !flow->failed;
}

grf_flow_value grf_flow_slot(struct grf_flow *flow, uint64_t pc, int64_t offset)
{
	grf_flow_value value = go_to(flow, pc) ? read_slot(flow, offset) : UNKNOWN;

	return grf_flow_kind(value) == GRF_FLOW_UNSET ? UNKNOWN : value;
}

grf_flow_value grf_flow_register(struct grf_flow *flow, uint64_t pc, unsigned int reg)
{
	return reg < GRF_FLOW_REGISTERS && go_to(flow, pc) ? flow->now.values[reg] : UNKNOWN;
}

/* The return address stands just below the canonical frame address. */
static grf_flow_value slot(struct grf_flow *flow, uint64_t pc, int64_t offset)
{
	return grf_flow_slot(flow, pc, offset + WORD_BYTES);
}

const struct grf_arch_flow grf_amd64_flow = {
    .result_registers = grf_flow_result_registers,
    .context = 1u << GRF_RDX,
    .none = 1u << GRF_RSP,
    .create = grf_flow_create,
    .destroy = grf_flow_destroy,
    .refuse = grf_flow_refuse,
    .results = grf_flow_results,
    .slot = slot,
    .value_of = grf_flow_register,
    .entry_registers = grf_entry_registers,
};
