/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a uprobe leaves no trace: the kernel carries out jumps, calls and pushes of a register by
 * itself. */
#include "arch/live.h"

/* An instruction of Go's stack check (cmd/internal/obj/x86, stacksplit): the bytes that are the
 * same in all its forms. */
struct pattern {
	uint8_t length;
	uint8_t bytes[9];
	uint8_t mask[9];
};

static const struct pattern stack_check[] = {
    /* cmp rsp, [r14+disp8]: the check of a small frame; g is in r14 since Go 1.17 */
    {4, {0x49, 0x3b, 0x66}, {0xff, 0xff, 0xff}},
    /* lea r12, [rsp-disp8], lea r12, [rsp-disp32] */
    {5, {0x4c, 0x8d, 0x64, 0x24}, {0xff, 0xff, 0xff, 0xff}},
    {8, {0x4c, 0x8d, 0xa4, 0x24}, {0xff, 0xff, 0xff, 0xff}},
    /* cmp r12, [r14+disp8] */
    {4, {0x4d, 0x3b, 0x66}, {0xff, 0xff, 0xff}},
    /* mov rcx, fs:[disp32]: g before it was kept in a register (noregabi, cgo callbacks) */
    {9, {0x64, 0x48, 0x8b, 0x0c, 0x25}, {0xff, 0xff, 0xff, 0xff, 0xff}},
    /* mov rcx, [rip+disp32] and mov rcx, fs:[rcx]: the same in position-independent code */
    {7, {0x48, 0x8b, 0x0d}, {0xff, 0xff, 0xff}},
    {4, {0x64, 0x48, 0x8b, 0x09}, {0xff, 0xff, 0xff, 0xff}},
    /* the same into r14: functions that are called with arguments on the stack, and call others
     * with arguments in registers (Go 1.17 with noregabi) */
    {9, {0x64, 0x4c, 0x8b, 0x34, 0x25}, {0xff, 0xff, 0xff, 0xff, 0xff}},
    {7, {0x49, 0xc7, 0xc6}, {0xff, 0xff, 0xff}},
    {7, {0x4c, 0x8b, 0x35}, {0xff, 0xff, 0xff}},
    {4, {0x64, 0x4d, 0x8b, 0x36}, {0xff, 0xff, 0xff, 0xff}},
    /* cmp rsp, [rcx+disp8]; lea rax, [rsp-disp]; cmp rax, [rcx+disp8] */
    {4, {0x48, 0x3b, 0x61}, {0xff, 0xff, 0xff}},
    {5, {0x48, 0x8d, 0x44, 0x24}, {0xff, 0xff, 0xff, 0xff}},
    {8, {0x48, 0x8d, 0x84, 0x24}, {0xff, 0xff, 0xff, 0xff}},
    {4, {0x48, 0x3b, 0x41}, {0xff, 0xff, 0xff}},
};

static bool is_emulated(const uint8_t *code, size_t length)
{
	if (length < 2)
		return false;
	if ((code[0] & 0xf0) == 0x70 || (code[0] & 0xf8) == 0x50) /* jcc disp8; push */
		return true;
	return code[0] == 0x0f && (code[1] & 0xf0) == 0x80; /* jcc disp32 */
}

static size_t check_length(const uint8_t *code, size_t length)
{
	for (size_t i = 0; i < sizeof(stack_check) / sizeof(*stack_check); i++) {
		const struct pattern *pattern = &stack_check[i];
		size_t k = 0;

		if (pattern->length > length)
			continue;
		while (k < pattern->length && (code[k] & pattern->mask[k]) == pattern->bytes[k])
			k++;
		if (k == pattern->length)
			return pattern->length;
	}
	return 0;
}

bool grf_probe_site(const uint8_t *code, size_t length, size_t *ret)
{
	size_t at = 0, step;

	while (at < length) {
		if (is_emulated(code + at, length - at)) {
			*ret = at;
			return true;
		}
		step = check_length(code + at, length - at);
		if (!step)
			return false;
		at += step;
	}
	return false;
}
