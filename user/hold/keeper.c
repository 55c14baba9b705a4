/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that is killed gives its memory back before it lets go of what it traces. With a copy
 * of a large heap that takes the kernel seconds, for which the target would stand. Memory is given
 * back by the last process that uses it, though. So while a target is held there is a second
 * process that shares our memory and only sleeps. When we are killed, our tracer ends at once, the
 * target runs on, and the keeper, which dies with us, does the tidying.
 */
#include "hold/private.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_SIZE (64u << 10)

/* Runs in the keeper, on memory shared with us: system calls and nothing else. All signals are
 * blocked but SIGKILL, which comes when the thread that started the keeper ends. */
static int keep(void *argument)
{
	pid_t owner = (pid_t)(uintptr_t)argument;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (syscall(SYS_getppid) == owner)
		pause();
	return 0;
}

void grf_keeper_start(struct grf_keeper *ret)
{
	void *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	sigset_t all, before;

	ret->pid = -1;
	ret->stack = NULL;
	if (stack == MAP_FAILED)
		return;
	ret->stack = stack;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	/* No exit signal: other waits of ours do not see it. */
	ret->pid = clone(keep, (char *)stack + STACK_SIZE, CLONE_VM | CLONE_FS | CLONE_FILES,
			 (void *)(uintptr_t)getpid());
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void grf_keeper_stop(struct grf_keeper *keeper)
{
	if (keeper->pid > 0) {
		kill(keeper->pid, SIGKILL);
		while (waitpid(keeper->pid, NULL, __WALL) < 0 && errno == EINTR)
			;
	}
	if (keeper->stack)
		munmap(keeper->stack, STACK_SIZE);
}
