/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Returns the image's own memory for a stack in one segment, and a copy for a stack that segments
 * share.
 */
#include "model/stacks/stack_memory.h"

#include <sys/mman.h>

/* Whether segments of the image cover [start, end). */
static bool is_covered(const struct grf_image *image, uint64_t start, uint64_t end)
{
	while (start < end) {
		const struct grf_segment *segment = grf_image_find(image, start);

		if (!segment)
			return false;
		start = segment->end;
	}
	return true;
}

const uint8_t *grf_stack_memory(const struct grf_image *image, uint64_t low, uint64_t size,
				struct grf_goroutines *owner, bool *no_memory)
{
	const uint8_t *memory = grf_image_view(image, low, size);
	struct grf_assembled_stack *assembled;
	void *pieces;

	if (memory || !is_covered(image, low, low + size))
		return memory;
	/* Only what is copied costs memory. */
	pieces = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pieces == MAP_FAILED)
		return NULL;
	assembled = grf_array_add(&owner->assembled);
	if (!assembled) {
		munmap(pieces, size);
		*no_memory = true;
		return NULL;
	}
	*assembled = (struct grf_assembled_stack){pieces, size};
	grf_image_copy_held(image, low, pieces, size);
	return pieces;
}
