/* SPDX-License-Identifier: BSD-2-Clause */
/* In which slot the allocator puts an object, by its size. */
#ifndef GRF_MODEL_SLOT_SIZE_H
#define GRF_MODEL_SLOT_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/heap/heap.h"

/* Bytes. Classes up to this are known one by one; those beyond are at most an eighth apart. */
#define GRF_LARGEST_KNOWN_SLOT 512u

/* The bytes of the slot that an object of `size` bytes gets; what is asked for beyond
 * GRF_LARGEST_KNOWN_SLOT. */
uint64_t grf_heap_slot_size(const struct grf_heap *heap, uint64_t size);

/* Whether an object of `size` bytes is put in a slot of `slot` bytes. */
bool grf_heap_slot_fits(const struct grf_heap *heap, uint64_t size, uint64_t slot);

/* What of the mask of a slot's first 64 words is of an object of `size` bytes: in a redzone behind
 * it the runtime goes on as in an array. */
uint64_t grf_heap_object_mask(const struct grf_heap *heap, uint64_t mask, uint64_t size);

#endif
