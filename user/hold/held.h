/* SPDX-License-Identifier: BSD-2-Clause */
/* The threads of a target that stand for us: hold.c stops them, letting_go.c lets them go. */
#ifndef GRF_HOLD_HELD_H
#define GRF_HOLD_HELD_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/array.h"
#include "hold/hold.h"

/* How long threads may take to stop before we give up; ns. The others stand meanwhile. */
#define GRF_STOP_LIMIT UINT64_C(1000000000)

enum grf_thread_stage {
	SEIZED,
	INTERRUPTED,
	STOPPED,
	RELEASED,
	GONE,
};

struct grf_held_thread {
	pid_t tid;
	enum grf_thread_stage state;
	int signal;   /* the stop came before this signal, which the detach delivers */
	size_t pass;  /* of those over the list of threads, the last in which it was there */
	bool foreign; /* of another process, which has the number of a thread that ended */
};

struct grf_held {
	const struct grf_target *target;
	const struct grf_freeze *freeze;
	grf_hold_work *work;
	void *context;
	struct grf_hold_report *report;
	GRF_ARRAY(struct grf_held_thread) threads;
	pid_t *tids; /* for work(): `tid_capacity` elements */
	size_t tid_capacity;
	size_t known;         /* a thread of the list was last found at this index or after */
	bool died;            /* a thread that we held is gone: the process is being killed, or
			       * another of its threads is at exec(2) */
	bool replaced;        /* the memory that was looked at is no more the process's */
	cpu_set_t usual_cpus; /* of the tracer */
	struct grf_error *error;
};

/* Looks whether the thread stands by now, without consuming its stop. */
void grf_held_look(struct grf_held *hold, struct grf_held_thread *thread);

/* Forgets a thread that has ended or is about to, and reaps it if it has. Does not wait. */
void grf_held_reap(struct grf_held_thread *thread);

/* Lets the threads go that have stopped. Returns how many are yet to. */
size_t grf_held_release_stopped(struct grf_held *hold);

/* Lets all threads go. Those that have not stopped yet never will: the end of the tracer takes the
 * interrupt back. */
void grf_held_release_all(struct grf_held *hold);

/*
 * Where SIGKILL took threads from us, waits until they have ended, and reaps them: what comes next
 * may take long, and an exec(2) of the target waits until nobody has them any more.
 */
void grf_held_reap_all(struct grf_held *hold);

/* Lets all threads go, and forgets them. */
void grf_held_start_over(struct grf_held *hold);

#endif
