/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An instruction is a byte and what follows it:
 *	0nnnnnnn	n bits follow, in bytes, the first in the lowest bit; n = 0 ends the program
 *	1nnnnnnn c	the last n bits again, c times
 *	10000000 n c	likewise
 * n and c are varints.
 */
#include "model/heap/gc_program.h"

#include <stddef.h>

struct program {
	const uint8_t *at, *end;
	uint8_t *bits;
	uint64_t written, words;
};

static bool take_number(struct program *program, uint64_t *ret)
{
	*ret = 0;
	for (unsigned int shift = 0; shift < 63 && program->at < program->end; shift += 7) {
		uint8_t byte = *program->at++;

		*ret |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

static void write_bit(struct program *program, unsigned int bit)
{
	program->bits[program->written / 8] |= (uint8_t)(bit << (program->written % 8));
	program->written++;
}

static bool copy_literal(struct program *program, uint64_t count)
{
	const uint8_t *from = program->at;

	if ((count + 7) / 8 > (uint64_t)(program->end - program->at))
		return false;
	program->at += (count + 7) / 8;
	for (uint64_t i = 0; i < count && program->written < program->words; i++)
		write_bit(program, from[i / 8] >> (i % 8) & 1);
	return true;
}

static bool repeat_bits(struct program *program, uint64_t count)
{
	uint64_t times, left = program->words - program->written, from;

	if ((!count && !take_number(program, &count)) || !take_number(program, &times) || !count ||
	    count > program->written)
		return false;
	if (times <= left / count)
		left = times * count;
	from = program->written - count;
	for (; left; left--, from++)
		write_bit(program, program->bits[from / 8] >> (from % 8) & 1);
	return true;
}

bool grf_gc_program_run(const uint8_t *program, uint64_t length, uint8_t *bits, uint64_t words)
{
	struct program run = {program, program + length, bits, 0, words};

	while (run.written < run.words && run.at < run.end) {
		uint8_t instruction = *run.at++;

		if (!instruction)
			return true;
		if (!(instruction & 0x80 ? repeat_bits(&run, instruction & 0x7f)
					 : copy_literal(&run, instruction)))
			return false;
	}
	return run.written == run.words;
}
