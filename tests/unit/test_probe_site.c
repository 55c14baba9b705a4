/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a probe leaves no trace: in the prologues that Go's compilers of all releases make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/live.h"

#define NOWHERE SIZE_MAX

static size_t site(const void *code, size_t length)
{
	size_t within;

	return grf_probe_site(code, length, &within) ? within : NOWHERE;
}

#define SITE(...) site((const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static void test_prologues(void **state)
{
	(void)state;
	/* cmp rsp, [r14+16]; jbe: a small frame. */
	assert_int_equal(SITE(0x49, 0x3b, 0x66, 0x10, 0x76, 0x20, 0x55), 4);
	/* the jump with a distance of four bytes */
	assert_int_equal(SITE(0x49, 0x3b, 0x66, 0x10, 0x0f, 0x86, 1, 2, 0, 0), 4);
	/* lea r12, [rsp-128]; cmp r12, [r14+16]; jbe */
	assert_int_equal(SITE(0x4c, 0x8d, 0x64, 0x24, 0x80, 0x4d, 0x3b, 0x66, 0x10, 0x76, 1), 9);
	/* lea r12, [rsp-4096] */
	assert_int_equal(SITE(0x4c, 0x8d, 0xa4, 0x24, 0, 0xf0, 0xff, 0xff, 0x4d, 0x3b, 0x66, 0x10,
			      0x0f, 0x86, 0, 0, 0, 0),
			 12);
	/* mov rcx, fs:[-8]; cmp rsp, [rcx+16]; jbe */
	assert_int_equal(SITE(0x64, 0x48, 0x8b, 0x0c, 0x25, 0xf8, 0xff, 0xff, 0xff, 0x48, 0x3b,
			      0x61, 0x10, 0x76, 5),
			 13);
	/* the same in position-independent code */
	assert_int_equal(SITE(0x48, 0x8b, 0x0d, 1, 2, 3, 0, 0x64, 0x48, 0x8b, 0x09, 0x48, 0x3b,
			      0x61, 0x10, 0x76, 5),
			 15);
	/* mov r14, fs:[-8]; cmp rsp, [r14+24]; jbe: Go 1.17 with noregabi */
	assert_int_equal(SITE(0x64, 0x4c, 0x8b, 0x34, 0x25, 0xf8, 0xff, 0xff, 0xff, 0x49, 0x3b,
			      0x66, 0x18, 0x0f, 0x86, 0xb3, 1, 0, 0),
			 13);
	/* mov r14, -8; mov r14, fs:[r14]: the same in position-independent code */
	assert_int_equal(SITE(0x49, 0xc7, 0xc6, 0xf8, 0xff, 0xff, 0xff, 0x64, 0x4d, 0x8b, 0x36,
			      0x49, 0x3b, 0x66, 0x18, 0x76, 5),
			 15);
	/* and by the system's linker */
	assert_int_equal(SITE(0x4c, 0x8b, 0x35, 1, 2, 3, 0, 0x64, 0x4d, 0x8b, 0x36, 0x49, 0x3b,
			      0x66, 0x18, 0x76, 5),
			 15);
	/* No check at all: the frame pointer is pushed at once. */
	assert_int_equal(SITE(0x55, 0x48, 0x89, 0xe5), 0);
}

static void test_other_code(void **state)
{
	(void)state;
	/* sub rsp, 24: the kernel would have to run a copy of it. */
	assert_int_equal(SITE(0x48, 0x83, 0xec, 0x18, 0x55, 0x90), NOWHERE);
	/* int3: somebody else's breakpoint. */
	assert_int_equal(SITE(0xcc, 0x3b, 0x66, 0x10, 0x76, 0x20), NOWHERE);
	/* Cut off within the check, and within the jump. */
	assert_int_equal(SITE(0x49, 0x3b, 0x66), NOWHERE);
	assert_int_equal(SITE(0x49, 0x3b, 0x66, 0x10, 0x76), NOWHERE);
	assert_int_equal(site("", 0), NOWHERE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_prologues),
	    cmocka_unit_test(test_other_code),
	};

	return cmocka_run_group_tests_name("probe site", tests, NULL, NULL);
}
