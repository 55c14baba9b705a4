/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Size classes are those of runtime/sizeclasses.go, up to 512 bytes the same in Go 1.17 to 1.27. A
 * program built with -asan asks for a redzone behind each object (redZoneSize in
 * runtime/malloc.go; computeRZlog up to Go 1.23): its objects are in larger slots.
 */
#include "model/heap/slot_size.h"

#include <stddef.h>

static const uint16_t size_classes[] = {8,   16,  24,  32,  48,  64,  80,  96,  112,
					128, 144, 160, 176, 192, 208, 224, 240, 256,
					288, 320, 352, 384, 416, 448, 480, 512};
#define CLASSES (sizeof(size_classes) / sizeof(*size_classes))

/* Redzones by the largest object that gets them: 16 bytes up to 48 bytes, and so on. */
static const struct redzone {
	uint32_t largest, bytes;
} redzones[] = {{64 - 16, 16},      {128 - 32, 32},     {512 - 64, 64},      {4096 - 128, 128},
		{16384 - 256, 256}, {32768 - 512, 512}, {65536 - 1024, 1024}};
#define LARGEST_REDZONE 2048u

static uint64_t asked_for(const struct grf_heap *heap, uint64_t size)
{
	if (!heap->has_redzones)
		return size;
	for (size_t i = 0; i < sizeof(redzones) / sizeof(*redzones); i++)
		if (size <= redzones[i].largest)
			return size + redzones[i].bytes;
	return size > UINT64_MAX - LARGEST_REDZONE ? size : size + LARGEST_REDZONE;
}

uint64_t grf_heap_slot_size(const struct grf_heap *heap, uint64_t size)
{
	uint64_t asked = asked_for(heap, size);

	for (size_t i = 0; i < CLASSES; i++)
		if (asked <= size_classes[i])
			return size_classes[i];
	return asked;
}

bool grf_heap_slot_fits(const struct grf_heap *heap, uint64_t size, uint64_t slot)
{
	uint64_t bytes = grf_heap_slot_size(heap, size);

	return slot > GRF_LARGEST_KNOWN_SLOT ? bytes <= slot && bytes > slot - slot / 8
					     : bytes == slot;
}

uint64_t grf_heap_object_mask(const struct grf_heap *heap, uint64_t mask, uint64_t size)
{
	return heap->has_redzones && size / 8 < 64 ? mask & (((uint64_t)1 << size / 8) - 1) : mask;
}
