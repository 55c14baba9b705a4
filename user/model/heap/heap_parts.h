/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the readers of the heap (heap.c), of its bitmaps (heap_bits.c) and of its memory
 * (heap_memory.c), and by what looks at spans and arenas of its own; for the model alone. heap.h is
 * the face.
 */
#ifndef GRF_MODEL_HEAP_HEAP_PARTS_H
#define GRF_MODEL_HEAP_HEAP_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "model/heap/heap.h"

/* The largest object that has its heap bits in the span (goarch.PtrSize * 64, mbitmap.go). */
#define GRF_MAX_HEAP_BITS_OBJECT 512u

/* A span's fields, not checked yet. */
struct grf_raw_span {
	uint64_t start, pages, element_size, limit, free_index, scan_index, slots, alloc_bits,
	    mark_bits, specials, large_type;
	uint32_t sweepgen;
	uint16_t alloc_count;
	uint8_t span_class, state;
};

#define GRF_SPAN_IN_USE 1 /* state */

/* --- heap.c: spans ---------------------------------------------------------------------------- */

/* Takes the fields of the mspan at `memory`, which is as large as the layout says. */
void grf_raw_span_read(const struct grf_layout *layout, const uint8_t *memory,
		       struct grf_raw_span *ret);

/* Whether the fields of a span in use do not contradict each other. */
bool grf_raw_span_plausible(const struct grf_raw_span *raw, const struct grf_arch *arch);

/* --- heap_memory.c: the bytes of target memory in one piece ----------------------------------- */

/* The memory of a heap's arrays. */
struct grf_heap_memory {
	uint8_t *bits; /* allocated and marked, of all spans */
	uint32_t *arena_index;
	uint32_t (*pages)[GRF_ARENA_PAGES];
	GRF_ARRAY(struct grf_heap_piece {
		uint8_t *data;
		uint64_t size;
	})
	pieces;       /* put together here */
	size_t zeros; /* 1 + index of the largest piece that is all zero */
	/* Bitmaps of spans that have theirs in the arena, expanded one after the other. */
	uint8_t *expanded;
	uint64_t expanded_used;
};

void grf_heap_memory_destroy(struct grf_heap_memory *memory);

/* Zeroed memory that costs nothing until it is written to; NULL: out of memory. */
uint8_t *grf_heap_memory_get(struct grf_heap_memory *memory, uint64_t size);

/*
 * `size` bytes of the target at `address`, in memory of this process. Bytes in several segments are
 * copied together. Bytes that the image lacks (never touched, or left out on purpose) read as zero:
 * see grf_image_check_copied(). NULL: out of memory.
 */
const uint8_t *grf_heap_memory_find(struct grf_heap_memory *memory, const struct grf_image *image,
				    uint64_t address, uint64_t size);

/* --- heap_bits.c: which slots are taken, which words are pointers ----------------------------- */

/* Reads a heap. */
struct grf_heap_reader {
	const struct grf_image *image;
	const struct grf_layout *layout;
	uint64_t mheap;
	uint32_t sweepgen;
	struct grf_heap *heap;
	struct grf_heap_memory *memory;
	/* The heapArena looked up last. */
	uint64_t arena_number, arena;
	/* The bitmaps of the heapArena looked up last (up to Go 1.21). */
	uint64_t bitmap_arena;
	const uint8_t *bitmap, *no_more_pointers;
	/* Limits by what the image holds: words of heapArenas for pages, and slots without a byte
	 * in the image. */
	uint64_t pages_left, slots_left;
	uint64_t implausible;    /* spans left out */
	uint64_t without_bits;   /* spans whose allocBits are not in the image */
	uint64_t miscounted;     /* spans whose count of objects differs from their bits */
	struct grf_error *error; /* of grf_heap_bits_read(); NULL: memory is out */
};

/* The address of the runtime.heapArena for an address of the heap; 0: none. */
uint64_t grf_heap_arena(struct grf_heap_reader *reader, uint64_t address);

/*
 * Fills in the bitmaps of a span whose `memory` is known: the slots taken and marked, into the
 * arrays given, which are zero, and `pointer_bits`. *ret_fits: whether the bitmaps go with the
 * span's size. False: reader->error, or out of memory.
 */
bool grf_heap_bits_read(struct grf_heap_reader *reader, struct grf_span *span,
			const struct grf_raw_span *raw, uint8_t *allocated, uint8_t *marked,
			bool *ret_fits);

#endif
