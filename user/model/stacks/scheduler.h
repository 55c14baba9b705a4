/* SPDX-License-Identifier: BSD-2-Clause */
/* The addresses of all g, m and p of the scheduler. */
#ifndef GRF_MODEL_STACKS_SCHEDULER_H
#define GRF_MODEL_STACKS_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "image/image.h"
#include "model/release/layout.h"

struct grf_scheduler {
	GRF_ARRAY(uint64_t) addresses; /* of each runtime.g, runtime.m and runtime.p; not ordered */
};

/* Reads the lists at these addresses in the image (0: not known). A broken list ends where it
 * breaks. False: out of memory; `ret` is to be freed all the same. */
bool grf_scheduler_read(const struct grf_image *image, const struct grf_layout *layout,
			uint64_t allgs, uint64_t allm, uint64_t allp, struct grf_scheduler *ret);
void grf_scheduler_free(struct grf_scheduler *scheduler);

#endif
