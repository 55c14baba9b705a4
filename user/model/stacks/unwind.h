/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks the frames of one goroutine's stack; private to the model. */
#ifndef GRF_MODEL_STACKS_UNWIND_H
#define GRF_MODEL_STACKS_UNWIND_H

#include "base/array.h"
#include "model/stacks/goroutines.h"
#include "model/stacks/met_functions.h"

typedef GRF_ARRAY(struct grf_frame) grf_frame_array;

/* Where a walk begins. */
struct grf_unwind_start {
	uint64_t pc;
	uint64_t sp;
	bool interrupted; /* pc may be any instruction, not only a return address or a function's
			     entry */
};

/*
 * Appends the frames from `start` to the top of the stack [low, high) to `frames`, which the caller
 * empties first; their functions are those of `functions`. *ret_failure: why the walk ended before
 * the top, or NULL. False: out of memory.
 */
bool grf_unwind(const struct grf_image *image, const struct grf_pclntab *table,
		struct grf_met_functions *functions, const struct grf_unwind_start *start,
		uint64_t low, uint64_t high, grf_frame_array *frames, const char **ret_failure);

#endif
