/* SPDX-License-Identifier: BSD-2-Clause */
/* Items that need nothing more wait in a queue, from which each thread takes some at a time. */
#include "base/order.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/pool.h"

/* So many items are taken at a time where many wait. */
#define SHARE 16u

struct need {
	uint32_t item, earlier;
};

struct grf_order {
	uint32_t count;
	GRF_ARRAY(struct need) needs;
	uint32_t *dependents; /* items, by what they need; NULL until the first run */
	uint32_t *first;      /* of those that need an item; one more */
	uint32_t *left;       /* what each item still needs */
	uint32_t *waiting;    /* those that need nothing more */
	uint32_t head, end;   /* in `waiting` */
	pthread_mutex_t mutex;
	pthread_cond_t more;
	unsigned int threads;
	grf_order_work *work;
	void *context;
};

struct grf_order *grf_order_create(uint32_t count)
{
	struct grf_order *order = calloc(1, sizeof(*order));

	if (!order)
		return NULL;
	order->count = count;
	order->first = calloc((size_t)count + 1, sizeof(*order->first));
	order->left = calloc((size_t)count + 1, sizeof(*order->left));
	order->waiting = calloc((size_t)count + 1, sizeof(*order->waiting));
	pthread_mutex_init(&order->mutex, NULL);
	pthread_cond_init(&order->more, NULL);
	if (order->first && order->left && order->waiting)
		return order;
	grf_order_destroy(order);
	return NULL;
}

void grf_order_destroy(struct grf_order *order)
{
	if (!order)
		return;
	pthread_cond_destroy(&order->more);
	pthread_mutex_destroy(&order->mutex);
	grf_array_free(&order->needs);
	free(order->dependents);
	free(order->first);
	free(order->left);
	free(order->waiting);
	free(order);
}

bool grf_order_add(struct grf_order *order, uint32_t item, uint32_t earlier)
{
	struct need *added;

	assert(earlier < item && item < order->count && "an item needs an earlier one");
	assert(!order->dependents && "what is needed is said before the first run");
	added = order->needs.count < UINT32_MAX ? grf_array_add(&order->needs) : NULL;
	if (!added)
		return false;
	*added = (struct need){item, earlier};
	return true;
}

/* Sorts by what is needed. */
static bool sort_needs(struct grf_order *order)
{
	uint32_t at = 0;

	order->dependents = calloc(order->needs.count + 1, sizeof(*order->dependents));
	if (!order->dependents)
		return false;
	for (size_t i = 0; i < order->needs.count; i++)
		order->first[order->needs.items[i].earlier]++;
	for (uint32_t item = 0; item <= order->count; item++) {
		uint32_t count = order->first[item];

		order->first[item] = at;
		at += count;
	}
	for (size_t i = 0; i < order->needs.count; i++)
		order->dependents[order->first[order->needs.items[i].earlier]++] =
		    order->needs.items[i].item;
	for (uint32_t item = order->count; item > 0; item--)
		order->first[item] = order->first[item - 1];
	order->first[0] = 0;
	return true;
}

/* Puts what needs nothing into the queue. */
static void begin_run(struct grf_order *order)
{
	for (uint32_t i = 0; i < order->count; i++)
		order->left[i] = 0;
	for (size_t i = 0; i < order->needs.count; i++)
		order->left[order->needs.items[i].item]++;
	order->head = order->end = 0;
	for (uint32_t i = 0; i < order->count; i++)
		if (!order->left[i])
			order->waiting[order->end++] = i;
}

/* Takes items that wait; 0: all have been taken. With the mutex held. */
static uint32_t take_share(struct grf_order *order, uint32_t *ret_first)
{
	uint32_t share;

	while (order->head == order->end && order->end < order->count)
		pthread_cond_wait(&order->more, &order->mutex);
	share = (order->end - order->head + order->threads - 1) / order->threads;
	share = share < SHARE ? share : SHARE;
	*ret_first = order->head;
	order->head += share;
	return share;
}

/* Adds to the queue what needed only this. With the mutex held. */
static void note_done(struct grf_order *order, uint32_t item)
{
	for (uint32_t i = order->first[item]; i < order->first[item + 1]; i++) {
		uint32_t dependent = order->dependents[i];

		if (!--order->left[dependent])
			order->waiting[order->end++] = dependent;
	}
}

static void do_items(void *argument, unsigned int thread)
{
	struct grf_order *order = argument;
	uint32_t first, share;

	pthread_mutex_lock(&order->mutex);
	while ((share = take_share(order, &first))) {
		pthread_mutex_unlock(&order->mutex);
		for (uint32_t i = first; i < first + share; i++)
			order->work(order->context, thread, order->waiting[i]);
		pthread_mutex_lock(&order->mutex);
		for (uint32_t i = first; i < first + share; i++)
			note_done(order, order->waiting[i]);
		pthread_cond_broadcast(&order->more);
	}
	pthread_mutex_unlock(&order->mutex);
}

void grf_order_run(struct grf_order *order, unsigned int threads, grf_order_work *work,
		   void *context)
{
	struct grf_pool *pool = NULL;

	if (threads > 1 && (order->dependents || sort_needs(order)))
		grf_error_free(grf_pool_create(threads - 1, &pool));
	if (!pool) {
		for (uint32_t i = 0; i < order->count; i++)
			work(context, 0, i);
		return;
	}
	begin_run(order);
	order->threads = threads;
	order->work = work;
	order->context = context;
	grf_pool_run(pool, do_items, order);
	grf_pool_destroy(pool);
}
