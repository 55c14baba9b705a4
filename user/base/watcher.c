/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starts the thread with all signals blocked, and ends it with a semaphore that it waits on
 * between looks.
 */
#include "base/watcher.h"

#include <signal.h>
#include <time.h>

#define SECOND UINT64_C(1000000000)

static void *run_watcher(void *argument)
{
	struct grf_watcher *watcher = argument;

	watcher->watch();
	return NULL;
}

void grf_watcher_begin(struct grf_watcher *watcher)
{
	sigset_t all, before;

	sem_init(&watcher->leave, 0, 0);
	__atomic_store_n(&watcher->leaves, false, __ATOMIC_RELEASE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	watcher->begun = !pthread_create(&watcher->thread, NULL, run_watcher, watcher);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void grf_watcher_end(struct grf_watcher *watcher)
{
	if (!watcher->begun)
		return;
	__atomic_store_n(&watcher->leaves, true, __ATOMIC_RELEASE);
	sem_post(&watcher->leave);
	if (watcher->wake)
		watcher->wake();
	pthread_join(watcher->thread, NULL);
	watcher->begun = false;
}

bool grf_watcher_leaves(const struct grf_watcher *watcher)
{
	return __atomic_load_n(&watcher->leaves, __ATOMIC_ACQUIRE);
}

void grf_watcher_rest(struct grf_watcher *watcher, uint64_t time)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	time += (uint64_t)until.tv_nsec;
	until.tv_sec += (time_t)(time / SECOND);
	until.tv_nsec = (long)(time % SECOND);
	sem_clockwait(&watcher->leave, CLOCK_MONOTONIC, &until);
}
