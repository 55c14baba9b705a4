/* SPDX-License-Identifier: BSD-2-Clause */
/* Waits for a helper process, for a limited time after an interruption. */
#include <errno.h>
#include <sys/wait.h>
#include <time.h>

#include "base/log.h"
#include "hold/private.h"

/* From one look to the next; ns. */
#define FIRST_NAP 20000
#define LAST_NAP  2000000

bool grf_helper_wait(pid_t pid, int *ret_status)
{
	struct timespec nap = {.tv_nsec = FIRST_NAP};
	uint64_t interrupted = 0;
	pid_t done;

	for (;;) {
		do
			done = waitpid(pid, ret_status, WNOHANG | __WALL);
		while (done < 0 && errno == EINTR);
		if (done)
			return true;
		if (grf_interrupted() && !interrupted)
			interrupted = grf_now();
		if (interrupted && grf_now() - interrupted > GRF_HELPER_PATIENCE)
			return false;
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < LAST_NAP)
			nap.tv_nsec *= 2;
	}
}
