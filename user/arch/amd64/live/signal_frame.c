/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame that rt_sigreturn(2) restores a thread from (arch/x86/include/uapi/asm/sigcontext.h and
 * ucontext.h of Linux): every register, the extended state, the signal mask.
 */
#include <cpuid.h>
#include <string.h>
#include <sys/syscall.h>

#include "arch/live.h"

/* ucontext.uc_flags: there is an XSAVE area; ss is saved; and is to be restored as it is. */
#define UC_EXTENDED 1
#define UC_FLAGS    (2 | 4)
/* No valid setting: sigreturn then leaves the alternate signal stack as it is. */
#define KEEP_SIGNAL_STACK 0x7777
/* Where in the XSAVE area software may put its own, and what sigreturn wants to see there. */
#define SOFTWARE_BYTES  464
#define STATE_BYTES     512 /* XSTATE_BV, which of the features are in use */
#define EXTENDED_MAGIC1 0x46505853u
#define EXTENDED_MAGIC2 0x46505845u
#define LEGACY_BYTES    576 /* up to the end of the XSAVE header */
/* The state of AMX tiles, which a thread has to ask for before frames can hold it. */
#define TILE_DATA     (UINT64_C(1) << 18)
#define FEATURE_LIMIT 63

struct signal_context {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2;
	uint64_t extended;
	uint64_t reserved[8];
};

struct user_context {
	uint64_t flags, link;
	uint64_t stack_base;
	uint32_t stack_flags, padding;
	uint64_t stack_size;
	struct signal_context registers;
	uint64_t signal_mask;
};

struct frame {
	uint64_t return_address;
	struct user_context context;
	uint8_t siginfo[128];
};

struct software_bytes {
	uint32_t magic, extended_size;
	uint64_t features;
	uint32_t state_size;
	uint32_t padding[7];
};

/* How long a frame with these features is: as far as the last of them reaches. */
static uint32_t size_of(uint64_t features)
{
	uint32_t size = LEGACY_BYTES;

	for (unsigned int i = 2; i <= FEATURE_LIMIT; i++) {
		unsigned int bytes, offset, flags, rest;

		if (!(features >> i & 1))
			continue;
		if (!__get_cpuid_count(0xd, i, &bytes, &offset, &flags, &rest))
			return 0;
		if (offset + bytes > size)
			size = offset + bytes;
	}
	return size;
}

/* Makes the area that ptrace gave one that sigreturn takes. Returns its size with the magic number
 * at its end; 0: it cannot be done. */
static size_t convert_extended(const struct grf_thread_state *state, uint8_t *area)
{
	uint64_t features, used;
	struct software_bytes software = {.magic = EXTENDED_MAGIC1};
	const uint32_t end = EXTENDED_MAGIC2;

	if (state->extended_size < LEGACY_BYTES || state->extended_size > GRF_MAX_EXTENDED_STATE)
		return 0;
	memcpy(&features, state->extended + SOFTWARE_BYTES, sizeof(features));
	memcpy(&used, state->extended + STATE_BYTES, sizeof(used));
	if (used & TILE_DATA)
		return 0;
	features &= ~TILE_DATA;
	software.features = features;
	software.state_size = size_of(features);
	if (!software.state_size || software.state_size > state->extended_size ||
	    software.state_size + sizeof(end) > GRF_MAX_EXTENDED_STATE)
		return 0;
	software.extended_size = software.state_size + sizeof(end);
	memcpy(area, state->extended, software.state_size);
	memcpy(area + SOFTWARE_BYTES, &software, sizeof(software));
	memcpy(area + software.state_size, &end, sizeof(end));
	return software.extended_size;
}

static void fill_registers(struct signal_context *to, const struct user_regs_struct *from)
{
	*to = (struct signal_context){
	    .r8 = from->r8,
	    .r9 = from->r9,
	    .r10 = from->r10,
	    .r11 = from->r11,
	    .r12 = from->r12,
	    .r13 = from->r13,
	    .r14 = from->r14,
	    .r15 = from->r15,
	    .rdi = from->rdi,
	    .rsi = from->rsi,
	    .rbp = from->rbp,
	    .rbx = from->rbx,
	    .rdx = from->rdx,
	    .rax = from->rax,
	    .rcx = from->rcx,
	    .rsp = from->rsp,
	    .rip = from->rip,
	    .eflags = from->eflags,
	    .cs = (uint16_t)from->cs,
	    .ss = (uint16_t)from->ss,
	};
}

bool grf_signal_frame_build(const struct grf_thread_state *state, uint64_t low, uint64_t high,
			    uint64_t sigreturn, struct grf_signal_frame *ret)
{
	struct user_regs_struct registers = state->registers;
	struct frame frame = {.return_address = sigreturn};
	uint8_t area[GRF_MAX_EXTENDED_STATE];
	size_t extended = convert_extended(state, area);
	uint64_t area_at, frame_at;

	if (!extended || high < low || high - low < extended + sizeof(frame) + 4096)
		return false;
	grf_live_restart(&registers);
	area_at = (high - 64 - extended) & ~UINT64_C(63);
	/* As the kernel lays it: a multiple of 16 less 8, as after a call. */
	frame_at = ((area_at - sizeof(frame)) & ~UINT64_C(15)) - 8;
	fill_registers(&frame.context.registers, &registers);
	frame.context.flags = UC_EXTENDED | UC_FLAGS;
	frame.context.stack_flags = KEEP_SIGNAL_STACK;
	frame.context.registers.extended = area_at;
	frame.context.signal_mask = state->signal_mask;
	ret->address = ret->stack_pointer = frame_at;
	ret->size = area_at + extended - frame_at;
	if (ret->size > sizeof(ret->bytes))
		return false;
	memset(ret->bytes, 0, ret->size);
	memcpy(ret->bytes, &frame, sizeof(frame));
	memcpy(ret->bytes + (area_at - frame_at), area, extended);
	return true;
}

/* Without extended state, which sigreturn then clears. */
bool grf_signal_frame_build_exit(const struct grf_thread_state *state, uint64_t low, uint64_t high,
				 uint64_t sigreturn, uint64_t system_call,
				 struct grf_signal_frame *ret)
{
	struct user_regs_struct registers = {
	    .rip = system_call,
	    .rax = SYS_exit_group,
	    .eflags = 0x202, /* as every thread has it: interrupts on */
	    .cs = state->registers.cs,
	    .ss = state->registers.ss,
	};
	struct frame frame = {.return_address = sigreturn};
	uint64_t at;

	if (high < low || high - low < sizeof(frame) + 4096)
		return false;
	at = ((high - sizeof(frame)) & ~UINT64_C(15)) - 8;
	registers.rsp = at;
	fill_registers(&frame.context.registers, &registers);
	frame.context.flags = UC_FLAGS;
	frame.context.stack_flags = KEEP_SIGNAL_STACK;
	frame.context.signal_mask = UINT64_MAX;
	ret->address = ret->stack_pointer = at;
	ret->size = sizeof(frame);
	memcpy(ret->bytes, &frame, sizeof(frame));
	return true;
}
