/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread of those that are held. A thread that waitid() reports as stopped may still be on its
 * way off the CPU; its saved registers are complete only after. Any ptrace request waits for that,
 * so one is made for each.
 */
#include "hold/held.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

void grf_held_reap(struct grf_held_thread *thread)
{
	siginfo_t info;

	thread->state = GONE;
	waitid(P_PID, (id_t)thread->tid, &info, WEXITED | WNOHANG | __WALL);
}

void grf_held_look(struct grf_held *hold, struct grf_held_thread *thread)
{
	unsigned long message;
	siginfo_t info = {0};
	int event;

	if (waitid(P_PID, (id_t)thread->tid, &info,
		   WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL)) {
		if (errno == ECHILD)
			thread->state = GONE;
		return;
	}
	if (!info.si_pid)
		return;
	if (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED) {
		grf_held_reap(thread);
		return;
	}
	event = info.si_status >> 8;
	if (!event)
		thread->signal = info.si_status & 0x7f;
	else if (event == PTRACE_EVENT_STOP && (info.si_status & 0x7f) != SIGTRAP)
		hold->report->stopped_already = true;
	/* Waits until the thread has left its CPU. */
	if (!ptrace(PTRACE_GETEVENTMSG, thread->tid, 0, &message))
		thread->state = STOPPED;
}
