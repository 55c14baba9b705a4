/* SPDX-License-Identifier: BSD-2-Clause */
/* What a function may look at: by what it loads when its stack has grown, and by its beginning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/amd64/flow.h"
#include "arch/amd64/instructions.h"
#include "pieced_code.h"

#define GROWS   UINT64_C(0x500000)
#define CONTEXT UINT64_C(0x500100)
#define OTHER   UINT64_C(0x600000) /* looks at rax and rcx */

#define BIT(reg) (1u << (reg))

static struct grf_entry_callee callee_at(void *context, uint64_t target)
{
	(void)context;
	if (target == GROWS || target == CONTEXT)
		return (struct grf_entry_callee){true, target == CONTEXT ? BIT(GRF_RDX) : 0};
	return (struct grf_entry_callee){false, target == OTHER ? BIT(GRF_RAX) | BIT(GRF_RCX)
								: GRF_ALL_REGISTERS};
}

static void put_far(uint8_t opcode, uint64_t target)
{
	int32_t distance = (int32_t)(target - (ENTRY + code.length + 5));

	PUT(opcode);
	put(&distance, 4);
}

static grf_register_set registers(void)
{
	const struct grf_code all = pieced_code();

	return grf_entry_registers(&all, callee_at, NULL);
}

static int begin(void **state)
{
	(void)state;
	code.length = 0;
	return 0;
}

static void put_growth(uint64_t target, uint64_t back)
{
	PUT(0x49, 0x3b, 0x66, 0x10);       /* cmp rsp, [r14+16] */
	PUT(0x76, 3);                      /* jbe over what follows */
	PUT(0x48, 0x01, 0xd8);             /* add rax, rbx */
	PUT(0xc3);                         /* ret */
	PUT(0x48, 0x89, 0x44, 0x24, 0x08); /* mov [rsp+8], rax */
	put_far(0xe8, target);
	PUT(0x48, 0x8b, 0x44, 0x24, 0x08);       /* mov rax, [rsp+8] */
	PUT(0x0f, 0xb6, 0x5c, 0x24, 0x10);       /* movzx ebx, byte [rsp+16] */
	PUT(0xf2, 0x0f, 0x10, 0x44, 0x24, 0x18); /* movsd xmm0, [rsp+24] */
	PUT(0x0f, 0x1f, 0x40, 0x00);             /* nop */
	put_far(0xe9, back);
}

static void test_growth(void **state)
{
	put_growth(GROWS, ENTRY);
	assert_int_equal(registers(), BIT(GRF_RAX) | BIT(GRF_RBX));
	begin(state);
	put_growth(CONTEXT, ENTRY);
	assert_int_equal(registers(), BIT(GRF_RAX) | BIT(GRF_RBX) | BIT(GRF_RDX));
	/* What does not begin anew is not that. */
	begin(state);
	put_growth(GROWS, ENTRY + 4);
	assert_true(registers() & BIT(GRF_RDX));
	begin(state);
	put_growth(GROWS, ENTRY);
	code.length -= 5;
	assert_true(registers() & BIT(GRF_RDX));
}

/* Without a check of the stack: runtime.chansend1 is like the first. */
static void test_beginning(void **state)
{
	PUT(0x55, 0x48, 0x89, 0xe5);       /* push rbp; mov rbp, rsp */
	PUT(0x48, 0x83, 0xec, 0x20);       /* sub rsp, 32 */
	PUT(0xb9, 1, 0, 0, 0);             /* mov ecx, 1 */
	PUT(0x48, 0x8b, 0x7c, 0x24, 0x28); /* mov rdi, [rsp+40] */
	PUT(0x48, 0x89, 0x1c, 0x24);       /* mov [rsp], rbx */
	put_far(0xe8, OTHER);
	assert_int_equal(registers(), BIT(GRF_RAX) | BIT(GRF_RBX) | BIT(GRF_RBP));
	begin(state);
	PUT(0x31, 0xc0, 0xc3); /* xor eax, eax; ret */
	assert_false(registers() & (BIT(GRF_RAX) | BIT(GRF_RDX)));
	assert_true(registers() & BIT(GRF_RBX));
	begin(state);
	PUT(0x48, 0x8b, 0x42, 0x08, 0xc3); /* mov rax, [rdx+8]; ret */
	assert_true(registers() & BIT(GRF_RDX));
	begin(state);
	PUT(0x31, 0xd2);       /* xor edx, edx */
	PUT(0x74, 0x00, 0xc3); /* je */
	assert_false(registers() & BIT(GRF_RDX));
	assert_true(registers() & BIT(GRF_RAX));
	begin(state);
	assert_true(registers() & BIT(GRF_RAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_growth, begin),
	    cmocka_unit_test_setup(test_beginning, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
