/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of a target, which is little-endian, from our memory at any alignment. */
#ifndef GRF_BASE_LOAD_H
#define GRF_BASE_LOAD_H

#include <stdint.h>
#include <string.h>

/* Of a pointer, and of all that is laid out by it. */
#define GRF_WORD_BYTES UINT64_C(8)

static inline uint64_t grf_load_u64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline uint32_t grf_load_u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline uint16_t grf_load_u16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

#endif
