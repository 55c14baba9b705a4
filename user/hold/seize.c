/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PTRACE_SEIZE waits for a lock of the target (cred_guard_mutex), which execve(2) holds from its
 * beginning to its end. In between, execve(2) kills all other threads of the process and waits
 * until the last of them is reaped, and a thread that is traced is reaped by its tracer alone. So a
 * tracer that has one thread and seizes another may wait for the target while the target waits for
 * it.
 *
 * The way out is a timer. Each of its signals interrupts the wait, and the kernel begins it again
 * when the handler returns. Meanwhile the handler reaps what ended, which lets execve(2) go on.
 * When there is no more time it leaves the wait by a jump.
 */
#include "hold/seize.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* How often a wait is interrupted; ns. */
#define INTERVAL   10000000
#define TICK       (SIGRTMIN + 3)
#define MAX_REAPED 65536

/* Of the thread that seizes. */
static _Thread_local volatile sig_atomic_t is_seizing;
static _Thread_local sigjmp_buf way_out;
static _Thread_local uint64_t deadline;
static _Thread_local bool is_persistent;

/* Reaps the threads that ended under the calling thread, which has no children but these. */
static void reap_ended(void)
{
	for (int i = 0; i < MAX_REAPED; i++) {
		siginfo_t info = {0};

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL | __WNOTHREAD) ||
		    !info.si_pid)
			return;
	}
}

static void on_tick(int number)
{
	int before = errno;

	(void)number;
	if (is_seizing) {
		reap_ended();
		if (grf_now() > deadline || (!is_persistent && grf_interrupted())) {
			is_seizing = 0;
			siglongjmp(way_out, 1);
		}
	}
	errno = before;
}

void grf_seizer_start(struct grf_seizer *seizer, uint64_t limit, bool persistent)
{
	const struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
	const struct itimerspec interval = {{.tv_nsec = INTERVAL}, {.tv_nsec = INTERVAL}};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = TICK};
	sigset_t tick;

	deadline = grf_now() + limit;
	is_persistent = persistent;
	is_seizing = 0;
	seizer->armed = false;
	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	sigemptyset(&tick);
	sigaddset(&tick, TICK);
	if (sigaction(TICK, &action, NULL) || pthread_sigmask(SIG_UNBLOCK, &tick, NULL) ||
	    timer_create(CLOCK_MONOTONIC, &event, &seizer->timer))
		return;
	seizer->armed = !timer_settime(seizer->timer, 0, &interval, NULL);
	if (!seizer->armed)
		timer_delete(seizer->timer);
}

void grf_seizer_stop(struct grf_seizer *seizer)
{
	if (seizer->armed)
		timer_delete(seizer->timer);
	seizer->armed = false;
}

int grf_seize(pid_t tid)
{
	long failed;

	if (sigsetjmp(way_out, 1))
		return EINTR;
	/* The time may be over before the wait begins. */
	is_seizing = 1;
	failed = ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD);
	is_seizing = 0;
	return failed ? errno : 0;
}
