/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends grf-bpf at a step of a call that a thread of the target makes for it, in place of
 * user/hold/calls/step.c.
 *
 *   GRF_TEST_KILL_AT_STEP    the number of the step
 *   GRF_TEST_KILL_BOTH       the process that takes the call to its end is killed too
 *   GRF_TEST_SIGNAL_AT_STEP  the thread gets SIGURG at that step
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hold/calls/injected_call.h"
#include "hold/hold.h"
#include "hold/private.h"

static bool is_step(const struct grf_injector *injector, const char *variable, unsigned int number)
{
	const char *step = getenv(variable);

	return step && (unsigned int)strtoul(step, NULL, 10) == injector->first_step + number;
}

void grf_injector_step(const struct grf_injector *injector, unsigned int number)
{
	bool both = getenv("GRF_TEST_KILL_BOTH");
	pid_t self = getpid();

	if (is_step(injector, "GRF_TEST_SIGNAL_AT_STEP", number))
		syscall(SYS_tgkill, injector->target->pid, injector->tid, SIGURG);
	if (!is_step(injector, "GRF_TEST_KILL_AT_STEP", number))
		return;
	if (both && self == injector->tool && injector->helper > 0)
		kill(injector->helper, SIGKILL);
	kill(injector->tool, SIGKILL);
	if (both)
		kill(self, SIGKILL);
}
