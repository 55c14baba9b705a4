/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers that look random: the same from the same seed on every machine. */
#ifndef GRF_TESTS_DRAW_H
#define GRF_TESTS_DRAW_H

#include <stdint.h>

static uint64_t random_state;

/* xorshift64* */
static inline uint32_t draw(uint32_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * 0x2545f4914f6cdd1du) >> 33) % below;
}

#endif
