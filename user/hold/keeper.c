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
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE (64u << 10)

/* At the far end of the stack. */
struct duty {
	pid_t owner;
	uint32_t is_over; /* a futex */
};

/* Runs in the keeper, on memory shared with us: system calls and nothing else. All signals are
 * blocked but SIGKILL, which comes when the thread that started the keeper ends. It ends at a word
 * that we hold, as a signal can be refused; and looks whether we are still there, should it not
 * be told.
 */
static int keep_target(void *argument)
{
	const struct timespec moment = {.tv_sec = 1};
	struct duty *duty = argument;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (syscall(SYS_getppid) == duty->owner &&
	       !__atomic_load_n(&duty->is_over, __ATOMIC_ACQUIRE))
		if (syscall(SYS_futex, &duty->is_over, FUTEX_WAIT, 0, &moment) && errno == ENOSYS)
			return 0;
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
	*(struct duty *)stack = (struct duty){.owner = getpid()};
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	/* No exit signal: our other waits do not see it. */
	ret->pid = clone(keep_target, (char *)stack + STACK_SIZE, CLONE_VM | CLONE_FS | CLONE_FILES,
			 stack);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void grf_keeper_stop(struct grf_keeper *keeper)
{
	struct duty *duty = keeper->stack;
	int status;

	if (keeper->pid > 0) {
		__atomic_store_n(&duty->is_over, 1, __ATOMIC_RELEASE);
		syscall(SYS_futex, &duty->is_over, FUTEX_WAKE, 1);
	}
	if (keeper->stack && (keeper->pid <= 0 || grf_helper_wait(keeper->pid, &status)))
		munmap(keeper->stack, STACK_SIZE);
}
