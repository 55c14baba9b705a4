/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Almost every span lies in one segment of the image and is used where it is. The others are put
 * together in anonymous mappings, of which only the pages that are written to cost memory; spans of
 * which the image has nothing at all (pointer-free ones that a capture left out) share a single
 * one.
 */
#include "model/heap_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void grf_heap_memory_destroy(struct grf_heap_memory *memory)
{
	if (!memory)
		return;
	for (size_t i = 0; i < memory->pieces.count; i++)
		munmap(memory->pieces.items[i].data, memory->pieces.items[i].size);
	grf_array_free(&memory->pieces);
	free(memory->bits);
	free(memory->arena_index);
	free(memory->pages);
	free(memory);
}

uint8_t *grf_heap_memory_get(struct grf_heap_memory *memory, uint64_t size)
{
	struct grf_heap_piece *piece;
	void *data = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (data == MAP_FAILED)
		return NULL;
	piece = grf_array_add(&memory->pieces);
	if (!piece) {
		munmap(data, size);
		return NULL;
	}
	*piece = (struct grf_heap_piece){data, size};
	return data;
}

static const uint8_t *zeros(struct grf_heap_memory *memory, uint64_t size)
{
	if (memory->zeros && memory->pieces.items[memory->zeros - 1].size >= size)
		return memory->pieces.items[memory->zeros - 1].data;
	if (!grf_heap_memory_get(memory, size))
		return NULL;
	memory->zeros = memory->pieces.count;
	return memory->pieces.items[memory->zeros - 1].data;
}

/* Index of the first segment that ends after `address`. */
static size_t first_segment(const struct grf_segment *segments, size_t count, uint64_t address)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (segments[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const uint8_t *grf_heap_memory_find(struct grf_heap_memory *memory, const struct grf_image *image,
				    uint64_t address, uint64_t size)
{
	const uint8_t *whole = grf_image_at(image, address, size);
	const struct grf_segment *segments;
	size_t count, i;
	uint8_t *copy;

	if (whole)
		return whole;
	segments = grf_image_segments(image, &count);
	i = first_segment(segments, count, address);
	if (i == count || segments[i].start >= address + size)
		return zeros(memory, size);
	copy = grf_heap_memory_get(memory, size);
	for (; copy && i < count && segments[i].start < address + size; i++) {
		uint64_t from = segments[i].start > address ? segments[i].start : address;
		uint64_t to = segments[i].end < address + size ? segments[i].end : address + size;

		memcpy(copy + (from - address), segments[i].data + (from - segments[i].start),
		       to - from);
	}
	return copy;
}
