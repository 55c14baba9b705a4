/* SPDX-License-Identifier: BSD-2-Clause */
/* Lengths and operands of instructions, as Go's compiler uses them, and what is cut off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/amd64/instructions.h"

static struct grf_instruction last;

/* Reads an instruction that must take all of its bytes, and no fewer. */
static void read_whole(const uint8_t *code, uint64_t length)
{
	struct grf_instruction part;
	uint8_t more[32];

	memset(more, 0x90, sizeof(more));
	memcpy(more, code, length);
	assert_true(grf_instruction_read(more, sizeof(more), &last));
	assert_int_equal(last.length, length);
	for (uint64_t left = 0; left < length; left++)
		assert_false(grf_instruction_read(code, left, &part));
}

#define READ(...) read_whole((const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static void test_lengths(void **state)
{
	(void)state;
	READ(0xc3);                                  /* ret */
	READ(0x55);                                  /* push rbp */
	READ(0x48, 0x83, 0xec, 0x18);                /* sub rsp, 24 */
	READ(0x48, 0x81, 0xec, 0x80, 0, 0, 0);       /* sub rsp, 128 */
	READ(0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8);    /* mov rax, imm64 */
	READ(0xb8, 1, 2, 3, 4);                      /* mov eax, imm32 */
	READ(0x66, 0xb8, 1, 2);                      /* mov ax, imm16 */
	READ(0x48, 0xc7, 0x44, 0x24, 8, 1, 2, 3, 4); /* mov qword [rsp+8], imm32 */
	READ(0xf6, 0x44, 0x24, 8, 1);                /* test byte [rsp+8], 1 */
	READ(0xf7, 0xd8);                            /* neg eax */
	READ(0xe8, 1, 2, 3, 4);                      /* call */
	READ(0x0f, 0x84, 1, 2, 3, 4);                /* je */
	READ(0x0f, 0x1f, 0x44, 0, 0);                /* nop */
	READ(0xf2, 0x0f, 0x10, 0x04, 0xcc);          /* movsd xmm0, [rsp+rcx*8] */
	READ(0x44, 0x0f, 0x11, 0x7c, 0x24, 0x30);    /* movups [rsp+48], xmm15 */
	READ(0x66, 0x0f, 0x3a, 0x0f, 0xc1, 8);       /* palignr xmm0, xmm1, 8 */
	READ(0xc5, 0xf8, 0x77);                      /* vzeroupper */
	READ(0xf0, 0x48, 0x0f, 0xb1, 0x0a);          /* lock cmpxchg [rdx], rcx */
}

static void test_operands(void **state)
{
	(void)state;
	READ(0x48, 0x8d, 0x05, 0x10, 0, 0, 0); /* lea rax, [rip+16] */
	assert_int_equal(last.opcode, 0x8d);
	assert_true(last.rip && last.wide && last.is_memory);
	assert_int_equal(last.displacement, 16);
	assert_int_equal(last.reg, GRF_RAX);
	READ(0x4c, 0x8b, 0xa4, 0x24, 0xf0, 0xff, 0xff, 0xff); /* mov r12, [rsp-16] */
	assert_int_equal(last.reg, 12);
	assert_int_equal(last.base, GRF_RSP);
	assert_int_equal(last.index, GRF_NO_REGISTER);
	assert_int_equal(last.displacement, -16);
	READ(0x4b, 0x8d, 0x44, 0xb5, 0x08); /* lea rax, [r13+r14*4+8] */
	assert_int_equal(last.base, 13);
	assert_int_equal(last.index, 14);
	READ(0x48, 0x89, 0xc3); /* mov rbx, rax */
	assert_false(last.is_memory);
	assert_int_equal(last.base, GRF_RBX);
	READ(0xeb, 0xfe); /* jmp to itself */
	assert_int_equal(last.immediate, -2);
	READ(0xe8, 0xfc, 0xff, 0xff, 0xff);
	assert_int_equal(last.immediate, -4);
	READ(0x48, 0x8b, 0x04, 0x25, 0x10, 0, 0, 0); /* mov rax, [16] */
	assert_int_equal(last.base, GRF_NO_REGISTER);
	assert_int_equal(last.displacement, 16);
}

static void test_nothing_longer_than_fifteen_bytes(void **state)
{
	uint8_t prefixes[32];
	struct grf_instruction instruction;

	(void)state;
	memset(prefixes, 0x66, sizeof(prefixes));
	assert_false(grf_instruction_read(prefixes, sizeof(prefixes), &instruction));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_operands),
	    cmocka_unit_test(test_nothing_longer_than_fifteen_bytes),
	};

	return cmocka_run_group_tests_name("instructions", tests, NULL, NULL);
}
