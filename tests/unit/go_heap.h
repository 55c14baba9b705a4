/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap of the Go runtime made by hand, for tests: runtime.mheap_, its arenas, spans and their
 * bits in one block of memory, the pages of one arena in another. Include it after cmocka.h.
 */
#ifndef GRF_TESTS_GO_HEAP_H
#define GRF_TESTS_GO_HEAP_H

#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "image/image_private.h"
#include "image/parts.h"
#include "model/code/version.h"
#include "model/heap/heap.h"

#define GO_HEAP_META       UINT64_C(0x700000000000)
#define GO_HEAP_META_BYTES (16u << 20)
#define GO_HEAP_MHEAP      GO_HEAP_META
#define GO_HEAP_LEVEL      (GO_HEAP_META + 0x40000) /* holds the entries of two arenas */
#define GO_HEAP_ALLSPANS   (GO_HEAP_META + 0x41000)
#define GO_HEAP_SPANS      (GO_HEAP_META + 0x80000)
#define GO_HEAP_BITS       (GO_HEAP_META + 0x100000)
#define GO_HEAP_OTHER      (GO_HEAP_META + 0x200000)
#define GO_HEAP_ARENA      (GO_HEAP_META + 0x400000)
#define GO_HEAP_ARENA_2    (GO_HEAP_META + 0x800000)

#define GO_HEAP_BASE  UINT64_C(0xc000000000)
#define GO_HEAP_PAGES 1024u

struct go_heap {
	struct grf_layout layout;
	uint8_t *meta, *pages;
	unsigned int span_count;
	uint64_t bits_used;
	struct grf_segment segments[8];
	size_t segment_count;
	struct grf_run left_out; /* of the image */
	struct grf_image *image;
	struct grf_heap *heap;
};

/* What a test says of a span; the rest follows from it. */
struct go_span {
	unsigned int page, pages;
	unsigned int size_class;
	bool noscan;
	uint64_t element_size, slots, free_index;
	uint64_t unscanned; /* freeIndexForScan is so many behind */
	const uint8_t *alloc_bits, *mark_bits;
	uint64_t large_type, limit, specials;
	int sweepgen;  /* from the heap's */
	uint8_t state; /* 0: in use; 255: really 0 */
};

static inline uint8_t *go_heap_at(struct go_heap *heap, uint64_t address)
{
	if (address >= GO_HEAP_BASE && address < GO_HEAP_BASE + GO_HEAP_PAGES * 8192)
		return heap->pages + (address - GO_HEAP_BASE);
	assert_true(address >= GO_HEAP_META && address < GO_HEAP_META + GO_HEAP_META_BYTES - 8);
	return heap->meta + (address - GO_HEAP_META);
}

static inline void go_heap_put(struct go_heap *heap, uint64_t address, uint64_t value, size_t bytes)
{
	memcpy(go_heap_at(heap, address), &value, bytes);
}

#define GO_HEAP_PUT(heap, address, structure, field, value, bytes)                                 \
	go_heap_put(heap, (address) + (uint64_t)grf_offset(&(heap)->layout, structure, field),     \
		    value, bytes)

static inline void go_heap_begin(struct go_heap *heap, const char *version)
{
	uint64_t arena = (GO_HEAP_BASE + (UINT64_C(1) << 47)) >> 26;
	struct grf_version parsed;

	memset(heap, 0, sizeof(*heap));
	assert_true(grf_version_parse(version, &parsed));
	assert_null(grf_layout_resolve(&parsed, NULL, &heap->layout));
	heap->meta = calloc(1, GO_HEAP_META_BYTES);
	heap->pages = calloc(GO_HEAP_PAGES, 8192);
	assert_non_null(heap->meta);
	assert_non_null(heap->pages);
	GO_HEAP_PUT(heap, GO_HEAP_MHEAP, mheap, allspans, GO_HEAP_ALLSPANS, 8);
	GO_HEAP_PUT(heap, GO_HEAP_MHEAP, mheap, arenas, GO_HEAP_LEVEL - arena * 8, 8);
	GO_HEAP_PUT(heap, GO_HEAP_MHEAP, mheap, sweepgen, 100, 4);
	go_heap_put(heap, GO_HEAP_LEVEL, GO_HEAP_ARENA, 8);
	go_heap_put(heap, GO_HEAP_LEVEL + 8, GO_HEAP_ARENA_2, 8);
	heap->segments[0] = (struct grf_segment){GO_HEAP_META, GO_HEAP_META + GO_HEAP_META_BYTES,
						 GRF_SEGMENT_READ, heap->meta};
	heap->segment_count = 1;
}

/* Part of the pages, [from, to), as a segment of its own. */
static inline void go_heap_segment(struct go_heap *heap, uint64_t from, uint64_t to)
{
	struct grf_segment *segments = heap->segments;
	size_t last = heap->segment_count - 1;

	/* The block of metadata stays last. */
	segments[last + 1] = segments[last];
	segments[last] = (struct grf_segment){GO_HEAP_BASE + from, GO_HEAP_BASE + to,
					      GRF_SEGMENT_READ, heap->pages + from};
	heap->segment_count++;
}

static inline uint64_t go_heap_put_bits(struct go_heap *heap, const uint8_t *bits, uint64_t slots)
{
	uint64_t address = GO_HEAP_BITS + heap->bits_used;

	if (bits)
		memcpy(go_heap_at(heap, address), bits, (slots + 7) / 8);
	heap->bits_used += (slots + 63) / 64 * 8;
	return address;
}

/* Enters a span. Returns the address of its mspan. */
static inline uint64_t go_heap_add(struct go_heap *heap, const struct go_span *span)
{
	uint64_t address = GO_HEAP_SPANS + heap->span_count * 256;
	uint64_t base = GO_HEAP_BASE + span->page * UINT64_C(8192);
	unsigned int width = grf_offset(&heap->layout, mspan, nelems) -
					 grf_offset(&heap->layout, mspan, freeindex) ==
				     8
				 ? 8
				 : 2;
	uint8_t state = span->state ? span->state : 1;

	GO_HEAP_PUT(heap, address, mspan, start_addr, base, 8);
	GO_HEAP_PUT(heap, address, mspan, npages, span->pages, 8);
	GO_HEAP_PUT(heap, address, mspan, elemsize, span->element_size, 8);
	GO_HEAP_PUT(heap, address, mspan, nelems, span->slots, width);
	GO_HEAP_PUT(heap, address, mspan, freeindex, span->free_index, width);
	if (grf_has(&heap->layout, mspan, free_index_for_scan))
		GO_HEAP_PUT(heap, address, mspan, free_index_for_scan,
			    span->free_index - span->unscanned, width);
	GO_HEAP_PUT(heap, address, mspan, alloc_bits,
		    go_heap_put_bits(heap, span->alloc_bits, span->slots), 8);
	GO_HEAP_PUT(heap, address, mspan, gcmark_bits,
		    go_heap_put_bits(heap, span->mark_bits, span->slots), 8);
	GO_HEAP_PUT(heap, address, mspan, spanclass, span->size_class << 1 | span->noscan, 1);
	GO_HEAP_PUT(heap, address, mspan, state, state == 255 ? 0 : state, 1);
	GO_HEAP_PUT(heap, address, mspan, sweepgen, (uint64_t)(100 + span->sweepgen), 4);
	GO_HEAP_PUT(heap, address, mspan, limit,
		    span->limit ? span->limit : base + span->slots * span->element_size, 8);
	GO_HEAP_PUT(heap, address, mspan, specials, span->specials, 8);
	if (grf_has(&heap->layout, mspan, large_type))
		GO_HEAP_PUT(heap, address, mspan, large_type, span->large_type, 8);
	go_heap_put(heap, GO_HEAP_ALLSPANS + heap->span_count * 8, address, 8);
	heap->span_count++;
	GO_HEAP_PUT(heap, GO_HEAP_MHEAP + 8, mheap, allspans, heap->span_count, 8);
	for (unsigned int i = 0; i < span->pages && span->page + i < 8192; i++)
		GO_HEAP_PUT(heap, GO_HEAP_ARENA + (span->page + i) * UINT64_C(8), heap_arena, spans,
			    address, 8);
	return address;
}

static inline struct grf_error *go_heap_try(struct go_heap *heap)
{
	if (heap->segment_count == 1)
		go_heap_segment(heap, 0, GO_HEAP_PAGES * UINT64_C(8192));
	assert_null(grf_image_from_segments(&grf_arch_amd64, heap->segments, heap->segment_count,
					    &heap->image));
	if (heap->left_out.end) {
		struct grf_image_parts *parts = calloc(1, sizeof(*parts));

		assert_non_null(parts);
		parts->left_out = malloc(sizeof(*parts->left_out));
		assert_non_null(parts->left_out);
		parts->left_out[parts->left_out_count++] = heap->left_out;
		heap->image->parts = parts;
	}
	return grf_heap_read(heap->image, &heap->layout, GO_HEAP_MHEAP, &heap->heap);
}

static inline const struct grf_heap *go_heap_read(struct go_heap *heap)
{
	assert_null(go_heap_try(heap));
	return heap->heap;
}

static inline void go_heap_end(struct go_heap *heap)
{
	grf_heap_destroy(heap->heap);
	grf_image_destroy(heap->image);
	free(heap->meta);
	free(heap->pages);
}

#endif
