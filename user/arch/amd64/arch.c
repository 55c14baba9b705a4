/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * amd64. A call puts the return address on the stack, and a function with a frame puts the caller's
 * frame pointer below it (runtime/traceback.go):
 *
 *	fp (canonical frame address) --> | arguments of the caller ...
 *	                          fp - 8 | return address
 *	                         fp - 16 | caller's frame pointer, where the frame is not empty
 *	                          varp --> | locals ...
 *	                            sp --> |
 */
#include "arch/amd64/amd64.h"
#include "base/load.h"
#include "arch/amd64/flow.h"

#include <elf.h>

/* Of user_regs_struct. */
#define FS_BASE 21
/* Where the g is, from the base of a thread's local storage, in programs (cmd/link); elsewhere in
 * libraries. */
#define G_IN_TLS (-8)

static struct grf_arch_frame frame_at(uint64_t sp, uint64_t depth)
{
	struct grf_arch_frame frame = {
	    .fp = sp + depth + GRF_WORD_BYTES,
	    .argp = sp + depth + GRF_WORD_BYTES,
	    .varp = sp + depth,
	    .return_address = sp + depth,
	};

	if (depth)
		frame.varp -= GRF_WORD_BYTES;
	return frame;
}

static uint64_t running_g(const uint64_t *registers, grf_arch_read *read, void *context)
{
	uint64_t tls = registers[FS_BASE], g;

	return tls && read(context, tls + (uint64_t)G_IN_TLS, &g) ? g : 0;
}

const struct grf_arch grf_arch_amd64 = {
    .name = "amd64",
    .machine = EM_X86_64,
    .address_limit = UINT64_C(1) << 47,
    .arena_base = UINT64_C(1) << 47,
    .quantum = 1,
    .min_frame = 0,
    .relative_relocation = R_X86_64_RELATIVE,
    .registers = {.count = 27, .pc = 16, .sp = 19},
    /* r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx; then rsp and rip. */
    .ucontext = {.size = 256, .pc = 168, .sp = 160, .first = 40, .count = 15},
    .frame = frame_at,
    .running_g = running_g,
    .next_address = grf_amd64_next_address,
    .next_call = grf_amd64_next_call,
    .named_addresses = grf_amd64_named_addresses,
    .may_write = grf_amd64_may_write,
    .closure_stores = grf_amd64_closure_stores,
    .closure_load = grf_amd64_closure_load,
    .stack_closures = grf_amd64_stack_closures,
    .flow = &grf_amd64_flow,
};
