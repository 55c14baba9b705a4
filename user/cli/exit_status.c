/* SPDX-License-Identifier: BSD-2-Clause */
/* How a run ends: signals that interrupt it, and the exit status for each kind of error. */
#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "cli/cli.h"

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught = number;
	grf_interrupt(number);
}

void grf_handle_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	/* No SA_RESTART: a wait must end. */
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	/* A file that grows over a limit, or a pipe that nobody reads, is an error to report. */
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

static int status_of(enum grf_error_code code)
{
	switch (code) {
	case GRF_ERROR_USAGE:
		return GRF_EXIT_USAGE;
	case GRF_ERROR_NO_PROCESS:
		return GRF_EXIT_NO_PROCESS;
	case GRF_ERROR_PERMISSION:
		return GRF_EXIT_PERMISSION;
	case GRF_ERROR_EXITED:
		return GRF_EXIT_EXITED;
	case GRF_ERROR_REPLACED:
		return GRF_EXIT_REPLACED;
	case GRF_ERROR_NOT_GO:
		return GRF_EXIT_NOT_GO;
	case GRF_ERROR_UNSUPPORTED:
		return GRF_EXIT_UNSUPPORTED;
	case GRF_ERROR_BAD_INPUT:
	case GRF_ERROR_FAULT:
		return GRF_EXIT_BAD_INPUT;
	case GRF_ERROR_MISMATCH:
		return GRF_EXIT_MISMATCH;
	case GRF_ERROR_OUTPUT:
		return GRF_EXIT_OUTPUT;
	case GRF_ERROR_NO_MEMORY:
		return GRF_EXIT_NO_ROOM;
	case GRF_ERROR_TOO_LONG:
		return GRF_EXIT_TOO_LONG;
	case GRF_ERROR_TORN:
		return GRF_EXIT_TORN;
	case GRF_ERROR_NO_COLLECTION:
		return GRF_EXIT_NO_COLLECTION;
	case GRF_ERROR_INTERRUPTED:
		return 128 + (caught ? caught : SIGINT);
	default:
		return GRF_EXIT_FAILURE;
	}
}

int grf_exit_status(struct grf_error *error)
{
	int status;

	if (!error)
		return GRF_EXIT_OK;
	/* What went wrong after that is but its consequence. */
	if (grf_gave_up()) {
		grf_error_free(error);
		error = grf_error_interrupted();
	}
	grf_progress_end();
	fprintf(stderr, "grf-bpf: %s\n", error->message);
	status = status_of(error->code);
	grf_error_free(error);
	return status;
}
