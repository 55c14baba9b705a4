/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers of threads on amd64, and the system calls that they make for us. */
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "arch/live.h"
#include "base/files/fields.h"

#define SINGLE_STEPS UINT64_C(0x100) /* a bit of eflags */
#define CALL_LENGTH  2

/* What the kernel leaves in rax of a system call that was interrupted (linux/errno.h). */
#define ERESTARTSYS           (-512)
#define ERESTARTNOINTR        (-513)
#define ERESTARTNOHAND        (-514)
#define ERESTART_RESTARTBLOCK (-516)

/* syscall; ret */
const struct grf_live_code grf_live_system_call = {3, {0x0f, 0x05, 0xc3}};

/* mov $15, %rax or %eax; syscall */
const struct grf_live_code grf_live_sigreturns[GRF_LIVE_SIGRETURNS] = {
    {9, {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05}},
    {7, {0xb8, 15, 0, 0, 0, 0x0f, 0x05}},
};

const struct grf_arch *grf_live_arch(void)
{
	return &grf_arch_amd64;
}

void grf_live_words_of_record(const struct grf_thread_registers *record,
			      uint64_t ret[GRF_LIVE_WORDS])
{
	struct user_regs_struct registers = {0};

	memcpy(&registers, record->words, sizeof(record->words));
	/* The kernel keeps notes of its own above the 16 bits of a selector. */
	registers.cs &= 0xffff;
	registers.ss &= 0xffff;
	registers.fs_base = record->fs_base;
	registers.gs_base = record->gs_base;
	registers.ds = record->ds;
	registers.es = record->es;
	registers.fs = record->fs;
	registers.gs = record->gs;
	grf_live_words(&registers, ret);
}

bool grf_live_is_in_call(const struct grf_thread_registers *record)
{
	struct user_regs_struct registers = {0};

	memcpy(&registers, record->words, sizeof(record->words));
	return (long)registers.orig_rax >= 0;
}

uint64_t grf_live_stack_pointer(const struct user_regs_struct *registers)
{
	return registers->rsp;
}

long grf_live_read(pid_t tid, struct user_regs_struct *ret)
{
	return ptrace(PTRACE_GETREGS, tid, 0, ret);
}

long grf_live_write(pid_t tid, const struct user_regs_struct *registers)
{
	return ptrace(PTRACE_SETREGS, tid, 0, registers);
}

bool grf_live_read_state(pid_t tid, struct grf_thread_state *ret)
{
	struct iovec area = {ret->extended, sizeof(ret->extended)};

	if (grf_live_read(tid, &ret->registers) ||
	    ptrace(PTRACE_GETREGSET, tid, NT_X86_XSTATE, &area) ||
	    ptrace(PTRACE_GETSIGMASK, tid, GRF_SIGNAL_MASK_BYTES, &ret->signal_mask))
		return false;
	ret->extended_size = area.iov_len;
	return true;
}

void grf_live_set_call(struct user_regs_struct *registers, uint64_t system_call,
		       uint64_t stack_pointer, uint64_t number,
		       const uint64_t arguments[GRF_CALL_ARGUMENTS])
{
	registers->rip = system_call;
	registers->rsp = stack_pointer;
	registers->rax = number;
	registers->rdi = arguments[0];
	registers->rsi = arguments[1];
	registers->rdx = arguments[2];
	registers->r10 = arguments[3];
	registers->orig_rax = (uint64_t)-1;
	registers->eflags &= ~SINGLE_STEPS;
}

int64_t grf_live_result(const struct user_regs_struct *registers)
{
	return (int64_t)registers->rax;
}

enum grf_restart grf_live_restart(struct user_regs_struct *registers)
{
	if ((int64_t)registers->orig_rax < 0)
		return GRF_RESTART_NONE;
	switch ((int64_t)registers->rax) {
	case ERESTARTSYS:
	case ERESTARTNOINTR:
	case ERESTARTNOHAND:
	case ERESTART_RESTARTBLOCK:
		break;
	default:
		return GRF_RESTART_RETURN;
	}
	registers->rip -= CALL_LENGTH;
	if ((int64_t)registers->rax == ERESTART_RESTARTBLOCK) {
		registers->rax = registers->orig_rax;
		return GRF_RESTART_ANEW;
	}
	registers->rax = registers->orig_rax;
	return GRF_RESTART_AGAIN;
}

bool grf_live_has_shadow_stack(const char *status)
{
	const char *line = grf_field_find(status, "x86_Thread_features");
	const char *found = line ? strstr(line, "shstk") : NULL;

	return found && found < line + strcspn(line, "\n");
}
