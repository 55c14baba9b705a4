/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that wait for work, made before it comes. */
#ifndef GRF_BASE_POOL_H
#define GRF_BASE_POOL_H

#include "base/error.h"

struct grf_pool;

/* Runs in each thread of the pool, `index` 0 to threads - 1; from grf_pool_run(), in the caller as
 * well, with the index behind theirs. */
typedef void grf_pool_work(void *context, unsigned int index);

struct grf_error *grf_pool_create(unsigned int threads, struct grf_pool **ret);
void grf_pool_destroy(struct grf_pool *pool); /* NULL: nothing */

/* Starts `work` in every thread. Nothing may be under way. */
void grf_pool_start(struct grf_pool *pool, grf_pool_work *work, void *context);

/* Waits until all have returned. */
void grf_pool_wait(struct grf_pool *pool);

/* Runs `work` in every thread and in the caller, and returns when all have returned. NULL: in the
 * caller alone. */
void grf_pool_run(struct grf_pool *pool, grf_pool_work *work, void *context);

/* The same by `threads` threads, the caller's included, that are made for it; by the caller alone
 * where they cannot be made. */
void grf_pool_run_once(unsigned int threads, grf_pool_work *work, void *context);

#endif
