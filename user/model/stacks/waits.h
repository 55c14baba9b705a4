/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goroutines wait for, and who could wake them: after the collector's own search for
 * goroutines that are stuck (isMaybeRunnable in runtime/mgc.go of Go 1.26), for every release.
 */
#ifndef GRF_MODEL_STACKS_WAITS_H
#define GRF_MODEL_STACKS_WAITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address_set.h"
#include "base/array.h"
#include "image/image.h"
#include "model/heap/heap.h"
#include "model/release/layout.h"
#include "model/stacks/goroutines.h"

enum grf_block {
	GRF_BLOCK_NONE,    /* it runs, or something else than a goroutine may wake it, or it is not
			    * known what it waits for */
	GRF_BLOCK_FOREVER, /* on a nil channel, or in a select without cases */
	GRF_BLOCK_OBJECTS, /* a goroutine that has one of some objects may wake it */
};

struct grf_awaited {
	uint64_t address; /* in a channel, a mutex, or what else it waits for */
	uint64_t word; /* of the runtime's record of the wait, which points to it; 0: none does */
};

struct grf_waits {
	const struct grf_image *image; /* borrowed, as all of these */
	const struct grf_layout *layout;
	const struct grf_heap *heap;
	struct grf_address_set seen;           /* records: each is of one goroutine */
	GRF_ARRAY(struct grf_awaited) objects; /* of the goroutine that was asked for last */
};

void grf_waits_begin(struct grf_waits *waits, const struct grf_image *image,
		     const struct grf_layout *layout, const struct grf_heap *heap);
void grf_waits_free(struct grf_waits *waits);

/** Finds who could wake a goroutine. Each goroutine may be asked for once. False: out of memory. */
bool grf_waits_find(struct grf_waits *waits, const struct grf_goroutine *goroutine,
		    enum grf_block *ret);

/** What a goroutine does, as tracebacks say it: "running", "chan receive", "sync.Mutex.Lock". */
const char *grf_goroutine_state(const struct grf_layout *layout,
				const struct grf_goroutine *goroutine);

/** Whether nothing but a goroutine can wake it, as its state says; grf_waits_find() knows which. */
bool grf_goroutine_is_blocked(const struct grf_layout *layout,
			      const struct grf_goroutine *goroutine);

/** Whether its state is a select without cases, by which many a main function waits. */
bool grf_goroutine_in_empty_select(const struct grf_layout *layout,
				   const struct grf_goroutine *goroutine);

/**
 * Since when it waits: nanoseconds of the monotonic clock when the first collection began that
 * found it waiting (waitsince in runtime/mgcmark.go, in every release). 0: it does not, or none
 * did.
 */
uint64_t grf_goroutine_waits_since(const struct grf_image *image, const struct grf_layout *layout,
				   const struct grf_goroutine *goroutine);

#endif
