/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decodes the prefixes, opcode, ModRM byte, displacement and immediate of an instruction, from the
 * one-byte and two-byte opcode tables and from VEX and EVEX.
 */
#include "arch/amd64/instructions.h"

#include <string.h>

/* No instruction is longer. */
#define MAX_LENGTH 15

/* What is read of an instruction so far. */
struct reader {
	const uint8_t *code;
	uint64_t left;
	unsigned int at;
	uint8_t rex;
	struct grf_instruction *to;
};

static bool next_byte(struct reader *reader, uint8_t *ret)
{
	if (reader->at >= reader->left || reader->at >= MAX_LENGTH)
		return false;
	*ret = reader->code[reader->at++];
	return true;
}

/* A signed little-endian number of `size` bytes. */
static bool read_number(struct reader *reader, unsigned int size, int64_t *ret)
{
	uint64_t value = 0;
	uint8_t byte;

	for (unsigned int i = 0; i < size; i++) {
		if (!next_byte(reader, &byte))
			return false;
		value |= (uint64_t)byte << (8 * i);
	}
	if (size && size < 8 && value >> (8 * size - 1))
		value |= ~(uint64_t)0 << (8 * size);
	*ret = (int64_t)value;
	return true;
}

static bool read_displacement(struct reader *reader, unsigned int mode, bool wide_base)
{
	unsigned int size = mode == 1 ? 1 : mode == 2 || wide_base ? 4 : 0;
	int64_t value = 0;

	if (!read_number(reader, size, &value))
		return false;
	reader->to->displacement = (int32_t)value;
	return true;
}

static bool read_modrm(struct reader *reader)
{
	struct grf_instruction *to = reader->to;
	uint8_t modrm, sib;
	unsigned int mode;

	if (!next_byte(reader, &modrm))
		return false;
	mode = modrm >> 6;
	to->has_modrm = true;
	to->reg = (uint8_t)((modrm >> 3 & 7) | (reader->rex & 4) << 1);
	to->base = (uint8_t)((modrm & 7) | (reader->rex & 1) << 3);
	to->index = GRF_NO_REGISTER;
	to->is_memory = mode != 3;
	if (mode == 3)
		return true;
	if (mode == 0 && (modrm & 7) == 5) {
		to->rip = true;
		to->base = GRF_NO_REGISTER;
		return read_displacement(reader, mode, true);
	}
	if ((modrm & 7) != 4)
		return read_displacement(reader, mode, false);
	if (!next_byte(reader, &sib))
		return false;
	to->base = (uint8_t)((sib & 7) | (reader->rex & 1) << 3);
	to->index = (uint8_t)((sib >> 3 & 7) | (reader->rex & 2) << 2);
	if (to->index == GRF_RSP)
		to->index = GRF_NO_REGISTER;
	if (mode == 0 && (sib & 7) == 5) {
		to->base = GRF_NO_REGISTER;
		return read_displacement(reader, mode, true);
	}
	return read_displacement(reader, mode, false);
}

/* Whether an opcode of the one-byte table has a ModRM byte. */
static bool one_byte_modrm(uint8_t opcode)
{
	if (opcode < 0x40)
		return (opcode & 7) < 4;
	switch (opcode) {
	case 0x63:
	case 0x69:
	case 0x6b:
	case 0xc0:
	case 0xc1:
	case 0xc6:
	case 0xc7:
	case 0xf6:
	case 0xf7:
	case 0xfe:
	case 0xff:
		return true;
	default:
		return (opcode >= 0x80 && opcode <= 0x8f) || (opcode & 0xfc) == 0xd0 ||
		       (opcode & 0xf8) == 0xd8;
	}
}

/* The bytes of the immediate operand of an opcode of the one-byte table. */
static unsigned int one_byte_immediate(const struct grf_instruction *instruction)
{
	uint8_t opcode = instruction->opcode, extension = instruction->reg & 7;
	unsigned int full = instruction->narrow ? 2 : 4;

	if (opcode < 0x40)
		return (opcode & 7) == 4 ? 1 : (opcode & 7) == 5 ? full : 0;
	if ((opcode & 0xf0) == 0x70 || (opcode & 0xf8) == 0xb0 || (opcode & 0xf8) == 0xe0)
		/* e0 to e3 are branches, e4 to e7 ports. */
		return 1;
	if ((opcode & 0xf8) == 0xb8)
		return instruction->wide ? 8 : full;
	if ((opcode & 0xfc) == 0xa0)
		return 8;
	switch (opcode) {
	case 0x68:
	case 0x69:
	case 0x81:
	case 0xa9:
	case 0xc7:
		return full;
	case 0xe8:
	case 0xe9:
		return 4;
	case 0x6a:
	case 0x6b:
	case 0x80:
	case 0x83:
	case 0xa8:
	case 0xc0:
	case 0xc1:
	case 0xc6:
	case 0xcd:
	case 0xeb:
		return 1;
	case 0xc2:
		return 2;
	case 0xc8:
		return 3;
	case 0xf6:
		return extension < 2 ? 1 : 0;
	case 0xf7:
		return extension < 2 ? full : 0;
	default:
		return 0;
	}
}

static bool two_byte_modrm(uint8_t opcode)
{
	return !(opcode >= 0x05 && opcode <= 0x0b) && opcode != 0x0e &&
	       !(opcode >= 0x30 && opcode <= 0x37) && opcode != 0x77 &&
	       !(opcode >= 0x80 && opcode <= 0x8f) && !(opcode >= 0xa0 && opcode <= 0xa2) &&
	       !(opcode >= 0xa8 && opcode <= 0xaa) && !(opcode >= 0xc8 && opcode <= 0xcf);
}

static unsigned int two_byte_immediate(uint8_t opcode)
{
	if (opcode >= 0x80 && opcode <= 0x8f)
		return 4;
	switch (opcode) {
	case 0x70:
	case 0x71:
	case 0x72:
	case 0x73:
	case 0xa4:
	case 0xac:
	case 0xba:
	case 0xc2:
	case 0xc4:
	case 0xc5:
	case 0xc6:
		return 1;
	default:
		return 0;
	}
}

/* The rest of an instruction with a VEX or EVEX prefix of `size` bytes behind its first. */
static bool read_vector(struct reader *reader, unsigned int size)
{
	uint8_t prefix[3], table = 1;

	for (unsigned int i = 0; i < size; i++)
		if (!next_byte(reader, &prefix[i]))
			return false;
	/* The bits that extend registers are stored inverted. */
	reader->rex = (uint8_t)(~prefix[0] >> 5 & 4);
	if (size > 1) {
		table = prefix[0] & (size == 3 ? 7 : 0x1f);
		reader->rex = (uint8_t)(~prefix[0] >> 5 & 7);
	}
	reader->to->map = GRF_OPCODES_VECTOR;
	if (!next_byte(reader, &reader->to->opcode))
		return false;
	/* vzeroupper */
	if (table == 1 && reader->to->opcode == 0x77)
		return true;
	return read_modrm(reader) &&
	       read_number(reader,
			   table == 3 || (table == 1 && two_byte_immediate(reader->to->opcode)),
			   &reader->to->immediate);
}

static bool read_two_bytes(struct reader *reader)
{
	struct grf_instruction *to = reader->to;

	if (!next_byte(reader, &to->opcode))
		return false;
	if (to->opcode == 0x38 || to->opcode == 0x3a) {
		to->map = to->opcode == 0x38 ? GRF_OPCODES_0F38 : GRF_OPCODES_0F3A;
		return next_byte(reader, &to->opcode) && read_modrm(reader) &&
		       read_number(reader, to->map == GRF_OPCODES_0F3A, &to->immediate);
	}
	to->map = GRF_OPCODES_0F;
	if (two_byte_modrm(to->opcode) && !read_modrm(reader))
		return false;
	return read_number(reader, two_byte_immediate(to->opcode), &to->immediate);
}

/* Reads up to the opcode. */
static bool read_prefixes(struct reader *reader, uint8_t *ret)
{
	for (;;) {
		if (!next_byte(reader, ret))
			return false;
		switch (*ret) {
		case 0x66:
			reader->to->narrow = true;
			break;
		case 0xf2:
		case 0xf3:
			reader->to->repeated = true;
			break;
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x26:
		case 0x64:
		case 0x65:
		case 0xf0:
			break;
		default:
			if ((*ret & 0xf0) != 0x40)
				return true;
			/* A REX prefix stands just before the opcode. */
			reader->rex = *ret;
			reader->to->wide = (*ret & 8) != 0;
			return next_byte(reader, ret);
		}
	}
}

static bool read_one_byte(struct reader *reader)
{
	struct grf_instruction *to = reader->to;

	if (one_byte_modrm(to->opcode) && !read_modrm(reader))
		return false;
	/* push, pop, xchg, mov of an immediate: the register is in the opcode. */
	if (!to->has_modrm)
		to->base = (uint8_t)((to->opcode & 7) | (reader->rex & 1) << 3);
	return read_number(reader, one_byte_immediate(to), &to->immediate);
}

bool grf_instruction_read(const uint8_t *code, uint64_t left, struct grf_instruction *ret)
{
	struct reader reader = {.code = code, .left = left, .to = ret};
	uint8_t byte;
	bool read;

	memset(ret, 0, sizeof(*ret));
	ret->index = GRF_NO_REGISTER;
	if (!read_prefixes(&reader, &byte))
		return false;
	if (byte == 0xc5 || byte == 0xc4 || byte == 0x62) {
		read = read_vector(&reader, byte == 0xc5 ? 1 : byte == 0xc4 ? 2 : 3);
	} else if (byte == 0x0f) {
		read = read_two_bytes(&reader);
	} else {
		ret->opcode = byte;
		read = read_one_byte(&reader);
	}
	ret->length = (uint8_t)reader.at;
	return read;
}
