/* SPDX-License-Identifier: BSD-2-Clause */
/* The bytes of a stack as one piece, also where the kernel split the mapping that it is in. */
#ifndef GRF_MODEL_STACK_MEMORY_H
#define GRF_MODEL_STACK_MEMORY_H

#include "image/image.h"
#include "model/stacks/goroutines.h"

/* The `size` bytes of a stack from `low` on, in the image or copied together in memory that `owner`
 * keeps. NULL: the image lacks some of them, or memory is out (*no_memory). */
const uint8_t *grf_stack_memory(const struct grf_image *image, uint64_t low, uint64_t size,
				struct grf_goroutines *owner, bool *no_memory);

#endif
