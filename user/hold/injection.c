/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Having a thread of the target make a system call, so that it goes on as if nothing had been,
 * whatever becomes of us.
 *
 * A thread is stopped. On the stack where it handles signals, which nobody uses as long as it
 * handles none, we lay a frame as the kernel lays it for a signal handler: with the thread's
 * registers, extended state and signal mask of this moment. Then it is given registers of ours: the
 * instruction pointer is at a `syscall; ret` in the target's own code, the stack pointer at the
 * frame, whose first word is the address of code that calls rt_sigreturn. Let go, the thread makes
 * our call, returns "from the handler", and is restored by the kernel from the frame. No tracer is
 * needed for that: from the moment that the registers are set the thread finds its own way back, so
 * we may be killed at any instant. All signals are blocked meanwhile, so that no handler runs on
 * the frame; that is done after the registers are set, as it is the frame that undoes it.
 *
 * Two calls are made here: userfaultfd, at whose end the thread stops for us once more, so that the
 * descriptor can be copied, and close in the same frame. In between the target has a descriptor too
 * many. So that a kill of ours does not leave it there, all this is done by a process apart, which
 * takes no notice of that (apart.h). Should it be killed in just that moment as well, by the end of
 * a whole control group, the descriptor stays until the target's next exec, with nothing registered
 * to it.
 *
 * A thread that waits in a system call is interrupted, and what the kernel would do for it at the
 * end of the stop, make the call again, is put into the frame. Those calls that would have been
 * resumed with the time that is left are made anew, with the whole of it; such threads are taken
 * only when there is no other.
 */
#include "hold/injection.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "hold/apart.h"
#include "hold/private.h"
#include "hold/signal_frame.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

#define STOP_LIMIT   500000000u   /* ns that a thread may take to stop */
#define CALL_LIMIT   30000000000u /* ns that it may take to make the call, see below */
#define EAGER_ROUNDS 50           /* of looking whether it stands, before we sleep in between */
#define TIME_LIMIT   2000000000u  /* ns after which no other thread is tried */
#define ATTEMPTS     3
#define MAX_THREADS  4096u /* that are looked at */
#define MAX_RECORDS  65536u
#define KERNEL_MASK  8 /* bytes of a signal mask */
#define STATUS_BYTES 4096

struct injection {
	const struct grf_target *target;
	const struct grf_injection_site *site;
	struct grf_injection_report *report;
	int memory; /* /proc/PID/mem */
	int pidfd;
	int result;  /* our descriptor */
	int refused; /* errno of the last thread that could not be traced; 0 */
	pid_t parent;
	uint64_t began;
	struct grf_error *error;
	struct grf_thread_state state;
	struct grf_signal_frame frame;
};

/* For tests of what becomes of the target when we are killed: at which step, counted from 1, and
 * whether the process apart is killed as well. */
static void step(unsigned int number)
{
	const char *kill_at = getenv("GRF_TEST_KILL_AT_STEP");

	if (!kill_at || (unsigned int)strtoul(kill_at, NULL, 10) != number)
		return;
	kill(getppid(), SIGKILL);
	if (getenv("GRF_TEST_KILL_BOTH"))
		kill(getpid(), SIGKILL);
}

static uint64_t read_word(const struct injection *injection, uint64_t address)
{
	uint64_t value;

	if (!address ||
	    pread(injection->memory, &value, sizeof(value), (off_t)address) != sizeof(value))
		return 0;
	return value;
}

/* What /proc says of a thread. */
struct thread_facts {
	uint64_t own_id; /* by which it knows itself, in its PID namespace; 0: not known */
	/* Filters know nothing of the call, and end processes that make calls which they do not
	 * know. A thread can have one of its own. */
	bool has_seccomp;
};

static struct thread_facts read_facts(const struct injection *injection, pid_t tid)
{
	char name[64], status[STATUS_BYTES];
	struct thread_facts facts = {.has_seccomp = true};
	const char *line;

	snprintf(name, sizeof(name), "task/%d/status", tid);
	if (grf_target_read_small(injection->target->directory, name, status, sizeof(status)) < 0)
		return facts;
	line = strstr(status, "\nSeccomp:\t");
	facts.has_seccomp = line && line[10] != '0';
	/* One number for each namespace, the innermost last. */
	line = strstr(status, "\nNSpid:");
	for (line = line ? line + 7 : ""; *line == '\t'; line += strspn(line, "0123456789"))
		facts.own_id = strtoull(++line, NULL, 10);
	return facts;
}

/* The record of a stopped thread, 0: none. */
static uint64_t find_record(const struct injection *injection, uint64_t own_id)
{
	const struct grf_injection_site *site = injection->site;
	uint64_t record = read_word(injection, site->records), own;

	for (unsigned int i = 0; record && i < MAX_RECORDS; i++) {
		if (read_word(injection, record + site->thread_id) == own_id)
			return record;
		record = read_word(injection, record + site->next);
	}
	own = read_word(injection, injection->state.registers.fs_base + (uint64_t)site->own);
	record = own ? read_word(injection, own + site->owner) : 0;
	return record && read_word(injection, record + site->thread_id) == own_id ? record : 0;
}

/* The unused signal stack of a stopped thread. False: it has none, or stands on it. */
static bool find_stack(const struct injection *injection, uint64_t own_id, uint64_t *ret_low,
		       uint64_t *ret_high)
{
	const struct grf_injection_site *site = injection->site;
	uint64_t record = own_id ? find_record(injection, own_id) : 0;
	uint64_t sp = injection->state.registers.rsp;
	uint64_t stack = record ? read_word(injection, record + site->stack) : 0;

	if (!stack)
		return false;
	*ret_low = read_word(injection, stack + site->low);
	*ret_high = read_word(injection, stack + site->high);
	return *ret_low && *ret_high > *ret_low && *ret_high - *ret_low == site->stack_bytes &&
	       (sp <= *ret_low || sp > *ret_high);
}

/* Waits for the next stop. Does not consume it: see hold.c. False: it did not come in time, or the
 * thread exited. An interruption of ours waits until we are through. */
static bool wait_stop(pid_t tid, uint64_t limit, int *ret_status)
{
	const struct timespec moment = {.tv_nsec = 20000};
	uint64_t began = grf_now();
	unsigned int round = 0;

	do {
		siginfo_t info = {0};
		unsigned long message;

		if (waitid(P_PID, (id_t)tid, &info,
			   WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL))
			return false;
		if (info.si_pid) {
			if (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED)
				return false;
			*ret_status = info.si_status;
			/* Waits until the thread has left its CPU. */
			return !ptrace(PTRACE_GETEVENTMSG, tid, 0, &message);
		}
		if (round++ < EAGER_ROUNDS)
			sched_yield();
		else
			nanosleep(&moment, NULL);
	} while (grf_now() - began < limit);
	return false;
}

static bool read_state(struct injection *injection, pid_t tid)
{
	struct grf_thread_state *state = &injection->state;
	struct iovec area = {state->extended, sizeof(state->extended)};

	if (ptrace(PTRACE_GETREGS, tid, 0, &state->registers) ||
	    ptrace(PTRACE_GETREGSET, tid, NT_X86_XSTATE, &area) ||
	    ptrace(PTRACE_GETSIGMASK, tid, KERNEL_MASK, &state->signal_mask))
		return false;
	state->extended_size = area.iov_len;
	return true;
}

static bool set_call(const struct injection *injection, pid_t tid, uint64_t number,
		     uint64_t argument)
{
	struct user_regs_struct registers = injection->state.registers;

	registers.rip = injection->site->system_call;
	registers.rsp = injection->frame.stack_pointer;
	registers.rax = number;
	registers.rdi = argument;
	registers.orig_rax = (uint64_t)-1;
	registers.eflags &= ~UINT64_C(0x100); /* no single steps */
	return !ptrace(PTRACE_SETREGS, tid, 0, &registers);
}

/* From the stop at the end of the call: takes the descriptor over and has the target close its own.
 */
static void take_descriptor(struct injection *injection, pid_t tid)
{
	struct user_regs_struct registers;
	int64_t result;

	if (ptrace(PTRACE_GETREGS, tid, 0, &registers))
		return;
	result = (int64_t)registers.rax;
	if (result < 0) {
		injection->error = grf_error_errno(
		    result == -EPERM ? GRF_ERROR_PERMISSION : GRF_ERROR_UNSUPPORTED, (int)-result,
		    "userfaultfd in process %d", injection->target->pid);
		return;
	}
	step(6);
	injection->result =
	    (int)syscall(SYS_pidfd_getfd, injection->pidfd, (unsigned int)result, 0);
	if (injection->result < 0)
		injection->error = grf_error_errno(GRF_ERROR_UNSUPPORTED, errno, "pidfd_getfd");
	step(7);
	set_call(injection, tid, SYS_close, (uint64_t)result);
	step(8);
}

/* Makes the calls in a thread that stands and was found fit. */
static void make_calls(struct injection *injection, pid_t tid)
{
	const uint64_t all = UINT64_MAX;
	int status;

	step(1);
	if (pwrite(injection->memory, injection->frame.bytes, injection->frame.size,
		   (off_t)injection->frame.address) != (ssize_t)injection->frame.size) {
		injection->error = grf_error_errno(GRF_ERROR_UNSUPPORTED, errno,
						   "write to a signal stack of process %d",
						   injection->target->pid);
		return;
	}
	step(2);
	if (!set_call(injection, tid, SYS_userfaultfd,
		      O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY))
		return;
	step(3);
	ptrace(PTRACE_SETSIGMASK, tid, KERNEL_MASK, &all);
	step(4);
	/* To the beginning of the call, then to its end. The thread is on its way and needs nothing
	 * but a CPU, for which it may have to wait. Would we not, its descriptor would stay. */
	if (ptrace(PTRACE_SYSCALL, tid, 0, 0) || !wait_stop(tid, CALL_LIMIT, &status))
		return;
	step(5);
	if (ptrace(PTRACE_SYSCALL, tid, 0, 0) || !wait_stop(tid, CALL_LIMIT, &status))
		return;
	take_descriptor(injection, tid);
}

static bool is_fit(struct injection *injection, pid_t tid, uint64_t own_id, bool any)
{
	struct user_regs_struct registers;
	uint64_t low, high;

	if (!read_state(injection, tid) || !find_stack(injection, own_id, &low, &high))
		return false;
	registers = injection->state.registers;
	if (grf_signal_frame_restart(&registers) == GRF_RESTART_ANEW && !any)
		return false;
	return grf_signal_frame_build(&injection->state, low, high, injection->site->sigreturn,
				      &injection->frame);
}

/* True when it is done with, for better or worse; false: to be tried with another thread. */
static bool try_thread(struct injection *injection, pid_t tid, bool any)
{
	struct thread_facts facts = read_facts(injection, tid);
	long options = facts.has_seccomp ? PTRACE_O_SUSPEND_SECCOMP : 0;
	int status, signal = 0;
	bool done = false;

	if (ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD | options)) {
		injection->refused = errno;
		return false;
	}
	injection->report->began = grf_now();
	injection->report->tid = tid;
	ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	/* One that does not stop is let go when this process ends, which it does now. */
	if (!wait_stop(tid, STOP_LIMIT, &status)) {
		char state = grf_target_thread_state(injection->target, tid);

		if (state == '\0' || state == 'Z' || state == 'X')
			return false;
		injection->error =
		    grf_error_create(GRF_ERROR_UNSUPPORTED, "thread %d of process %d does not stop",
				     tid, injection->target->pid);
		return true;
	}
	if (!(status >> 8))
		signal = status & 0x7f; /* it is about to take a signal; the detach delivers it */
	else if (status == (SIGTRAP | PTRACE_EVENT_STOP << 8) &&
		 is_fit(injection, tid, facts.own_id, any))
		done = true;
	if (done)
		make_calls(injection, tid);
	ptrace(PTRACE_DETACH, tid, 0, (long)signal);
	injection->report->ended = grf_now();
	step(9);
	if (done && injection->result < 0 && !injection->error)
		injection->error = grf_target_exited(injection->target->pid);
	return done;
}

/* Whether the thread is on a CPU, or waits for one. */
static bool is_running(const struct injection *injection, pid_t tid)
{
	char name[64], text[32];

	snprintf(name, sizeof(name), "task/%d/syscall", tid);
	return grf_target_read_small(injection->target->directory, name, text, sizeof(text)) > 0 &&
	       !strncmp(text, "running", 7);
}

static size_t list_threads(const struct injection *injection, pid_t *tids, size_t capacity)
{
	int fd = openat(injection->target->directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	size_t count = 0;
	DIR *task = fd < 0 ? NULL : fdopendir(fd);

	while (task && count < capacity && (entry = readdir(task)))
		if (entry->d_name[0] != '.')
			tids[count++] = (pid_t)strtol(entry->d_name, NULL, 10);
	if (task)
		closedir(task);
	return count;
}

static bool may_go_on(const struct injection *injection)
{
	return !grf_interrupted() && getppid() == injection->parent &&
	       grf_now() - injection->began < TIME_LIMIT;
}

/* In three passes: those that run; those that wait in a call that can be made again; any. Each may
 * just be handling a signal, or be about to, which is over soon. */
static bool try_threads(struct injection *injection, const pid_t *tids, size_t count)
{
	const struct timespec moment = {.tv_nsec = 2000000};

	for (int pass = 0; pass < 3 * ATTEMPTS; pass++) {
		if (pass && pass % 3 == 0)
			nanosleep(&moment, NULL);
		for (size_t i = 0; i < count && may_go_on(injection); i++)
			if ((pass % 3 || is_running(injection, tids[i])) &&
			    try_thread(injection, tids[i], pass % 3 == 2))
				return true;
	}
	return false;
}

/* In the process apart, whose end lets go of every thread that was seized. */
static struct grf_error *inject(void *context, int *ret)
{
	struct injection *injection = context;
	_cleanup_free_ pid_t *tids = calloc(MAX_THREADS, sizeof(*tids));
	pid_t pid = injection->target->pid;
	size_t count = tids ? list_threads(injection, tids, MAX_THREADS) : 0;

	if (try_threads(injection, tids, count)) {
		*ret = injection->result;
		return injection->error;
	}
	if (grf_interrupted())
		return grf_error_interrupted();
	if (injection->refused)
		return grf_error_errno(GRF_ERROR_UNSUPPORTED, injection->refused,
				       "seize a thread of process %d", pid);
	return grf_error_create(GRF_ERROR_UNSUPPORTED,
				"no thread of process %d is fit to make a system call for us", pid);
}

struct grf_error *grf_injection_userfaultfd(const struct grf_target *target,
					    const struct grf_injection_site *site, int *ret,
					    struct grf_injection_report *ret_report)
{
	_cleanup_close_ int memory = -1, pidfd = -1;
	_cleanup_free_ struct injection *injection = calloc(1, sizeof(*injection));
	struct grf_error *error;

	*ret_report = (struct grf_injection_report){0};
	if (!injection)
		return grf_error_no_memory();
	if (!site->stack_bytes || !site->system_call || !site->sigreturn)
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					"the program does not tell where its threads have room for "
					"a system call of ours");
	error = grf_target_open_file(target, "mem", O_RDWR, &memory);
	if (error)
		return error;
	pidfd = (int)syscall(SYS_pidfd_open, target->pid, 0);
	if (pidfd < 0)
		return grf_error_errno(GRF_ERROR_UNSUPPORTED, errno, "pidfd_open");
	*injection = (struct injection){
	    .target = target,
	    .site = site,
	    .report = ret_report,
	    .memory = memory,
	    .pidfd = pidfd,
	    .result = -1,
	    .parent = getpid(),
	    .began = grf_now(),
	};
	return grf_apart_run(inject, injection, ret_report, sizeof(*ret_report), ret);
}
