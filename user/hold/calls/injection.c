/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A userfaultfd of the target's memory. It takes two calls that a thread of the target makes for us
 * (injected_call.c): userfaultfd, at whose end the thread stops for us once more, so that the
 * descriptor can be copied, and close from the same frame. In between the target has a descriptor
 * too many. So that a kill of this process does not leave it there, all this is done by a process
 * apart, which takes no notice of that (apart.h). Should it be killed in just that moment as well,
 * by the end of a whole control group, the descriptor stays until the target's next exec, with
 * nothing registered to it.
 */
#include "hold/calls/injection.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "hold/apart.h"
#include "hold/calls/injected_call.h"
#include "hold/private.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

struct injection {
	struct grf_injector injector;
	struct grf_injection_report *report;
	int pidfd;
	int result; /* our descriptor */
	struct grf_error *error;
};

/* From the stop at the end of the call: takes the descriptor over and has the target close its own.
 */
static void take_descriptor(struct injection *injection)
{
	struct grf_injector *injector = &injection->injector;
	const struct grf_injected_call close_call = {
	    .number = SYS_close,
	    .arguments = {(uint64_t)injector->result},
	};
	int error = (int)-injector->result;

	if (injector->result < 0) {
		injection->error =
		    grf_error_errno(error == EPERM ? GRF_ERROR_PERMISSION : GRF_ERROR_UNSUPPORTED,
				    error, "userfaultfd in process %d", injector->target->pid);
		return;
	}
	injection->result =
	    (int)syscall(SYS_pidfd_getfd, injection->pidfd, (unsigned int)injector->result, 0);
	if (injection->result < 0)
		injection->error = grf_error_errno(GRF_ERROR_UNSUPPORTED, errno, "pidfd_getfd");
	grf_injector_step(injector, 7);
	grf_injector_call_last(injector, &close_call);
	grf_injector_step(injector, 8);
}

static struct grf_error *explain_loss(const struct grf_injector *injector)
{
	if (grf_target_thread_has_ended(injector->target, injector->tid))
		return grf_target_exited(injector->target->pid);
	return grf_error_create(GRF_ERROR_UNSUPPORTED,
				"thread %d of process %d did not make a system call for us in time",
				injector->tid, injector->target->pid);
}

/* Makes the calls in a thread that stands and was found fit. */
static void make_calls(struct grf_injector *injector, void *context)
{
	static const struct grf_injected_call call = {
	    .number = SYS_userfaultfd,
	    .arguments = {O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY},
	};
	struct injection *injection = context;

	switch (grf_injector_call(injector, &call)) {
	case GRF_CALL_MADE:
		take_descriptor(injection);
		break;
	case GRF_CALL_NOT_MADE:
		injection->error =
		    injector->refused
			? grf_error_errno(GRF_ERROR_UNSUPPORTED, injector->refused,
					  "make a thread of process %d ready for a system call",
					  injector->target->pid)
			: grf_error_create(GRF_ERROR_UNSUPPORTED,
					   "process %d is being stopped by a signal",
					   injector->target->pid);
		break;
	case GRF_CALL_LOST:
		injection->error = explain_loss(injector);
		break;
	}
}

/* In the process apart, whose end lets go of every thread that was seized. */
static struct grf_error *inject_call(void *context, int *ret)
{
	struct injection *injection = context;
	struct grf_injector *injector = &injection->injector;
	pid_t pid = injector->target->pid;

	if (grf_injector_with_thread(injector, make_calls, injection, injection->report)) {
		*ret = injection->result;
		return injection->error;
	}
	if (grf_interrupted())
		return grf_error_interrupted();
	if (grf_target_is_stopped(injector->target))
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					"process %d stands stopped, so it makes no system call for "
					"us; how long it is held does not matter either",
					pid);
	if (injector->stuck)
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					"thread %d of process %d did not stop in %.1f s (state %c, "
					"D is a wait in the kernel that nothing interrupts); try "
					"again, or copy in another way (--copy auto)",
					injector->tid, pid, (double)injector->stuck_for / 1e9,
					injector->stuck);
	if (injector->refused)
		return grf_error_errno(GRF_ERROR_UNSUPPORTED, injector->refused,
				       "seize a thread of process %d", pid);
	return grf_error_create(GRF_ERROR_UNSUPPORTED,
				"no thread of process %d is fit to make a system call for us", pid);
}

struct grf_error *grf_injection_userfaultfd(const struct grf_target *target,
					    const struct grf_injection_site *site, int *ret,
					    struct grf_injection_report *ret_report)
{
	_cleanup_close_ int pidfd = -1;
	_cleanup_free_ struct injection *injection = calloc(1, sizeof(*injection));
	struct grf_error *error;

	*ret_report = (struct grf_injection_report){0};
	if (!injection)
		return grf_error_no_memory();
	error = grf_injector_open(&injection->injector, target, site);
	if (error)
		return error;
	pidfd = (int)syscall(SYS_pidfd_open, target->pid, 0);
	if (pidfd < 0) {
		error = grf_error_errno(GRF_ERROR_UNSUPPORTED, errno, "pidfd_open");
	} else {
		injection->report = ret_report;
		injection->pidfd = pidfd;
		injection->result = -1;
		error = grf_apart_run(inject_call, injection, ret_report, sizeof(*ret_report), ret);
	}
	grf_injector_close(&injection->injector);
	return error;
}
