/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long an amd64 instruction is and what its operands are. What it does is left to who asks.
 */
#ifndef GRF_ARCH_AMD64_INSTRUCTIONS_H
#define GRF_ARCH_AMD64_INSTRUCTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Registers by their numbers in the encoding; 16: none. */
enum { GRF_RAX, GRF_RCX, GRF_RDX, GRF_RBX, GRF_RSP, GRF_RBP, GRF_RSI, GRF_RDI };
#define GRF_NO_REGISTER 16

/* Which table of opcodes the opcode is of. */
enum grf_opcode_map {
	GRF_OPCODES_ONE_BYTE,
	GRF_OPCODES_0F,
	GRF_OPCODES_0F38,
	GRF_OPCODES_0F3A,
	GRF_OPCODES_VECTOR, /* VEX and EVEX */
};

struct grf_instruction {
	uint8_t length;
	uint8_t map; /* enum grf_opcode_map */
	uint8_t opcode;
	bool wide;     /* 64-bit operands */
	bool narrow;   /* prefix 66 */
	bool repeated; /* prefix f2 or f3 */
	bool has_modrm;
	bool is_memory; /* the operand that may be in memory is; then base, index, displacement */
	bool rip;       /* memory at displacement from the next instruction */
	uint8_t reg;    /* register operand, or an extension of the opcode (its low 3 bits) */
	uint8_t base;   /* base register, or the operand when that is a register */
	uint8_t index;
	int32_t displacement;
	int64_t immediate; /* of branches: the distance from the next instruction */
};

/* Reads the instruction at `code`, of which `left` bytes are there. False: cut off, or none that
 * is known. */
bool grf_instruction_read(const uint8_t *code, uint64_t left, struct grf_instruction *ret);

#endif
