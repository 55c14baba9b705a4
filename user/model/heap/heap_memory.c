/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the memory of spans. Almost every span is in one segment of the image and is used in place.
 * The others are copied together in anonymous mappings, of which only written pages cost memory.
 * Spans without any byte in the image (pointer-free ones that a capture left out) share one such
 * mapping.
 */
#include "model/heap/heap_parts.h"

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

static const uint8_t *zero_memory(struct grf_heap_memory *memory, uint64_t size)
{
	if (memory->zeros && memory->pieces.items[memory->zeros - 1].size >= size)
		return memory->pieces.items[memory->zeros - 1].data;
	if (!grf_heap_memory_get(memory, size))
		return NULL;
	memory->zeros = memory->pieces.count;
	return memory->pieces.items[memory->zeros - 1].data;
}

const uint8_t *grf_heap_memory_find(struct grf_heap_memory *memory, const struct grf_image *image,
				    uint64_t address, uint64_t size)
{
	const uint8_t *whole = grf_image_view(image, address, size);
	uint8_t *copy;

	if (whole)
		return whole;
	if (!grf_image_held_in(image, address, address + size))
		return zero_memory(memory, size);
	copy = grf_heap_memory_get(memory, size);
	if (copy)
		grf_image_copy_held(image, address, copy, size);
	return copy;
}
