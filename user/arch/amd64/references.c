/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions that name an address, recognised by their bytes wherever they stand: an address is
 * taken by
 *
 *	lea  disp32(%rip), %r64
 *
 * and a call is e8 with a distance.
 */
#include "arch/amd64/amd64.h"

#include <string.h>

#include "arch/amd64/instructions.h"
#include "base/load.h"

#define LEA_LENGTH  7
#define CALL_LENGTH 5
#define CALL        0xe8

static bool is_lea(const uint8_t *code)
{
	return (code[0] & 0xfb) == 0x48 && code[1] == 0x8d && (code[2] & 0xc7) == 0x05;
}

/* The address that an instruction of `length` bytes at an offset names by its last four. */
static struct grf_code_reference make_reference(const struct grf_code *code, uint64_t at,
						uint64_t length)
{
	int32_t distance = (int32_t)grf_load_u32(code->bytes + at + length - sizeof(distance));

	return (struct grf_code_reference){
	    at, at + length, code->address + at + length + (uint64_t)(int64_t)distance};
}

bool grf_amd64_next_address(const struct grf_code *code, uint64_t from,
			    struct grf_code_reference *ret)
{
	for (uint64_t at = from; at + LEA_LENGTH <= code->length; at++) {
		if (!is_lea(code->bytes + at))
			continue;
		*ret = make_reference(code, at, LEA_LENGTH);
		return true;
	}
	return false;
}

bool grf_amd64_next_call(const struct grf_code *code, uint64_t from, struct grf_code_reference *ret)
{
	const uint8_t *found;

	if (from >= code->length || code->length - from < CALL_LENGTH)
		return false;
	found = memchr(code->bytes + from, CALL, code->length - from - CALL_LENGTH + 1);
	if (!found)
		return false;
	*ret = make_reference(code, (uint64_t)(found - code->bytes), CALL_LENGTH);
	return true;
}

size_t grf_amd64_named_addresses(const struct grf_code *code, uint64_t *ret, size_t capacity)
{
	struct grf_instruction instruction;
	size_t count = 0;

	for (uint64_t at = 0; at < code->length && count < capacity;) {
		if (!grf_instruction_read(code->bytes + at, code->length - at, &instruction))
			break;
		at += instruction.length;
		if (instruction.rip)
			ret[count++] =
			    code->address + at + (uint64_t)(int64_t)instruction.displacement;
	}
	return count;
}

/* Whether the ModRM byte at `at` may be of an instruction that only reads its operand: a load, or a
 * comparison with a constant, as of runtime.writeBarrier before pointers are stored. */
static bool may_only_read(const uint8_t *at)
{
	if (at[-2] == 0x0f || at[-2] == 0x38 || at[-2] == 0x3a)
		return false;
	return at[-1] == 0x8b || (at[-1] == 0x83 && (at[0] & 0x38) == 0x38);
}

/* From whatever byte on instructions are read, such an operand is a ModRM byte of one form and a
 * distance. A constant of up to four bytes may follow. */
bool grf_amd64_may_write(const struct grf_code *code, grf_arch_is_data *is_data, void *context)
{
	const uint8_t *bytes = code->bytes;

	for (uint64_t i = 2; i + 1 + sizeof(uint32_t) <= code->length; i++) {
		uint64_t target;

		if ((bytes[i] & 0xc7) != 0x05 || may_only_read(bytes + i))
			continue;
		target = make_reference(code, i, 1 + sizeof(uint32_t)).target;
		if (is_data(context, target) || is_data(context, target + sizeof(uint32_t)))
			return true;
	}
	return false;
}
