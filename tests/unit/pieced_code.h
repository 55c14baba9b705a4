/* SPDX-License-Identifier: BSD-2-Clause */
/* Machine code that a test puts together piece by piece, to stand at ENTRY. */
#ifndef GRF_TESTS_PIECED_CODE_H
#define GRF_TESTS_PIECED_CODE_H

#include <stdint.h>
#include <string.h>

#include "arch/code.h"

#define ENTRY UINT64_C(0x400000)

static struct {
	uint8_t bytes[512];
	uint64_t length;
} code;

static void put(const void *bytes, uint64_t length)
{
	memcpy(code.bytes + code.length, bytes, length);
	code.length += length;
}

#define PUT(...) put((const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static inline struct grf_code pieced_code(void)
{
	return (struct grf_code){code.bytes, code.length, ENTRY};
}

#endif
