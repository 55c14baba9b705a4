/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that wait for work, made before it comes. */
#ifndef GRF_BASE_POOL_H
#define GRF_BASE_POOL_H

#include "base/error.h"

struct grf_pool;

/* Runs in each thread of the pool, `index` 0 to threads - 1. */
typedef void grf_pool_work(void *context, unsigned int index);

struct grf_error *grf_pool_create(unsigned int threads, struct grf_pool **ret);
void grf_pool_destroy(struct grf_pool *pool); /* NULL: nothing */

/* Starts `work` in every thread. Nothing may be under way. */
void grf_pool_start(struct grf_pool *pool, grf_pool_work *work, void *context);

/* Waits until all have returned. */
void grf_pool_wait(struct grf_pool *pool);

#endif
