/* SPDX-License-Identifier: BSD-2-Clause */
/* Work that a process apart does, so that it comes to its end even if we are killed meanwhile. */
#ifndef GRF_HOLD_APART_H
#define GRF_HOLD_APART_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* What the work leads to: on success a descriptor, which is handed on. It may write to `shared`. */
typedef struct grf_error *grf_apart_work(void *context, int *ret);

/*
 * Has a child process in a session of its own do `work`, and waits for it. An interruption of us
 * is passed on to it, so that grf_interrupted() holds there. `shared`, of `size` bytes (up to 256),
 * which the work may write to, is brought back from there; nothing else that it changes is. The
 * descriptor in *ret is the caller's. Errors: those of the work; OTHER.
 */
struct grf_error *grf_apart_run(grf_apart_work *work, void *context, void *shared, size_t size,
				int *ret);

/* A process apart that keeps a descriptor. */
struct grf_apart {
	pid_t pid; /* 0: none was started */
	int socket;
};

/*
 * The same, but the process stays, keeps the descriptor open beside ours and nothing else, and ends
 * when we call grf_apart_end(), or are gone. What goes with the last copy of the descriptor is so
 * undone by a process that is not being killed. Returns the caller's descriptor in *ret_descriptor.
 */
struct grf_error *grf_apart_keep(grf_apart_work *work, void *context, int *ret_descriptor,
				 struct grf_apart *ret);

/* Waits for the process, that is, for what the end of the descriptor leads to, which the caller has
 * closed. */
void grf_apart_end(struct grf_apart *apart);

#endif
