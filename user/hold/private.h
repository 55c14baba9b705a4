/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared inside the stage: small readers of /proc and the errors that several places make. */
#ifndef GRF_HOLD_PRIVATE_H
#define GRF_HOLD_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "hold/hold.h"

/* Rounds of asking that only yield the CPU, before asking sleeps in between. */
#define GRF_EAGER_ROUNDS 50

/* The state letter of a thread (proc(5)), '\0' when it is gone. */
char grf_target_thread_state(const struct grf_target *target, pid_t tid);

/* Whether the thread has ended: it is gone, or only waits to be reaped. */
bool grf_target_thread_has_ended(const struct grf_target *target, pid_t tid);

/* Who traces the thread, 0: nobody or unknown. */
pid_t grf_target_tracer(const struct grf_target *target, pid_t tid);

struct grf_error *grf_target_refused(pid_t pid);
struct grf_error *grf_target_exited(pid_t pid);
struct grf_error *grf_target_traced(pid_t pid, pid_t tracer);

/* How long one of our processes is still waited for when the user has interrupted; ns. */
#define GRF_HELPER_PATIENCE UINT64_C(3000000000)

/**
 * Waits until one of our processes has ended, and reaps it.
 * @param pid         the process, our child of any kind
 * @param ret_status  as of waitpid(2); not written where nobody can wait for it
 * @return false: the user has interrupted, and some seconds later it had not ended. It goes on by
 *         itself then.
 */
bool grf_helper_wait(pid_t pid, int *ret_status);

/*
 * Keeps our memory in existence for a moment longer than ourselves, see keeper.c. Starting can fail
 * without harm.
 */
struct grf_keeper {
	pid_t pid;
	void *stack;
};

void grf_keeper_start(struct grf_keeper *ret);
void grf_keeper_stop(struct grf_keeper *keeper);

#endif
