/* SPDX-License-Identifier: BSD-2-Clause */
/* The frame that restores a thread, tried on a thread: all that it had must be there again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <elf.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/live.h"

static void test_restart(void **state)
{
	struct user_regs_struct registers = {
	    .orig_rax = (uint64_t)-1, .rax = (uint64_t)-512, .rip = 100};

	(void)state;
	assert_int_equal(grf_live_restart(&registers), GRF_RESTART_NONE);
	assert_int_equal(registers.rip, 100);
	registers.orig_rax = 7;
	registers.rax = 3;
	assert_int_equal(grf_live_restart(&registers), GRF_RESTART_RETURN);
	assert_int_equal(registers.rax, 3);
	registers.rax = (uint64_t)-512;
	assert_int_equal(grf_live_restart(&registers), GRF_RESTART_AGAIN);
	assert_int_equal(registers.rip, 98);
	assert_int_equal(registers.rax, 7);
	registers.rax = (uint64_t)-516;
	assert_int_equal(grf_live_restart(&registers), GRF_RESTART_ANEW);
	assert_int_equal(registers.rax, 7);
}

static uint8_t other_stack[65536];

/* What signal handlers return to. */
__attribute__((naked, used)) static void return_from_handler(void)
{
	__asm__("mov $15, %eax\n\tsyscall");
}

__attribute__((naked, used)) static void system_call(void)
{
	__asm__("syscall\n\tret");
}

/* Keeps registers of all kinds and compares them for ever; never returns unless they change. */
__attribute__((noinline)) static void keep_registers(void)
{
	__asm__ volatile("mov $0x1111, %%rbx; mov $0x2222, %%r12; mov $0x3333, %%r15\n\t"
			 "mov $0x4444, %%rcx; movq %%rcx, %%xmm7\n"
			 "1: cmp $0x1111, %%rbx; jne 2f; cmp $0x2222, %%r12; jne 2f\n\t"
			 "cmp $0x3333, %%r15; jne 2f; movq %%xmm7, %%rdx; cmp %%rcx, %%rdx; je 1b\n"
			 "2:" ::
			     : "rbx", "r12", "r15", "rcx", "rdx", "xmm7", "memory", "cc");
}

static void read_state(pid_t pid, struct grf_thread_state *state)
{
	assert_true(grf_live_read_state(pid, state));
}

static void stop(pid_t pid)
{
	int status;

	assert_int_equal(ptrace(PTRACE_INTERRUPT, pid, 0, 0), 0);
	assert_int_equal(waitpid(pid, &status, __WALL), pid);
	assert_true(WIFSTOPPED(status));
}

/* Lets it run until it is back on its stack, for which it may have to wait for a CPU. */
static void run_back(pid_t pid, uint64_t stack_pointer, struct grf_thread_state *ret)
{
	for (int i = 0; i < 5000; i++) {
		assert_int_equal(ptrace(PTRACE_CONT, pid, 0, 0), 0);
		usleep(1000);
		stop(pid);
		read_state(pid, ret);
		if (ret->registers.rsp == stack_pointer)
			return;
	}
	fail_msg("it did not come back");
}

/* A process that keeps registers, seized and stopped. */
static pid_t start(void)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		keep_registers();
		_exit(7);
	}
	assert_true(pid > 0);
	assert_int_equal(ptrace(PTRACE_SEIZE, pid, 0, 0), 0);
	/* It keeps them once it has been given a CPU. */
	for (int i = 0; i < 5000; i++) {
		static struct grf_thread_state state;

		usleep(1000);
		stop(pid);
		read_state(pid, &state);
		if (state.registers.rbx == 0x1111 && state.registers.rdx == 0x4444)
			return pid;
		assert_int_equal(ptrace(PTRACE_CONT, pid, 0, 0), 0);
	}
	fail_msg("it did not begin");
	return 0;
}

static void test_a_thread_comes_back(void **state)
{
	static struct grf_thread_state before, after;
	static struct grf_signal_frame frame;
	struct user_regs_struct registers;
	uint64_t low = (uint64_t)(uintptr_t)other_stack, high = low + sizeof(other_stack);
	pid_t pid = start();
	int status;

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct iovec local, remote;

		read_state(pid, &before);
		assert_true(grf_signal_frame_build(
		    &before, low, high, (uint64_t)(uintptr_t)return_from_handler, &frame));
		assert_true(frame.address >= low && frame.address + frame.size <= high);
		local = (struct iovec){frame.bytes, frame.size};
		remote = (struct iovec){(void *)frame.address, frame.size};
		assert_int_equal(process_vm_writev(pid, &local, 1, &remote, 1, 0), frame.size);
		registers = before.registers;
		registers.rip = (uint64_t)(uintptr_t)system_call;
		registers.rsp = frame.stack_pointer;
		registers.rax = SYS_getpid;
		registers.rbx = 99;
		registers.r12 = 99;
		registers.orig_rax = (uint64_t)-1;
		assert_int_equal(ptrace(PTRACE_SETREGS, pid, 0, &registers), 0);
		/* Back in its loop, which ends when a register is not what it was. */
		run_back(pid, before.registers.rsp, &after);
		assert_int_equal(after.signal_mask, before.signal_mask);
		assert_int_equal(after.registers.rsp, before.registers.rsp);
		assert_int_equal(after.registers.rbx, 0x1111);
		assert_memory_equal(after.extended, before.extended, 464);
	}
	assert_int_equal(ptrace(PTRACE_DETACH, pid, 0, 0), 0);
	usleep(1000);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

/* The frame for a child of the target: it ends, whatever it was about to do. */
static void test_a_thread_ends(void **state)
{
	static struct grf_thread_state thread;
	static struct grf_signal_frame frame;
	uint64_t low = (uint64_t)(uintptr_t)other_stack, high = low + sizeof(other_stack);
	struct user_regs_struct registers;
	struct iovec local, remote;
	pid_t pid = start();
	int status;

	(void)state;
	read_state(pid, &thread);
	assert_false(grf_signal_frame_build_exit(&thread, high, low, 1, 2, &frame));
	assert_false(grf_signal_frame_build_exit(&thread, low, low + 1024, 1, 2, &frame));
	assert_true(grf_signal_frame_build_exit(&thread, low, high,
						(uint64_t)(uintptr_t)return_from_handler,
						(uint64_t)(uintptr_t)system_call, &frame));
	assert_true(frame.address >= low && frame.address + frame.size <= high);
	local = (struct iovec){frame.bytes, frame.size};
	remote = (struct iovec){(void *)frame.address, frame.size};
	assert_int_equal(process_vm_writev(pid, &local, 1, &remote, 1, 0), frame.size);
	/* As the child comes out of clone(2): without an error, on the stack that it was given. */
	registers = thread.registers;
	registers.rip = (uint64_t)(uintptr_t)system_call;
	registers.rsp = frame.stack_pointer;
	registers.rax = SYS_getpid;
	registers.orig_rax = (uint64_t)-1;
	assert_int_equal(ptrace(PTRACE_SETREGS, pid, 0, &registers), 0);
	assert_int_equal(ptrace(PTRACE_DETACH, pid, 0, 0), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

static void test_no_room(void **state)
{
	static struct grf_thread_state thread;
	static struct grf_signal_frame frame;
	pid_t pid = start();
	int status;

	(void)state;
	read_state(pid, &thread);
	assert_false(grf_signal_frame_build(&thread, 0x1000, 0x1800, 0x500, &frame));
	assert_false(grf_signal_frame_build(&thread, 0x8000, 0x1000, 0x500, &frame));
	assert_true(grf_signal_frame_build(&thread, 0x10000, 0x18000, 0x500, &frame));
	/* An area that is cut off, and one with tiles in use, which no frame can hold. */
	thread.extended_size = 512;
	assert_false(grf_signal_frame_build(&thread, 0x10000, 0x18000, 0x500, &frame));
	read_state(pid, &thread);
	thread.extended[512 + 2] |= 4;
	assert_false(grf_signal_frame_build(&thread, 0x10000, 0x18000, 0x500, &frame));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_restart),
	    cmocka_unit_test(test_a_thread_comes_back),
	    cmocka_unit_test(test_a_thread_ends),
	    cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests_name("signal frame", tests, NULL, NULL);
}
