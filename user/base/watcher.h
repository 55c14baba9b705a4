/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread beside the work that waits for something to happen, and can be ended and begun again. */
#ifndef GRF_BASE_WATCHER_H
#define GRF_BASE_WATCHER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

/* All zero to begin with, and never moved. */
struct grf_watcher {
	void (*watch)(void); /* returns when there is nothing more to do, or it is to leave */
	void (*wake)(void); /* has it notice that it is to leave, where it does not rest; or NULL */
	pthread_t thread;
	sem_t leave;
	bool leaves, begun;
};

/**
 * Begins the thread, with all signals blocked: they are for the threads that are at work. If it
 * cannot be started, nothing is watched.
 */
void grf_watcher_begin(struct grf_watcher *watcher);

/** Ends the thread and waits until it has ended. Does nothing where it was not begun. */
void grf_watcher_end(struct grf_watcher *watcher);

/** In the thread: whether it is to leave. */
bool grf_watcher_leaves(const struct grf_watcher *watcher);

/** In the thread: waits for `time` ns, or until it is to leave. */
void grf_watcher_rest(struct grf_watcher *watcher, uint64_t time);

#endif
