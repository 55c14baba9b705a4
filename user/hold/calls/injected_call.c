/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Having a thread of the target make a system call, so that it goes on as if nothing had been,
 * whatever becomes of us.
 *
 * A thread is stopped. On the stack where it handles signals, which nobody uses as long as it
 * handles none, we lay a frame as the kernel lays it for a signal handler: with the thread's
 * registers, extended state and signal mask of this moment. Then it is given our registers: the
 * instruction pointer is at a `syscall; ret` in the target's own code, the stack pointer at the
 * frame, whose first word is the address of code that calls rt_sigreturn. Let go, the thread makes
 * our call, returns "from the handler", and is restored by the kernel from the frame. No tracer is
 * needed for that: from the moment that the registers are set the thread finds its own way back, so
 * we may be killed at any instant. All signals are blocked meanwhile, so that no handler runs on
 * the frame; that is done after the registers are set, as it is the frame that undoes it.
 *
 * Killed before the signals are blocked, we may leave the thread to a handler that runs before the
 * call. It does so below the thread's stack pointer, that is below the frame.
 *
 * A call that makes a child of the target (clone) gives it a second frame in the place of a stack,
 * above the first, where no such handler comes. The child too goes to rt_sigreturn, and the
 * registers that it gets from there make it call exit_group. It stops for the tracer before its
 * first instruction; if there is no tracer any more it is gone at once.
 *
 * A thread that waits in a system call is interrupted, and what the kernel would do for it at the
 * end of the stop, make the call again, is put into the frame. Those calls that would have been
 * resumed with the time that is left are made again, with the whole of it; such threads are taken
 * only when there is no other. One that is in a restartable sequence (rseq(2)) is not taken: it
 * would be resumed in the middle of it.
 *
 * Signals cannot be blocked to the last: SIGSTOP may come in while the thread stands, and is
 * reported before the call begins. The thread then gets its registers back, and the signal goes
 * with the detach.
 */
#include "hold/calls/injected_call.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files/fields.h"
#include "base/files/small_file.h"
#include "base/log.h"
#include "base/threads.h"
#include "hold/private.h"
#include "hold/seize.h"

#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif
#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif

#define STOP_LIMIT 500000000u /* ns that a thread may take to stop, without a wait for a CPU */
#define CALL_LIMIT                                                                                 \
	30000000000ull           /* to begin a call and, by default, to end it; it may wait for    \
				  * a CPU all the while, but must not be let go in the middle */
#define TIME_LIMIT  10000000000u /* ns after which no other thread is tried, nor waited for */
#define ATTEMPTS    3            /* for each thread: it may be handling a signal */
#define MAX_THREADS 4096u        /* that are looked at */
#define MAX_RECORDS 65536u
/* linux/errno.h: what a call that is to be made again seems to return. */
#define FIRST_RESTART (-516)
#define LAST_RESTART  (-512)

/* Where in struct rseq the pointer to the sequence that is being executed is (linux/rseq.h). */
#define RSEQ_SEQUENCE 8

struct rseq_configuration {
	uint64_t address;
	uint32_t size, signature, flags, padding;
};

static uint64_t read_target_word(const struct grf_injector *injector, uint64_t address)
{
	uint64_t value;

	if (!address ||
	    pread(injector->memory, &value, sizeof(value), (off_t)address) != sizeof(value))
		return 0;
	return value;
}

static bool read_for_arch(void *injector, uint64_t address, uint64_t *ret)
{
	*ret = read_target_word(injector, address);
	return *ret;
}

/* What /proc says of a thread. */
struct thread_facts {
	uint64_t own_id; /* by which it knows itself, in its PID namespace; 0: not known */
	/* Filters know nothing of the call, and end processes that make calls which they do not
	 * know. A thread can have one of its own. */
	bool has_seccomp;
};

static struct thread_facts read_facts(const struct grf_injector *injector, pid_t tid)
{
	char name[64], status[GRF_STATUS_BYTES];
	struct thread_facts facts = {.has_seccomp = true};
	const char *at;

	snprintf(name, sizeof(name), "task/%d/status", tid);
	if (grf_small_file_read(injector->target->directory, name, status, sizeof(status)) < 0)
		return facts;
	facts.has_seccomp = grf_field_number(status, "Seccomp", 0) != 0;
	/* One number for each namespace, the innermost last. */
	for (at = grf_field_find(status, "NSpid");
	     at && grf_number_parse(at, UINT64_MAX) != UINT64_MAX;
	     at += strspn(at, "0123456789"), at += *at == '\t')
		facts.own_id = grf_number_parse(at, 0);
	return facts;
}

/* The record of a stopped thread, 0: none. */
static uint64_t find_record(const struct grf_injector *injector, uint64_t own_id)
{
	const struct grf_injection_site *site = injector->site;
	uint64_t record = read_target_word(injector, site->records), g;
	uint64_t registers[GRF_LIVE_WORDS];

	for (unsigned int i = 0; record && i < MAX_RECORDS; i++) {
		if (read_target_word(injector, record + site->thread_id) == own_id)
			return record;
		record = read_target_word(injector, record + site->next);
	}
	grf_live_words(&injector->state.registers, registers);
	g = grf_live_arch()->running_g(registers, read_for_arch, (void *)injector);
	record = g ? read_target_word(injector, g + site->owner) : 0;
	return record && read_target_word(injector, record + site->thread_id) == own_id ? record
											: 0;
}

/* The signal stack that a record leads to. */
static bool read_stack(const struct grf_injector *injector, uint64_t record, uint64_t *ret_low,
		       uint64_t *ret_high)
{
	const struct grf_injection_site *site = injector->site;
	uint64_t stack = record ? read_target_word(injector, record + site->stack) : 0;

	if (!stack)
		return false;
	*ret_low = read_target_word(injector, stack + site->low);
	*ret_high = read_target_word(injector, stack + site->high);
	return *ret_low && *ret_high > *ret_low && *ret_high - *ret_low == site->stack_bytes;
}

/* The unused signal stack of a stopped thread. False: it has none, or stands on it. */
static bool find_stack(struct grf_injector *injector, uint64_t own_id)
{
	uint64_t sp = grf_live_stack_pointer(&injector->state.registers);

	return own_id &&
	       read_stack(injector, find_record(injector, own_id), &injector->low,
			  &injector->high) &&
	       (sp <= injector->low || sp > injector->high);
}

bool grf_injector_has_hope(const struct grf_injector *injector)
{
	const struct grf_injection_site *site = injector->site;
	uint64_t record = read_target_word(injector, site->records), low, high;

	if (!record)
		return true; /* the threads themselves must be asked */
	for (unsigned int i = 0; record && i < MAX_RECORDS; i++) {
		if (read_target_word(injector, record + site->thread_id) &&
		    read_stack(injector, record, &low, &high))
			return true;
		record = read_target_word(injector, record + site->next);
	}
	return false;
}

/* An interruption of us waits until we are through. The last look comes after the time is over:
 * on a busy machine it may have passed without a CPU for us. */
bool grf_injector_wait(const struct grf_target *target, pid_t tid, uint64_t limit, int *ret_status)
{
	const struct timespec moment = {.tv_nsec = 20000};
	uint64_t began = grf_now();
	bool last = !limit;

	for (unsigned int round = 0;; round++) {
		siginfo_t info = {0};
		unsigned long message;

		if (waitid(P_PID, (id_t)tid, &info,
			   WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL))
			return false;
		if (info.si_pid && info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED)
			return false;
		if (info.si_pid) {
			*ret_status = info.si_status;
			/* Waits until the thread has left its CPU. */
			return !ptrace(PTRACE_GETEVENTMSG, tid, 0, &message);
		}
		/* The end of a process's first thread is not told as long as others are not waited
		 * for, and it may be we who trace them. */
		if (last ||
		    (round >= GRF_EAGER_ROUNDS && grf_target_thread_state(target, tid) == 'Z'))
			return false;
		if (round < GRF_EAGER_ROUNDS)
			sched_yield();
		else
			nanosleep(&moment, NULL);
		last = grf_now() - began >= limit;
	}
}

/* Whether the thread may be in a restartable sequence. Kernels that cannot tell (before 5.13) meet
 * few programs that use them. */
static bool is_in_sequence(const struct grf_injector *injector, pid_t tid)
{
	struct rseq_configuration configuration = {0};

	if (ptrace((enum __ptrace_request)PTRACE_GET_RSEQ_CONFIGURATION, tid, sizeof(configuration),
		   &configuration) < 0)
		return false;
	return configuration.address &&
	       read_target_word(injector, configuration.address + RSEQ_SEQUENCE);
}

static bool stands_at(const struct grf_injector *injector, const struct grf_live_code *code,
		      uint64_t address)
{
	uint8_t found[GRF_LIVE_CODE_BYTES];

	return pread(injector->memory, found, code->size, (off_t)address) == code->size &&
	       !memcmp(found, code->bytes, code->size);
}

/* Whether the instructions that the thread is to be sent to stand there. */
static bool has_code(const struct grf_injector *injector)
{
	const struct grf_injection_site *site = injector->site;

	return stands_at(injector, &grf_live_system_call, site->system_call) &&
	       stands_at(injector, &site->sigreturn_code, site->sigreturn);
}

bool grf_injector_take(struct grf_injector *injector, pid_t tid, enum grf_restart worst)
{
	struct user_regs_struct registers;
	struct thread_facts facts;
	int status;

	/* What stands before a signal, or in a group stop, is left alone. */
	if (!grf_injector_wait(injector->target, tid, 0, &status) ||
	    status != (SIGTRAP | PTRACE_EVENT_STOP << 8) ||
	    !grf_live_read_state(tid, &injector->state))
		return false;
	registers = injector->state.registers;
	if (grf_live_restart(&registers) > worst)
		return false;
	/* Only of those that come into question: all threads may stand meanwhile. The process may
	 * have become another program since the site was found; as long as this thread stands it
	 * does not, but by the end of the thread. */
	if (!grf_target_is_same(injector->target) || !has_code(injector))
		return false;
	facts = read_facts(injector, tid);
	if (!find_stack(injector, facts.own_id) || is_in_sequence(injector, tid))
		return false;
	injector->tid = tid;
	injector->options = PTRACE_O_TRACESYSGOOD;
	if (facts.has_seccomp)
		injector->options |= PTRACE_O_SUSPEND_SECCOMP;
	return grf_signal_frame_build_exit(&injector->state, injector->low, injector->high,
					   injector->site->sigreturn, injector->site->system_call,
					   &injector->child_frame) &&
	       grf_signal_frame_build(&injector->state, injector->low,
				      injector->child_frame.address, injector->site->sigreturn,
				      &injector->frame);
}

static bool write_frame(const struct grf_injector *injector, const struct grf_signal_frame *frame)
{
	return pwrite(injector->memory, frame->bytes, frame->size, (off_t)frame->address) ==
	       (ssize_t)frame->size;
}

static bool set_call(const struct grf_injector *injector, const struct grf_injected_call *call)
{
	struct user_regs_struct registers = injector->state.registers;
	uint64_t arguments[GRF_CALL_ARGUMENTS];

	memcpy(arguments, call->arguments, sizeof(arguments));
	if (call->makes_child)
		arguments[1] = injector->child_frame.stack_pointer;
	grf_live_set_call(&registers, injector->site->system_call, injector->frame.stack_pointer,
			  call->number, arguments);
	return !grf_live_write(injector->tid, &registers);
}

/* Back to what it was, without the frame. */
static enum grf_call_outcome take_back(const struct grf_injector *injector)
{
	const struct grf_thread_state *state = &injector->state;

	if (grf_live_write(injector->tid, &state->registers) ||
	    ptrace(PTRACE_SETSIGMASK, injector->tid, GRF_SIGNAL_MASK_BYTES, &state->signal_mask))
		return GRF_CALL_LOST;
	return GRF_CALL_NOT_MADE;
}

/* Whether a request failed, and, but for a thread that is gone, notes why. */
static bool has_failed(struct grf_injector *injector, long result)
{
	if (result && errno != ESRCH)
		injector->refused = errno;
	return result;
}

/* Lets the thread run to its next stop at a call's beginning or end; takes a child that stops for
 * us in between. */
static bool run_to_call(struct grf_injector *injector, uint64_t limit, int *ret_status)
{
	unsigned long message;

	while (!has_failed(injector, ptrace(PTRACE_SYSCALL, injector->tid, 0, 0)) &&
	       grf_injector_wait(injector->target, injector->tid, limit, ret_status)) {
		if (*ret_status != (SIGTRAP | PTRACE_EVENT_CLONE << 8))
			return true;
		if (!ptrace(PTRACE_GETEVENTMSG, injector->tid, 0, &message))
			injector->child = (pid_t)message;
	}
	return false;
}

static enum grf_call_outcome run_call(struct grf_injector *injector, uint64_t limit)
{
	struct user_regs_struct registers;
	int status;

	if (!run_to_call(injector, CALL_LIMIT, &status))
		return injector->refused ? take_back(injector) : GRF_CALL_LOST;
	if (status != (SIGTRAP | 0x80)) {
		injector->signal = status >> 8 ? 0 : status & 0x7f;
		return take_back(injector);
	}
	grf_injector_step(injector, 5);
	if (!run_to_call(injector, limit, &status) || grf_live_read(injector->tid, &registers))
		return GRF_CALL_LOST;
	injector->result = grf_live_result(&registers);
	if (injector->result >= FIRST_RESTART && injector->result <= LAST_RESTART)
		return take_back(injector);
	grf_injector_step(injector, 6);
	return GRF_CALL_MADE;
}

static bool allow_calls(struct grf_injector *injector, long more)
{
	if (!ptrace(PTRACE_SETOPTIONS, injector->tid, 0, injector->options | more))
		return true;
	injector->refused = errno;
	return false;
}

enum grf_call_outcome grf_injector_call(struct grf_injector *injector,
					const struct grf_injected_call *call)
{
	const uint64_t all = UINT64_MAX;

	injector->result = injector->signal = injector->refused = 0;
	injector->child = 0;
	grf_injector_step(injector, 1);
	if (!write_frame(injector, &injector->frame) ||
	    (call->makes_child && !write_frame(injector, &injector->child_frame))) {
		injector->refused = EFAULT;
		return GRF_CALL_NOT_MADE;
	}
	if (!allow_calls(injector, call->makes_child ? PTRACE_O_TRACECLONE : 0))
		return GRF_CALL_NOT_MADE;
	grf_injector_step(injector, 2);
	if (!set_call(injector, call)) {
		has_failed(injector, -1);
		return injector->refused ? GRF_CALL_NOT_MADE : GRF_CALL_LOST;
	}
	grf_injector_step(injector, 3);
	ptrace(PTRACE_SETSIGMASK, injector->tid, GRF_SIGNAL_MASK_BYTES, &all);
	grf_injector_step(injector, 4);
	return run_call(injector, call->limit ? call->limit : CALL_LIMIT);
}

bool grf_injector_call_last(const struct grf_injector *injector,
			    const struct grf_injected_call *call)
{
	return set_call(injector, call);
}

/* --- one thread after the other --------------------------------------------------------------- */

/* Whether it is ours already, since it did not stop in time before. */
static bool is_seized(const struct grf_injector *injector, pid_t tid)
{
	return injector->persistent && grf_target_tracer(injector->target, tid) == getpid();
}

/* False: the thread is gone, or does not stop. Then it is let go when this process ends, which must
 * be soon, as it may stop at any time. */
static bool wait_until_stopped(struct grf_injector *injector, pid_t tid, int *ret_status)
{
	uint64_t limit = injector->persistent ? CALL_LIMIT : STOP_LIMIT, began = grf_now();
	siginfo_t info;
	bool refused; /* to be told: it may stand, and is let go by the end of this process */
	char state;

	do {
		errno = 0;
		if (grf_injector_wait(injector->target, tid, limit, ret_status))
			return true;
		refused = errno == EPERM || errno == ENOSYS;
		state = grf_target_thread_state(injector->target, tid);
	} while ((state == 'R' || state == 't') && !refused && !grf_interrupted() &&
		 grf_now() - began < TIME_LIMIT);
	if (state == '\0' || state == 'Z' || state == 'X') {
		/* An exec(2) of the target waits for that. */
		waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | __WALL);
		return false;
	}
	injector->tid = tid;
	injector->stuck = state;
	injector->stuck_for = grf_now() - began;
	return false;
}

/* False: it cannot be traced, or not in time. */
static bool seize_thread(struct grf_injector *injector, pid_t tid)
{
	struct grf_seizer seizer;
	uint64_t began = grf_now();
	int refused;

	grf_seizer_start(&seizer, injector->persistent ? TIME_LIMIT : STOP_LIMIT,
			 injector->persistent);
	refused = grf_seize(tid);
	grf_seizer_stop(&seizer);
	if (!refused || is_seized(injector, tid))
		return true;
	injector->refused = refused;
	if (refused == EINTR) {
		injector->tid = tid;
		injector->stuck = grf_target_thread_state(injector->target, tid);
		injector->stuck_for = grf_now() - began;
	}
	return false;
}

/* True when it is done with, for better or worse; false: to be tried with another thread. */
static bool try_thread(struct grf_injector *injector, pid_t tid, enum grf_restart worst,
		       grf_injector_work *work, void *context, struct grf_injection_report *report)
{
	int status, signal = 0;
	bool done = false;

	if (!seize_thread(injector, tid))
		return false;
	report->began = grf_now();
	report->tid = tid;
	ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	if (!wait_until_stopped(injector, tid, &status))
		return false;
	if (!(status >> 8)) {
		signal = status & 0x7f; /* it is about to take a signal; the detach delivers it */
	} else if (grf_injector_take(injector, tid, worst)) {
		injector->signal = 0;
		work(injector, context);
		signal = injector->signal;
		done = true;
	}
	ptrace(PTRACE_DETACH, tid, 0, (long)signal);
	report->ended = grf_now();
	grf_injector_step(injector, 9);
	return done;
}

/* Whether the thread is on a CPU, or waits for one. */
static bool is_running(const struct grf_injector *injector, pid_t tid)
{
	char name[64], text[32];

	snprintf(name, sizeof(name), "task/%d/syscall", tid);
	return grf_small_file_read(injector->target->directory, name, text, sizeof(text)) > 0 &&
	       !strncmp(text, "running", 7);
}

static bool is_uninterruptible(const struct grf_injector *injector, pid_t tid)
{
	return grf_target_thread_state(injector->target, tid) == 'D';
}

static size_t list_threads(const struct grf_injector *injector, pid_t *tids, size_t capacity)
{
	int fd = openat(injector->target->directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t count = 0;
	pid_t thread;
	DIR *task = fd < 0 ? NULL : fdopendir(fd);

	while (task && count < capacity && (thread = grf_threads_next(task)))
		tids[count++] = thread;
	if (task)
		closedir(task);
	return count;
}

static bool may_go_on(const struct grf_injector *injector, uint64_t began)
{
	return grf_now() - began < TIME_LIMIT && (injector->persistent || !injector->stuck) &&
	       (injector->persistent || (!grf_interrupted() && getppid() == injector->tool));
}

/* In three passes: those that run; those that wait in a call that can be made again; any. Each may
 * just be handling a signal, or be about to, which is over soon. One in a wait that nothing
 * interrupts is tried at last: most are for a disk, some for ever. */
bool grf_injector_with_thread(struct grf_injector *injector, grf_injector_work *work, void *context,
			      struct grf_injection_report *report)
{
	const struct timespec moment = {.tv_nsec = 2000000};
	_cleanup_free_ pid_t *tids = calloc(MAX_THREADS, sizeof(*tids));
	size_t count = tids ? list_threads(injector, tids, MAX_THREADS) : 0;
	uint64_t began = grf_now();

	injector->refused = 0;
	injector->stuck = '\0';
	for (int pass = 0; pass < 3 * ATTEMPTS; pass++) {
		enum grf_restart worst = pass % 3 == 2 ? GRF_RESTART_ANEW : GRF_RESTART_AGAIN;
		bool last = pass / 3 == ATTEMPTS - 1;

		if (pass && pass % 3 == 0)
			nanosleep(&moment, NULL);
		for (size_t i = 0; i < count && may_go_on(injector, began); i++)
			if ((pass % 3 || is_running(injector, tids[i])) &&
			    (last || !is_uninterruptible(injector, tids[i])) &&
			    try_thread(injector, tids[i], worst, work, context, report))
				return true;
	}
	return false;
}

/* --- what it takes ---------------------------------------------------------------------------- */

struct grf_error *grf_injector_open(struct grf_injector *injector, const struct grf_target *target,
				    const struct grf_injection_site *site)
{
	char status[GRF_STATUS_BYTES];

	memset(injector, 0, sizeof(*injector));
	injector->target = target;
	injector->site = site;
	injector->memory = -1;
	injector->tool = getpid();
	if (!site->stack_bytes || !site->system_call || !site->sigreturn)
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					"the program does not tell where its threads have room for "
					"our system call");
	if (grf_small_file_read(target->directory, "status", status, sizeof(status)) < 0)
		return grf_target_exited(target->pid);
	if (!site->sigreturn_code.size || site->sigreturn_code.size > GRF_LIVE_CODE_BYTES)
		return grf_error_create(GRF_ERROR_UNSUPPORTED, "the program's way back from signal "
							       "handlers is not known");
	if (grf_live_has_shadow_stack(status))
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					"process %d has shadow stacks, on which no system call of "
					"ours returns",
					target->pid);
	return grf_target_open_file(target, "mem", O_RDWR, &injector->memory);
}

void grf_injector_close(struct grf_injector *injector)
{
	if (injector->memory >= 0)
		close(injector->memory);
	injector->memory = -1;
}
