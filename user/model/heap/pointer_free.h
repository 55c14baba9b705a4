/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory of a live Go heap that holds no pointers; see pointer_free.c. */
#ifndef GRF_MODEL_HEAP_POINTER_FREE_H
#define GRF_MODEL_HEAP_POINTER_FREE_H

#include "image/left_out.h"
#include "model/release/layout.h"

/* Bytes. Objects without pointers up to this size are copied all the same. */
#define GRF_POINTER_FREE_KEPT 512u

struct grf_pointer_free {
	struct grf_layout layout;
	const struct grf_arch *arch;
	uint64_t mheap; /* address of runtime.mheap_ */
};

/* Finds the spans of larger objects without pointers; a grf_left_out_finder's find(), whose context
 * is a struct grf_pointer_free. Errors: NO_MEMORY, INTERRUPTED. */
struct grf_error *grf_pointer_free_find(void *context, grf_read_runs *read, void *memory,
					struct grf_left_out **ret, size_t *ret_count);

#endif
