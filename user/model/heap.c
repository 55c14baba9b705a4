/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the heap: runtime.mheap_.allspans names every span that there ever was; the ones in use
 * (state 1) hold objects. What a span says of itself is checked against the image before it is
 * believed, for a core may be damaged and a process may have been stopped in the middle of
 * anything.
 *
 * An allocated slot is one below freeindex, or one whose bit in allocBits is set (runtime,
 * mbitmap.go and mheap.go). Heap bits of small objects stand at the end of the span since Go 1.22:
 * the last npages * 128 bytes, or, where the span carries Green Tea's inline mark bits (128 bytes
 * at the very end), the 128 bytes before those.
 */
#include "model/heap.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/log.h"

#define PAGE_BYTES   8192u
#define ARENA_BYTES  ((uint64_t)1 << 26)
#define ARENA_PAGES  8192u
#define INLINE_MARKS 128u
#define STATE_IN_USE 1
#define SIZE_CLASSES 68
/* The largest object that has its heap bits in the span (goarch.PtrSize * 64, mbitmap.go). */
#define MAX_HEAP_BITS_OBJECT 512u
/* Small objects; larger ones have a span of their own. */
#define MAX_SMALL_OBJECT 32768u
/* An address range of 2^47 bytes has no more arenas than this. */
#define MAX_ARENAS    ((uint64_t)1 << 21)
#define MAX_ALL_SPANS ((uint64_t)1 << 31)

/* A span's fields before they are believed. */
struct raw_span {
	uint64_t address, start, pages, element_size, limit, free_index, slots, alloc_bits,
	    mark_bits, specials, large_type;
	uint32_t sweepgen;
	uint8_t span_class, state;
};

struct heap_reader {
	const struct grf_image *image;
	const struct grf_layout *layout;
	uint64_t mheap;
	uint32_t sweepgen;
	struct grf_heap *heap;
	GRF_ARRAY(struct grf_span) spans;
	GRF_ARRAY(struct raw_span)
	raws; /* parallel to spans, before sorting: indices in `reserved` */
	uint64_t implausible;
};

/* What the heap's arrays stand in. */
struct heap_memory {
	uint8_t *bits; /* allocated and marked, of all spans */
	uint32_t *arena_index;
	uint32_t (*pages)[ARENA_PAGES];
	GRF_ARRAY(void *) copies; /* spans put together from pieces, expanded bitmaps */
};

/* A field of `width` bytes of the mspan at `memory`. */
static uint64_t field(const uint8_t *memory, int64_t offset, unsigned int width)
{
	uint64_t value = 0;

	if (offset >= 0)
		memcpy(&value, memory + offset, width);
	return value;
}

static bool read_raw(const struct heap_reader *reader, uint64_t address, struct raw_span *ret)
{
	const struct grf_layout *layout = reader->layout;
	int64_t size = grf_offset(layout, mspan, _size);
	const uint8_t *memory = grf_image_at(reader->image, address, (uint64_t)size);
	/* freeindex and nelems were words before Go 1.22, and are 16 bits since. */
	unsigned int width =
	    grf_offset(layout, mspan, nelems) - grf_offset(layout, mspan, freeindex) == 8 ? 8 : 2;

#define RAW(name, bytes) field(memory, grf_offset(layout, mspan, name), bytes)
	if (!memory)
		return false;
	*ret = (struct raw_span){
	    .address = address,
	    .start = RAW(start_addr, 8),
	    .pages = RAW(npages, 8),
	    .element_size = RAW(elemsize, 8),
	    .limit = RAW(limit, 8),
	    .free_index = RAW(freeindex, width),
	    .slots = RAW(nelems, width),
	    .alloc_bits = RAW(alloc_bits, 8),
	    .mark_bits = RAW(gcmark_bits, 8),
	    .specials = RAW(specials, 8),
	    .large_type = RAW(large_type, 8),
	    .sweepgen = (uint32_t)RAW(sweepgen, 4),
	    .span_class = (uint8_t)RAW(spanclass, 1),
	    .state = (uint8_t)RAW(state, 1),
	};
#undef RAW
	return true;
}

static bool plausible(const struct raw_span *raw)
{
	uint64_t bytes = raw->pages * PAGE_BYTES;

	if (!raw->start || raw->start % PAGE_BYTES || !raw->pages ||
	    raw->pages > ARENA_PAGES * MAX_ARENAS || raw->start > UINT64_MAX - bytes ||
	    raw->span_class >> 1 >= SIZE_CLASSES)
		return false;
	if (!raw->slots || !raw->element_size || raw->element_size % 8 ||
	    raw->slots > bytes / raw->element_size || raw->free_index > raw->slots)
		return false;
	/* Only a span of its own may be large: offsets in others stay below 2^32. */
	return raw->span_class >> 1 ? raw->element_size <= MAX_SMALL_OBJECT && bytes < UINT32_MAX
				    : raw->slots == 1;
}

static enum grf_pointer_layout pointer_layout(const struct heap_reader *reader,
					      const struct raw_span *raw)
{
	if (raw->span_class & 1)
		return GRF_POINTERS_NONE;
	if (!reader->layout->version.alloc_headers)
		return GRF_POINTERS_ARENA;
	if (!(raw->span_class >> 1))
		return GRF_POINTERS_LARGE;
	return raw->element_size <= MAX_HEAP_BITS_OBJECT ? GRF_POINTERS_BITS : GRF_POINTERS_HEADER;
}

static bool add_span(struct heap_reader *reader, const struct raw_span *raw)
{
	struct grf_span *span = grf_array_add(&reader->spans);
	struct raw_span *kept = grf_array_add(&reader->raws);

	if (!span || !kept)
		return false;
	*kept = *raw;
	*span = (struct grf_span){
	    .base = raw->start,
	    .element_size = raw->element_size,
	    .division = raw->slots > 1 ? UINT64_MAX / raw->element_size + 1 : 0,
	    .slot_count = (uint32_t)raw->slots,
	    .pointer_layout = (uint8_t)pointer_layout(reader, raw),
	    .size_class = raw->span_class >> 1,
	    .large_type = raw->large_type,
	    .limit = raw->start + raw->slots * raw->element_size,
	    .address = raw->address,
	    .specials = raw->specials,
	    .page_count = (uint32_t)raw->pages,
	    .sweep_state = (int32_t)(raw->sweepgen - reader->sweepgen),
	};
	return true;
}

static struct grf_error *read_spans(struct heap_reader *reader)
{
	uint64_t at = reader->mheap + (uint64_t)grf_offset(reader->layout, mheap, allspans);
	uint64_t data, count, address;

	if (!grf_image_u64(reader->image, at, &data) ||
	    !grf_image_u64(reader->image, at + 8, &count) || !data || count > MAX_ALL_SPANS)
		return grf_error_create(GRF_ERROR_BAD_INPUT,
					"no heap at %#llx: runtime.mheap_ is not in the image or "
					"damaged",
					(unsigned long long)reader->mheap);
	for (uint64_t i = 0; i < count; i++) {
		struct raw_span raw;

		if (!(i & 0xffff) && grf_interrupted())
			return grf_error_interrupted();
		if (!grf_image_u64(reader->image, data + i * 8, &address) ||
		    !read_raw(reader, address, &raw)) {
			reader->implausible++;
			continue;
		}
		if (raw.state != STATE_IN_USE)
			continue;
		if (!plausible(&raw))
			reader->implausible++;
		else if (!add_span(reader, &raw))
			return grf_error_no_memory();
	}
	return NULL;
}

static int by_base(const void *left, const void *right)
{
	const struct raw_span *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

static int span_by_base(const void *left, const void *right)
{
	const struct grf_span *a = left, *b = right;

	return a->base < b->base ? -1 : a->base > b->base;
}

/* Sorts the spans and drops those that overlap an earlier one. */
static void sort_spans(struct heap_reader *reader)
{
	struct grf_span *spans = reader->spans.items;
	struct raw_span *raws = reader->raws.items;
	size_t count = reader->spans.count, kept = 0;
	uint64_t end = 0;

	if (count) {
		qsort(spans, count, sizeof(*spans), span_by_base);
		qsort(raws, count, sizeof(*raws), by_base);
	}
	for (size_t i = 0; i < count; i++) {
		/* Equal bases sort in any order: neither of the two is to be trusted. */
		bool twin = i + 1 < count && spans[i + 1].base == spans[i].base;

		if (spans[i].base < end || twin) {
			reader->implausible++;
			continue;
		}
		end = spans[i].base + (uint64_t)spans[i].page_count * PAGE_BYTES;
		spans[kept] = spans[i];
		raws[kept++] = raws[i];
	}
	reader->spans.count = reader->raws.count = kept;
}

static void *keep_copy(struct heap_memory *memory, uint64_t size)
{
	void *copy = calloc(1, size), **slot = grf_array_add(&memory->copies);

	if (!copy || !slot) {
		free(copy);
		return NULL;
	}
	*slot = copy;
	return copy;
}

/* The span's bytes as memory of ours. A span in several segments is put together; what the image
 * does not hold (never touched, or left out of a core) reads as zero. False: out of memory. */
static bool find_memory(struct heap_reader *reader, struct heap_memory *memory,
			struct grf_span *span)
{
	uint64_t size = (uint64_t)span->page_count * PAGE_BYTES;
	uint8_t *copy;

	span->memory = grf_image_at(reader->image, span->base, size);
	if (span->memory)
		return true;
	copy = keep_copy(memory, size);
	if (!copy)
		return false;
	for (uint64_t at = 0; at < size; at += 4096)
		grf_error_free(grf_image_read(reader->image, span->base + at, copy + at, 4096));
	span->memory = copy;
	return true;
}

/* The heapArena of an address: mheap_.arenas is one level deep on linux; amd64 addresses are
 * offset by 2^47 (runtime/mheap.go, malloc.go arenaBaseOffset). 0: none. */
static uint64_t heap_arena(const struct heap_reader *reader, uint64_t address)
{
	uint64_t at = reader->mheap + (uint64_t)grf_offset(reader->layout, mheap, arenas), level,
		 arena;

	if (!grf_image_u64(reader->image, at, &level) || !level ||
	    !grf_image_u64(reader->image,
			   level + ((address + ((uint64_t)1 << 47)) / ARENA_BYTES) * 8, &arena))
		return 0;
	return arena;
}

/* Whether a span ends with Green Tea's inline mark bits. */
static bool has_inline_marks(const struct heap_reader *reader, const struct grf_span *span)
{
	int64_t offset = grf_offset(reader->layout, heap_arena, page_use_span_inline_mark_bits);
	uint64_t arena, page = span->base % ARENA_BYTES / PAGE_BYTES;
	uint8_t byte;

	if (offset < 0 ||
	    grf_offset(reader->layout, span_inline_mark_bits, _size) != INLINE_MARKS ||
	    span->element_size < 16 || span->element_size > MAX_HEAP_BITS_OBJECT)
		return false;
	arena = heap_arena(reader, span->base);
	return arena && grf_image_u8(reader->image, arena + (uint64_t)offset + page / 8, &byte) &&
	       byte >> (page % 8) & 1;
}

/*
 * Go 1.17 to 1.19 keep, for each four words, a byte: low nibble pointer bits, high nibble "more to
 * come" bits; the first word of an object whose high bit is clear ends its pointers. 1.20 and 1.21
 * keep a bit a word, and noMorePtrs bits, one for 64 words: the object that crosses into the next
 * 64 has no pointers there. (runtime/mbitmap.go)
 */
static bool arena_bit(const struct heap_reader *reader, uint64_t arena, uint64_t address,
		      bool *ret_end)
{
	uint64_t at = arena + (uint64_t)grf_offset(reader->layout, heap_arena, bitmap);
	uint64_t word = address % ARENA_BYTES / 8;
	uint8_t byte = 0;

	if (!grf_has(reader->layout, heap_arena, no_more_ptrs)) {
		grf_image_u8(reader->image, at + word / 4, &byte);
		*ret_end = !(byte >> (4 + word % 4) & 1);
		return byte >> (word % 4) & 1;
	}
	grf_image_u8(reader->image, at + word / 8, &byte);
	if (word % 64 == 63) {
		uint8_t none = 0;

		grf_image_u8(reader->image,
			     arena +
				 (uint64_t)grf_offset(reader->layout, heap_arena, no_more_ptrs) +
				 word / 64 / 8,
			     &none);
		*ret_end = none >> (word / 64 % 8) & 1;
	}
	return byte >> (word % 8) & 1;
}

static bool expand_arena_bits(struct heap_reader *reader, struct heap_memory *memory,
			      struct grf_span *span)
{
	uint64_t words = span->element_size / 8;
	uint8_t *bits = keep_copy(memory, (uint64_t)span->page_count * PAGE_BYTES / 64 + 8);

	if (!bits)
		return false;
	span->pointer_bits = bits;
	for (uint32_t slot = 0; slot < span->slot_count; slot++) {
		uint64_t first = slot * words, arena = 0;
		bool end = false;

		if (!grf_span_allocated(span, slot))
			continue;
		for (uint64_t i = 0; i < words && !end; i++) {
			uint64_t address = span->base + (first + i) * 8;

			if (!arena || address % ARENA_BYTES == 0)
				arena = heap_arena(reader, address);
			if (!arena)
				break;
			if (arena_bit(reader, arena, address, &end))
				bits[(first + i) / 8] |= (uint8_t)(1u << ((first + i) % 8));
		}
	}
	return true;
}

/* Copies `count` bits from the image; missing ones stay clear. */
static void copy_bits(const struct grf_image *image, uint64_t address, uint64_t count, uint8_t *ret)
{
	const uint8_t *bits = address ? grf_image_at(image, address, (count + 7) / 8) : NULL;

	if (bits)
		memcpy(ret, bits, (count + 7) / 8);
	if (bits && count % 8)
		ret[count / 8] &= (uint8_t)((1u << (count % 8)) - 1);
}

static uint64_t set_bits(uint8_t *bits, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++)
		bits[i / 8] |= (uint8_t)(1u << (i % 8));
	return to;
}

static bool fill_span(struct heap_reader *reader, struct heap_memory *memory, struct grf_span *span,
		      const struct raw_span *raw, uint8_t *allocated, uint8_t *marked)
{
	uint64_t size = (uint64_t)span->page_count * PAGE_BYTES;
	bool inline_marks = has_inline_marks(reader, span);

	if (!find_memory(reader, memory, span))
		return false;
	copy_bits(reader->image, raw->alloc_bits, span->slot_count, allocated);
	set_bits(allocated, 0, raw->free_index);
	copy_bits(reader->image, raw->mark_bits, span->slot_count, marked);
	span->allocated = allocated;
	span->marked = marked;
	if (inline_marks) {
		/* spanInlineMarkBits: 63 bytes scans, owner, 63 bytes marks, class. */
		const uint8_t *marks = span->memory + size - INLINE_MARKS +
				       grf_offset(reader->layout, span_inline_mark_bits, marks);

		for (uint32_t i = 0; i < (span->slot_count + 7) / 8 && i < 63; i++)
			marked[i] |= marks[i];
	}
	if (span->pointer_layout == GRF_POINTERS_BITS) {
		uint64_t tail = size / 64 + (inline_marks ? INLINE_MARKS : 0);

		/* The bits must not stand in the objects. */
		if (span->slot_count * span->element_size + tail > size)
			return true;
		span->pointer_bits = span->memory + size - tail;
	}
	return span->pointer_layout != GRF_POINTERS_ARENA ||
	       expand_arena_bits(reader, memory, span);
}

static void count_allocated(struct grf_heap *heap, const struct grf_span *span)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < (span->slot_count + 7) / 8; i++)
		count += (uint64_t)__builtin_popcount(span->allocated[i]);
	heap->allocated_count += count;
	heap->allocated_bytes += count * span->element_size;
	heap->in_use_bytes += (uint64_t)span->page_count * PAGE_BYTES;
}

static struct grf_error *fill_spans(struct heap_reader *reader, struct heap_memory *memory)
{
	struct grf_heap *heap = reader->heap;
	uint64_t bytes = 0, at = 0;
	size_t kept = 0;

	for (size_t i = 0; i < reader->spans.count; i++)
		bytes += (reader->spans.items[i].slot_count + 7) / 8;
	memory->bits = calloc(2, bytes ? bytes : 1);
	if (!memory->bits)
		return grf_error_no_memory();
	for (size_t i = 0; i < reader->spans.count; i++) {
		struct grf_span *span = &reader->spans.items[i];

		if (!(i & 0xffff) && grf_interrupted())
			return grf_error_interrupted();
		if (!fill_span(reader, memory, span, &reader->raws.items[i], memory->bits + at,
			       memory->bits + bytes + at))
			return grf_error_no_memory();
		at += (span->slot_count + 7) / 8;
		if (span->pointer_layout == GRF_POINTERS_BITS && !span->pointer_bits) {
			reader->implausible++;
			continue;
		}
		span->first_object = heap->object_ids;
		heap->object_ids += span->slot_count;
		count_allocated(heap, span);
		reader->spans.items[kept++] = *span;
	}
	reader->spans.count = kept;
	return NULL;
}

/* Builds the way from an address to its span. */
static struct grf_error *index_spans(struct heap_reader *reader, struct heap_memory *memory)
{
	const struct grf_span *spans = reader->spans.items;
	struct grf_heap *heap = reader->heap;
	size_t count = reader->spans.count;
	uint64_t last;
	uint32_t blocks = 0;

	if (!count)
		return NULL;
	heap->first_arena = spans[0].base / ARENA_BYTES;
	last = (spans[count - 1].base + (uint64_t)spans[count - 1].page_count * PAGE_BYTES - 1) /
	       ARENA_BYTES;
	heap->arena_count = last - heap->first_arena + 1;
	if (heap->arena_count > MAX_ARENAS)
		return grf_error_create(GRF_ERROR_BAD_INPUT,
					"the heap's spans are strewn over %llu TiB of addresses",
					(unsigned long long)(heap->arena_count >> 14));
	memory->arena_index = calloc(heap->arena_count, sizeof(*memory->arena_index));
	if (!memory->arena_index)
		return grf_error_no_memory();
	for (size_t i = 0; i < count; i++) {
		uint64_t end = spans[i].base + (uint64_t)spans[i].page_count * PAGE_BYTES - 1;

		for (uint64_t a = spans[i].base / ARENA_BYTES; a <= end / ARENA_BYTES; a++)
			if (!memory->arena_index[a - heap->first_arena])
				memory->arena_index[a - heap->first_arena] = ++blocks;
	}
	memory->pages = calloc(blocks, sizeof(*memory->pages));
	if (!memory->pages)
		return grf_error_no_memory();
	for (size_t i = 0; i < count; i++) {
		uint64_t page = spans[i].base / PAGE_BYTES;

		for (uint32_t k = 0; k < spans[i].page_count; k++, page++) {
			uint64_t arena = page / ARENA_PAGES - heap->first_arena;

			memory->pages[memory->arena_index[arena] - 1][page % ARENA_PAGES] =
			    (uint32_t)i + 1;
		}
	}
	heap->arena_index = memory->arena_index;
	heap->pages = (const uint32_t(*)[ARENA_PAGES])memory->pages;
	return NULL;
}

static struct grf_error *read_heap(struct heap_reader *reader, struct heap_memory *memory)
{
	struct grf_error *error;
	int64_t sweepgen = grf_offset(reader->layout, mheap, sweepgen);

	grf_image_u32(reader->image, reader->mheap + (uint64_t)sweepgen, &reader->sweepgen);
	error = read_spans(reader);
	if (error)
		return error;
	sort_spans(reader);
	error = fill_spans(reader, memory);
	if (!error)
		error = index_spans(reader, memory);
	if (error)
		return error;
	if (!reader->spans.count)
		return grf_error_create(GRF_ERROR_BAD_INPUT,
					"the heap is empty: no span in use was found");
	if (reader->implausible)
		grf_warn("%llu spans of the heap contradict themselves and were left out",
			 (unsigned long long)reader->implausible);
	return NULL;
}

struct grf_error *grf_heap_read(const struct grf_image *image, const struct grf_layout *layout,
				uint64_t mheap, struct grf_heap **ret)
{
	struct grf_heap *heap = calloc(1, sizeof(*heap));
	struct heap_memory *memory = calloc(1, sizeof(*memory));
	struct heap_reader reader = {.image = image, .layout = layout, .mheap = mheap};
	struct grf_error *error;

	if (!heap || !memory) {
		free(heap);
		free(memory);
		return grf_error_no_memory();
	}
	heap->memory = memory;
	reader.heap = heap;
	error = read_heap(&reader, memory);
	heap->spans = reader.spans.items;
	heap->span_count = reader.spans.count;
	grf_array_free(&reader.raws);
	if (error) {
		grf_heap_destroy(heap);
		return error;
	}
	*ret = heap;
	return NULL;
}

void grf_heap_destroy(struct grf_heap *heap)
{
	struct heap_memory *memory;

	if (!heap)
		return;
	memory = heap->memory;
	for (size_t i = 0; i < memory->copies.count; i++)
		free(memory->copies.items[i]);
	grf_array_free(&memory->copies);
	free(memory->bits);
	free(memory->arena_index);
	free(memory->pages);
	free(memory);
	free(heap->spans);
	free(heap);
}
