/* SPDX-License-Identifier: BSD-2-Clause */
/* The slot in which the allocator puts an object of some size. */
#ifndef GRF_MODEL_SLOT_SIZE_H
#define GRF_MODEL_SLOT_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/heap/heap.h"

/* Bytes. Size classes up to this are known; larger ones are at most an eighth apart. */
#define GRF_LARGEST_KNOWN_SLOT 512u

/* Objects without pointers that are smaller share a block (runtime.maxTinySize, all releases). */
#define GRF_TINY_BYTES 16u

/* Whether the slots of a span may be such blocks. */
static inline bool grf_heap_is_tiny_block(const struct grf_span *span)
{
	return span->pointer_layout == GRF_POINTERS_NONE && span->element_size == GRF_TINY_BYTES;
}

/* The bytes of the slot for an object of `size` bytes; above GRF_LARGEST_KNOWN_SLOT the bytes that
 * are requested. */
uint64_t grf_heap_slot_size(const struct grf_heap *heap, uint64_t size);

/* Whether an object of `size` bytes is put in a slot of `slot` bytes. */
bool grf_heap_slot_fits(const struct grf_heap *heap, uint64_t size, uint64_t slot);

/* The part of the mask of a slot's first 64 words that is an object's of `size` bytes. In a redzone
 * behind the object the runtime repeats the mask as in an array. */
uint64_t grf_heap_object_mask(const struct grf_heap *heap, uint64_t mask, uint64_t size);

#endif
