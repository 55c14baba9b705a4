/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mutex and two conditions: each start is a new generation of work, which every thread does
 * once.
 */
#include "base/pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct grf_pool {
	pthread_mutex_t mutex;
	pthread_cond_t started;
	pthread_cond_t finished;
	unsigned int generation; /* counts calls of grf_pool_start() */
	unsigned int busy;
	bool leave;
	grf_pool_work *work;
	void *context;
	unsigned int count;
	struct worker {
		struct grf_pool *pool;
		unsigned int index;
		pthread_t thread;
	} workers[];
};

static void *serve_pool(void *argument)
{
	struct worker *worker = argument;
	struct grf_pool *pool = worker->pool;
	unsigned int done = 0;

	pthread_mutex_lock(&pool->mutex);
	for (;;) {
		while (!pool->leave && pool->generation == done)
			pthread_cond_wait(&pool->started, &pool->mutex);
		if (pool->leave)
			break;
		done = pool->generation;
		pthread_mutex_unlock(&pool->mutex);
		pool->work(pool->context, worker->index);
		pthread_mutex_lock(&pool->mutex);
		if (!--pool->busy)
			pthread_cond_signal(&pool->finished);
	}
	pthread_mutex_unlock(&pool->mutex);
	return NULL;
}

struct grf_error *grf_pool_create(unsigned int threads, struct grf_pool **ret)
{
	struct grf_pool *pool = calloc(1, sizeof(*pool) + threads * sizeof(pool->workers[0]));
	int result = 0;

	if (!pool)
		return grf_error_no_memory();
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_cond_init(&pool->started, NULL);
	pthread_cond_init(&pool->finished, NULL);
	while (!result && pool->count < threads) {
		struct worker *worker = &pool->workers[pool->count];

		worker->pool = pool;
		worker->index = pool->count;
		result = pthread_create(&worker->thread, NULL, serve_pool, worker);
		pool->count += !result;
	}
	if (result) {
		grf_pool_destroy(pool);
		return grf_error_errno(GRF_ERROR_OTHER, result, "create a thread");
	}
	*ret = pool;
	return NULL;
}

void grf_pool_start(struct grf_pool *pool, grf_pool_work *work, void *context)
{
	pthread_mutex_lock(&pool->mutex);
	assert(!pool->busy && "grf_pool_wait() comes between two works");
	pool->work = work;
	pool->context = context;
	pool->busy = pool->count;
	pool->generation++;
	pthread_cond_broadcast(&pool->started);
	pthread_mutex_unlock(&pool->mutex);
}

void grf_pool_wait(struct grf_pool *pool)
{
	pthread_mutex_lock(&pool->mutex);
	while (pool->busy)
		pthread_cond_wait(&pool->finished, &pool->mutex);
	pthread_mutex_unlock(&pool->mutex);
}

void grf_pool_run(struct grf_pool *pool, grf_pool_work *work, void *context)
{
	if (!pool) {
		work(context, 0);
		return;
	}
	grf_pool_start(pool, work, context);
	work(context, pool->count);
	grf_pool_wait(pool);
}

void grf_pool_run_once(unsigned int threads, grf_pool_work *work, void *context)
{
	struct grf_pool *pool = NULL;

	if (threads > 1)
		grf_error_free(grf_pool_create(threads - 1, &pool));
	grf_pool_run(pool, work, context);
	grf_pool_destroy(pool);
}

void grf_pool_destroy(struct grf_pool *pool)
{
	unsigned int i;

	if (!pool)
		return;
	pthread_mutex_lock(&pool->mutex);
	pool->leave = true;
	pthread_cond_broadcast(&pool->started);
	pthread_mutex_unlock(&pool->mutex);
	for (i = 0; i < pool->count; i++)
		pthread_join(pool->workers[i].thread, NULL);
	pthread_cond_destroy(&pool->started);
	pthread_cond_destroy(&pool->finished);
	pthread_mutex_destroy(&pool->mutex);
	free(pool);
}
