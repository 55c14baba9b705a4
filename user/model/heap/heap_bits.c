/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the bitmaps of a span.
 *
 * A slot holds an object when it is below freeindex or its bit in allocBits is set: the allocator
 * has handed out all slots below freeindex, and allocBits are what the last sweep found alive
 * (mbitmap.go, mheap.go). A slot is marked when its bit in gcmarkBits is set, or its bit in the
 * span's inline mark bits. Green Tea keeps those in the last 128 bytes of spans of small objects,
 * pointer-free ones too (mgcmark_greenteagc.go).
 *
 * The last slot before freeindex may be one that a thread is allocating: it is not cleared yet, and
 * its contents mean nothing. The thread raises freeIndexForScan to freeindex when the object is
 * complete; from Go 1.25 on, while the collector marks, it marks the object instead (mallocgc in
 * malloc.go). Releases before 1.18.9 and 1.19.4 do not record this.
 *
 * Since Go 1.22 the pointer words of small objects are in the last npages * 128 bytes of the span,
 * before Green Tea's bits. Until then all objects had their bits in the heapArena, in one of two
 * formats:
 *
 * Go 1.17 to 1.19 keep a byte for four words: pointer bits in the low half, and in the high half
 * bits that say "the object goes on". The scan ends at the first word without one.
 *
 * Go 1.20 and 1.21 keep a bit a word. An object that goes past a multiple of 64 words has no
 * pointers from there on if the bit in noMorePtrs is set for the 64 words before. The bitmap for
 * the rest is stale then.
 */
#include "model/heap/heap_parts.h"

#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"

#define INLINE_MARKS 128u
/* The bytes of spanInlineMarkBits that hold marks. */
#define INLINE_MARK_BYTES 63u

uint64_t grf_heap_arena(struct grf_heap_reader *reader, uint64_t address)
{
	/* mheap_.arenas has one level on linux (malloc.go). */
	uint64_t base = grf_image_arch(reader->image)->arena_base;
	uint64_t number = (address + base) / GRF_ARENA_BYTES, level;
	uint64_t at = reader->mheap + (uint64_t)grf_offset(reader->layout, mheap, arenas);

	if (reader->arena && reader->arena_number == number)
		return reader->arena;
	reader->arena_number = number;
	if (!grf_image_u64(reader->image, at, &level) || !level ||
	    !grf_image_u64(reader->image, level + number * 8, &reader->arena))
		reader->arena = 0;
	return reader->arena;
}

/* Whether a span ends with Green Tea's inline mark bits. */
static bool has_inline_marks(struct grf_heap_reader *reader, const struct grf_span *span)
{
	const struct grf_layout *layout = reader->layout;
	int64_t offset = grf_offset(layout, heap_arena, page_use_span_inline_mark_bits);
	uint64_t arena, page = span->base % GRF_ARENA_BYTES / GRF_PAGE_BYTES;
	uint8_t byte;

	if (!layout->version.experiments.green_tea || offset < 0 || span->element_size < 16 ||
	    span->element_size > GRF_MAX_HEAP_BITS_OBJECT)
		return false;
	arena = grf_heap_arena(reader, span->base);
	return arena && grf_image_u8(reader->image, arena + (uint64_t)offset + page / 8, &byte) &&
	       byte >> (page % 8) & 1;
}

/* Copies `count` bits from the image. False when they are not there. */
static bool copy_bits(const struct grf_image *image, uint64_t address, uint64_t count, uint8_t *ret)
{
	const uint8_t *bits = address ? grf_image_at(image, address, (count + 7) / 8) : NULL;

	if (bits) {
		memcpy(ret, bits, (count + 7) / 8);
	} else {
		struct grf_error *error = grf_image_read(image, address, ret, (count + 7) / 8);

		if (error) {
			grf_error_free(error);
			memset(ret, 0, (count + 7) / 8);
			return false;
		}
	}
	if (count % 8)
		ret[count / 8] &= (uint8_t)((1u << (count % 8)) - 1);
	return true;
}

/* Sets the first `count` bits. */
static void set_bits(uint8_t *bits, uint64_t count)
{
	memset(bits, 0xff, count / 8);
	if (count % 8)
		bits[count / 8] |= (uint8_t)((1u << (count % 8)) - 1);
}

static bool has_bit(const uint8_t *bits, uint64_t index)
{
	return bits[index / 8] >> (index % 8) & 1;
}

static void clear_bit(uint8_t *bits, uint64_t index)
{
	bits[index / 8] &= (uint8_t) ~(1u << (index % 8));
}

static void add_inline_marks(const struct grf_heap_reader *reader, const struct grf_span *span,
			     uint8_t *marked)
{
	int64_t offset = grf_offset(reader->layout, span_inline_mark_bits, marks);
	const uint8_t *marks =
	    span->memory + (uint64_t)span->page_count * GRF_PAGE_BYTES - INLINE_MARKS + offset;
	uint32_t bytes = (span->slot_count + 7) / 8;

	if (offset < 0 || offset + INLINE_MARK_BYTES > INLINE_MARKS)
		return;
	if (bytes > INLINE_MARK_BYTES)
		bytes = INLINE_MARK_BYTES;
	for (uint32_t i = 0; i < bytes; i++)
		marked[i] |= marks[i];
	if (span->slot_count % 8)
		marked[span->slot_count / 8] &= (uint8_t)((1u << (span->slot_count % 8)) - 1);
}

/* False: reader->error. */
static bool arena_is_copied(struct grf_heap_reader *reader, uint64_t address, uint64_t length)
{
	reader->error = grf_image_check_copied(reader->image, address, length, "the bitmaps");
	return !reader->error;
}

/* Finds the bitmaps of an arena. False: out of memory, or reader->error. */
static bool find_bitmaps(struct grf_heap_reader *reader, uint64_t arena)
{
	const struct grf_layout *layout = reader->layout;
	int64_t bitmap = grf_offset(layout, heap_arena, bitmap);
	int64_t no_more = grf_offset(layout, heap_arena, no_more_ptrs);
	uint64_t words = GRF_ARENA_BYTES / 8, bitmap_bytes = no_more < 0 ? words / 4 : words / 8;

	if (arena == reader->bitmap_arena)
		return true;
	if (!arena_is_copied(reader, arena + (uint64_t)bitmap, bitmap_bytes) ||
	    (no_more >= 0 && !arena_is_copied(reader, arena + (uint64_t)no_more, words / 64 / 8)))
		return false;
	reader->bitmap = grf_heap_memory_find(reader->memory, reader->image,
					      arena + (uint64_t)bitmap, bitmap_bytes);
	if (!reader->bitmap)
		return false;
	reader->no_more_pointers = NULL;
	if (no_more >= 0) {
		reader->no_more_pointers = grf_heap_memory_find(
		    reader->memory, reader->image, arena + (uint64_t)no_more, words / 64 / 8);
		if (!reader->no_more_pointers)
			return false;
	}
	reader->bitmap_arena = arena;
	return true;
}

/* Whether the word with that number in its arena is a pointer. *ret_last: no word of the same
 * object after it is one. */
static bool arena_bit(const struct grf_heap_reader *reader, uint64_t word, bool *ret_last)
{
	if (!reader->no_more_pointers) {
		uint8_t byte = reader->bitmap[word / 4];

		*ret_last = !(byte >> (4 + word % 4) & 1);
		return !*ret_last && byte >> (word % 4) & 1;
	}
	*ret_last =
	    word % 64 == 63 && reader->no_more_pointers[word / 64 / 8] >> (word / 64 % 8) & 1;
	return reader->bitmap[word / 8] >> (word % 8) & 1;
}

/* Sets the bits of the object whose first word has the number `first` in the span. */
static bool expand_object(struct grf_heap_reader *reader, const struct grf_span *span,
			  uint64_t first, uint8_t *bits)
{
	uint64_t address = span->base + first * 8, words = span->element_size / 8;
	bool last = false;

	for (uint64_t i = first; i < first + words && !last; i++, address += 8) {
		if (i == first || address % GRF_ARENA_BYTES == 0) {
			uint64_t arena = grf_heap_arena(reader, address);

			if (!arena)
				return true;
			if (!find_bitmaps(reader, arena))
				return false;
		}
		if (arena_bit(reader, address % GRF_ARENA_BYTES / 8, &last))
			bits[i / 8] |= (uint8_t)(1u << (i % 8));
	}
	return true;
}

/* Expands the arenas' bits of a span into one piece. False: as find_bitmaps(). */
static bool expand_bits(struct grf_heap_reader *reader, struct grf_span *span)
{
	uint64_t words = span->element_size / 8;
	uint8_t *bits = reader->memory->expanded + reader->memory->expanded_used;

	reader->memory->expanded_used += (uint64_t)span->page_count * GRF_PAGE_BYTES / 64;
	span->pointer_bits = bits;
	for (uint32_t slot = 0; slot < span->slot_count; slot++)
		if (grf_span_allocated(span, slot) &&
		    !expand_object(reader, span, slot * words, bits))
			return false;
	return true;
}

/*
 * 1 + the slot that was allocated last and may hold no object yet; 0: none. To be called before
 * set_bits(). *ret_sure: it holds none unless it is marked.
 */
static uint16_t find_unfinished(const struct grf_layout *layout, const struct grf_raw_span *raw,
				const uint8_t *allocated, bool *ret_sure)
{
	*ret_sure = grf_has(layout, mspan, free_index_for_scan);
	if (!raw->free_index || (*ret_sure && raw->scan_index >= raw->free_index) ||
	    has_bit(allocated, raw->free_index - 1))
		return 0;
	return (uint16_t)raw->free_index;
}

bool grf_heap_bits_read(struct grf_heap_reader *reader, struct grf_span *span,
			const struct grf_raw_span *raw, uint8_t *allocated, uint8_t *marked,
			bool *ret_fits)
{
	uint64_t size = (uint64_t)span->page_count * GRF_PAGE_BYTES, tail;
	bool inline_marks = has_inline_marks(reader, span), sure;

	*ret_fits = true;
	if (!copy_bits(reader->image, raw->alloc_bits, span->slot_count, allocated))
		reader->without_bits++;
	span->unfinished = find_unfinished(reader->layout, raw, allocated, &sure);
	set_bits(allocated, raw->free_index);
	copy_bits(reader->image, raw->mark_bits, span->slot_count, marked);
	span->allocated = allocated;
	span->marked = marked;
	tail = (inline_marks ? INLINE_MARKS : 0) +
	       (span->pointer_layout == GRF_POINTERS_BITS ? size / 64 : 0);
	/* The bits must not overlap the objects. */
	if (span->slot_count * span->element_size + tail > size) {
		*ret_fits = false;
		return true;
	}
	if (inline_marks)
		add_inline_marks(reader, span, marked);
	if (span->unfinished && sure && has_bit(marked, raw->free_index - 1))
		span->unfinished = 0;
	if (span->unfinished && sure)
		clear_bit(allocated, raw->free_index - 1);
	if (span->pointer_layout == GRF_POINTERS_BITS)
		span->pointer_bits = span->memory + size - tail;
	return span->pointer_layout != GRF_POINTERS_ARENA || expand_bits(reader, span);
}
