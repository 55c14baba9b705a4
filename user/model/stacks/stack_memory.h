/* SPDX-License-Identifier: BSD-2-Clause */
/* The bytes of a stack as one piece: mappings that the kernel split run through the midst of some.
 */
#ifndef GRF_MODEL_STACK_MEMORY_H
#define GRF_MODEL_STACK_MEMORY_H

#include "image/image.h"
#include "model/stacks/goroutines.h"

/* The `size` bytes of a stack from `low` on: where the image has them, or put together in memory
 * that `owner` keeps. NULL: not all of them are there, or out of memory (*no_memory). */
const uint8_t *grf_stack_memory(const struct grf_image *image, uint64_t low, uint64_t size,
				struct grf_goroutines *owner, bool *no_memory);

#endif
