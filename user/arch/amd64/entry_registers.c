/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the registers in which a function may receive something, from the code that grows its
 * stack or from its first instructions.
 */
#include "arch/amd64/flow.h"

#include "arch/amd64/amd64.h"
#include "arch/amd64/instructions.h"

#define LOADS_MAX   64 /* behind the call of runtime.morestack */
#define LEADING_MAX 64 /* instructions that a function begins with */

static grf_register_set register_bit(unsigned int reg)
{
	return reg < GRF_NO_REGISTER ? (grf_register_set)(1u << reg) : 0;
}

/* Those that results come in. */
static grf_register_set result_registers(void)
{
	grf_register_set all = 0;

	for (size_t i = 0; i < GRF_FLOW_RESULTS; i++)
		all |= register_bit(grf_flow_result_registers[i]);
	return all;
}

static bool is_no_operation(const struct grf_instruction *at)
{
	return at->map == GRF_OPCODES_ONE_BYTE ? at->opcode == 0x90
					       : at->map == GRF_OPCODES_0F && at->opcode == 0x1f;
}

/* A load from the stack into one register, of whatever size. */
static bool is_load(const struct grf_instruction *at)
{
	if (!at->is_memory || at->base != GRF_RSP || at->index != GRF_NO_REGISTER)
		return false;
	if (at->map == GRF_OPCODES_ONE_BYTE)
		return at->opcode == 0x8b || at->opcode == 0x63;
	return at->map == GRF_OPCODES_0F && (at->opcode == 0xb6 || at->opcode == 0xb7 ||
					     at->opcode == 0xbe || at->opcode == 0xbf);
}

/* The same into a vector register. */
static bool is_vector_load(const struct grf_instruction *at)
{
	return at->map == GRF_OPCODES_0F && at->opcode == 0x10 && at->is_memory &&
	       at->base == GRF_RSP && at->index == GRF_NO_REGISTER;
}

/* What is loaded from `offset` on before the function begins again. False: it does not. */
static bool loads_again(const struct grf_code *code, uint64_t offset, grf_register_set *ret)
{
	struct grf_instruction at;

	*ret = 0;
	for (int i = 0; i < LOADS_MAX && offset < code->length; i++) {
		if (!grf_instruction_read(code->bytes + offset, code->length - offset, &at))
			return false;
		offset += at.length;
		if (at.map == GRF_OPCODES_ONE_BYTE && (at.opcode == 0xe9 || at.opcode == 0xeb))
			return !(offset + (uint64_t)at.immediate);
		if (is_load(&at))
			*ret |= register_bit(at.reg);
		else if (!is_vector_load(&at) && !is_no_operation(&at))
			return false;
	}
	return false;
}

/* Looks for where the stack is made to grow. */
static bool find_growth(const struct grf_code *code, grf_entry_callee_at *callee_at, void *context,
			grf_register_set *ret)
{
	struct grf_code_reference call;

	for (uint64_t at = 0; grf_amd64_next_call(code, at, &call); at = call.at + 1) {
		struct grf_entry_callee callee = callee_at(context, call.target);

		if (!callee.grows_stack || !loads_again(code, call.end, ret))
			continue;
		*ret |= callee.reads;
		return true;
	}
	return false;
}

/* What an instruction reads and writes. False: that is not known. */
static bool takes_registers(const struct grf_instruction *at, grf_register_set *ret_reads,
			    grf_register_set *ret_writes)
{
	grf_register_set operand = register_bit(at->base) | register_bit(at->index);

	*ret_reads = *ret_writes = 0;
	if (is_no_operation(at))
		return true;
	if (at->map != GRF_OPCODES_ONE_BYTE)
		return false;
	if (at->opcode == 0x8b || at->opcode == 0x8d) {
		*ret_reads = operand;
		*ret_writes = register_bit(at->reg);
	} else if (at->opcode == 0x89) {
		*ret_reads = register_bit(at->reg) | (at->is_memory ? operand : 0);
		*ret_writes = at->is_memory ? 0 : operand;
	} else if (at->opcode == 0xc7 || (at->opcode & 0xf8) == 0xb8) {
		*ret_reads = at->is_memory ? operand : 0;
		*ret_writes = at->is_memory ? 0 : register_bit(at->base);
	} else if ((at->opcode == 0x31 || at->opcode == 0x33) && !at->is_memory &&
		   at->reg == at->base) {
		*ret_writes = register_bit(at->reg);
	} else if ((at->opcode & 0xf8) == 0x50) {
		*ret_reads = register_bit(at->base);
	} else if (at->opcode == 0x81 || at->opcode == 0x83) {
		*ret_reads = operand;
	} else {
		return false;
	}
	return true;
}

/* What the function looks at before it first goes elsewhere, and what may be looked at from then
 * on: what it has not written. */
static grf_register_set read_first(const struct grf_code *code, grf_entry_callee_at *callee_at,
				   void *context)
{
	grf_register_set read = 0, written = 0, reads, writes;
	struct grf_instruction at;
	uint64_t offset = 0;

	for (int i = 0; i < LEADING_MAX && offset < code->length; i++, offset += at.length) {
		if (!grf_instruction_read(code->bytes + offset, code->length - offset, &at))
			break;
		if (at.map == GRF_OPCODES_ONE_BYTE && at.opcode == 0xe8)
			return read | (callee_at(context, code->address + offset + at.length +
							      (uint64_t)at.immediate)
					   .reads &
				       ~written);
		if (at.map == GRF_OPCODES_ONE_BYTE && at.opcode == 0xc3)
			return read | (result_registers() & ~written);
		if (!takes_registers(&at, &reads, &writes))
			break;
		read |= reads & ~written;
		written |= writes;
	}
	return read | (grf_register_set)~written;
}

grf_register_set grf_entry_registers(const struct grf_code *code, grf_entry_callee_at *callee_at,
				     void *context)
{
	grf_register_set reads;

	if (!find_growth(code, callee_at, context, &reads))
		reads = read_first(code, callee_at, context);
	return reads & (grf_register_set)~register_bit(GRF_RSP);
}
