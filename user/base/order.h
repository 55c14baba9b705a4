/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Items of work of which some need that others are done: by several threads, in any order that
 * keeps to that.
 */
#ifndef GRF_BASE_ORDER_H
#define GRF_BASE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

struct grf_order;

/* Creates an order of `count` items that need nothing yet. NULL: out of memory. */
struct grf_order *grf_order_create(uint32_t count);
void grf_order_destroy(struct grf_order *order);

/* Notes that `item` needs `earlier`, which is less than it; before the first run. False: out of
 * memory. */
bool grf_order_add(struct grf_order *order, uint32_t item, uint32_t earlier);

/* Does an item; `thread` is less than the number of threads. */
typedef void grf_order_work(void *context, unsigned int thread, uint32_t item);

/*
 * Does all items by `threads` threads, each after those that it needs; may be called again. What an
 * item did is seen by those that need it. With one thread, or where there are no others to be had,
 * they are done from the first to the last.
 */
void grf_order_run(struct grf_order *order, unsigned int threads, grf_order_work *work,
		   void *context);

#endif
