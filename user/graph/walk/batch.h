/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Visits the places at the head of the typed queue, many at a time: first all visits, by as many
 * walkers as there are threads, then all that they took down, in the order of the places. What
 * comes of it depends on the batches, and these not on the threads.
 */
#ifndef GRF_GRAPH_WALK_BATCH_H
#define GRF_GRAPH_WALK_BATCH_H

#include <stdint.h>

#include "base/error.h"

struct grf_walk;
struct grf_batch;

/* With so many threads, the caller's included; at least 1. Borrows the walk. */
struct grf_error *grf_batch_create(struct grf_walk *walk, unsigned int threads,
				   struct grf_batch **ret);
void grf_batch_destroy(struct grf_batch *batch);

/* Counts at their nodes all objects that were reached so far. */
void grf_batch_count(struct grf_batch *batch);

/* Visits the next places of the typed queue, which is not empty. Returns how many. */
uint32_t grf_batch_visit(struct grf_batch *batch);

#endif
