/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the heap. runtime.mheap_.allspans names every span that was ever allocated; those in use
 * (state 1) hold objects. The fields of a span are checked before use, as a core may be damaged,
 * and a process may have been stopped at any instruction. Where two spans claim the same page, the
 * one that the page's heapArena names is used.
 *
 * The list is read twice: first to find and sort the spans in use, then, with their number known,
 * to read them.
 */
#include "model/heap/heap.h"

#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "base/log.h"
#include "model/heap/heap_parts.h"
#include "model/heap/pointer_free.h"

/* Small objects share a span of up to 10 pages (sizeclasses.go); larger ones have their own. */
#define MAX_SMALL_OBJECT 32768u
#define MAX_SMALL_PAGES  32u

_Static_assert(offsetof(struct grf_span, large_type) == GRF_CACHE_LINE &&
		   sizeof(struct grf_span) % GRF_CACHE_LINE == 0,
	       "what an edge needs of a span stands in one cache line");

/* A span in use that is still to be read. */
struct candidate {
	uint64_t start, end;
	uint64_t address; /* of the mspan */
};

struct candidates {
	GRF_ARRAY(struct candidate) array;
};

/* Loads a field of `width` bytes of an mspan of `size` bytes. 0: this release has no such field. */
static uint64_t load_field(const uint8_t *memory, int64_t size, int64_t offset, unsigned int width)
{
	uint64_t value = 0;

	if (offset >= 0 && offset + width <= size)
		memcpy(&value, memory + offset, width);
	return value;
}

void grf_raw_span_read(const struct grf_layout *layout, const uint8_t *memory,
		       struct grf_raw_span *ret)
{
	int64_t size = grf_offset(layout, mspan, _size);
	/* freeindex and nelems were words before Go 1.22, and are 16 bits since. */
	unsigned int width =
	    grf_offset(layout, mspan, nelems) - grf_offset(layout, mspan, freeindex) == 8 ? 8 : 2;

#define RAW(name, bytes) load_field(memory, size, grf_offset(layout, mspan, name), bytes)
	*ret = (struct grf_raw_span){
	    .start = RAW(start_addr, 8),
	    .pages = RAW(npages, 8),
	    .element_size = RAW(elemsize, 8),
	    .limit = RAW(limit, 8),
	    .free_index = RAW(freeindex, width),
	    .scan_index = RAW(free_index_for_scan, width),
	    .slots = RAW(nelems, width),
	    .alloc_bits = RAW(alloc_bits, 8),
	    .mark_bits = RAW(gcmark_bits, 8),
	    .specials = RAW(specials, 8),
	    .large_type = RAW(large_type, 8),
	    .sweepgen = (uint32_t)RAW(sweepgen, 4),
	    .alloc_count = (uint16_t)RAW(alloc_count, 2),
	    .span_class = (uint8_t)RAW(spanclass, 1),
	    .state = (uint8_t)RAW(state, 1),
	};
#undef RAW
}

static bool read_raw(const struct grf_heap_reader *reader, uint64_t address,
		     struct grf_raw_span *ret)
{
	int64_t size = grf_offset(reader->layout, mspan, _size);
	const uint8_t *memory = grf_image_at(reader->image, address, (uint64_t)size);

	if (memory)
		grf_raw_span_read(reader->layout, memory, ret);
	return memory;
}

bool grf_raw_span_plausible(const struct grf_raw_span *raw, const struct grf_arch *arch)
{
	uint64_t bytes;

	if (!raw->start || raw->start % GRF_PAGE_BYTES || raw->start >= arch->address_limit ||
	    !raw->pages || raw->pages > UINT32_MAX ||
	    raw->pages * GRF_PAGE_BYTES > arch->address_limit - raw->start ||
	    raw->span_class >> 1 >= GRF_SIZE_CLASSES)
		return false;
	bytes = raw->pages * GRF_PAGE_BYTES;
	if (!raw->slots || !raw->element_size || raw->element_size % 8 ||
	    raw->slots > bytes / raw->element_size || raw->free_index > raw->slots ||
	    raw->limit < raw->start || raw->limit > raw->start + bytes)
		return false;
	/* Only a span of one object may be large: offsets in others stay below 2^32. */
	return raw->span_class >> 1
		   ? raw->element_size <= MAX_SMALL_OBJECT && raw->pages <= MAX_SMALL_PAGES
		   : raw->slots == 1;
}

static struct grf_error *no_heap(const struct grf_heap_reader *reader)
{
	return grf_error_create(GRF_ERROR_BAD_INPUT,
				"no heap at %#llx: runtime.mheap_ is not in the image or damaged",
				(unsigned long long)reader->mheap);
}

struct grf_error *grf_spans_self_check(const struct grf_layout *layout, uint64_t wrong,
				       uint64_t spans)
{
	if (wrong > GRF_FEW_SPANS && wrong > spans / 4)
		return grf_misread_error(layout, "spans of the heap contradict themselves", wrong,
					 spans);
	return NULL;
}

/*
 * Checks the list's length. No two spans have the same address, so the image must have bytes for
 * all of them. Otherwise, or when too many spans contradict themselves, the rest of the list is not
 * read.
 */
static struct grf_error *check_list(const struct grf_heap_reader *reader, uint64_t found,
				    uint64_t left)
{
	uint64_t room = grf_image_room(reader->image, grf_offset(reader->layout, mspan, _size));

	if (found > room)
		return grf_error_create(GRF_ERROR_BAD_INPUT,
					"the list of spans (runtime.mheap_.allspans) names more of "
					"them than the image has room for: it is damaged");
	if (left > room - found)
		left = room - found;
	return grf_spans_self_check(reader->layout, reader->implausible,
				    found + left + reader->implausible);
}

/* Reads the span that a word of the list names, if it is in use. False: out of memory. */
static bool find_span(struct grf_heap_reader *reader, uint64_t at, struct candidates *candidates)
{
	struct candidate *candidate;
	struct grf_raw_span raw;
	uint64_t address;

	if (!grf_image_u64(reader->image, at, &address) || !read_raw(reader, address, &raw)) {
		reader->implausible++;
		return true;
	}
	if (raw.state != GRF_SPAN_IN_USE)
		return true;
	if (!grf_raw_span_plausible(&raw, grf_image_arch(reader->image))) {
		reader->implausible++;
		return true;
	}
	candidate = grf_array_add(&candidates->array);
	if (candidate)
		*candidate =
		    (struct candidate){raw.start, raw.start + raw.pages * GRF_PAGE_BYTES, address};
	return candidate;
}

/* Finds the spans in use that the words in [at, until) name; the list ends at `end`. */
static struct grf_error *find_spans_in(struct grf_heap_reader *reader, uint64_t at, uint64_t until,
				       uint64_t end, struct candidates *candidates)
{
	for (uint64_t i = 0; at + 8 <= until; at += 8, i++) {
		if (!find_span(reader, at, candidates))
			return grf_error_no_memory();
		if ((i & 0xffff) == 0xffff) {
			struct grf_error *error =
			    check_list(reader, candidates->array.count, (end - at) / 8);

			if (error)
				return error;
			if (grf_interrupted())
				return grf_error_interrupted();
		}
	}
	return NULL;
}

/* Finds the spans in use that allspans names, as far as the image has the list. */
static struct grf_error *find_spans(struct grf_heap_reader *reader, struct candidates *candidates)
{
	uint64_t at = reader->mheap + (uint64_t)grf_offset(reader->layout, mheap, allspans);
	struct grf_error *error;
	uint64_t data, count, end, until;

	if (!grf_image_u64(reader->image, at, &data) ||
	    !grf_image_u64(reader->image, at + 8, &count) || !data ||
	    data >= grf_image_arch(reader->image)->address_limit || count > GRF_MAX_SPANS)
		return no_heap(reader);
	end = data + count * 8;
	error = grf_image_check_copied(reader->image, data, count * 8, "the list of spans");
	reader->implausible += count - grf_image_held_in(reader->image, data, end) / 8;
	for (; !error && (until = grf_image_next_held(reader->image, &data, end)); data = until)
		error = find_spans_in(reader, data, until, end, candidates);
	return error;
}

static int by_start(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->address < b->address ? -1 : a->address > b->address;
}

/* Whether the first page's heapArena says that the span owns it. */
static bool is_confirmed(struct grf_heap_reader *reader, const struct candidate *candidate)
{
	uint64_t arena = grf_heap_arena(reader, candidate->start), owner;
	uint64_t page = candidate->start % GRF_ARENA_BYTES / GRF_PAGE_BYTES;

	return arena &&
	       grf_image_u64(reader->image,
			     arena + (uint64_t)grf_offset(reader->layout, heap_arena, spans) +
				 page * 8,
			     &owner) &&
	       owner == candidate->address;
}

/*
 * Whether the image can have such a span. The runtime keeps a word for each of its pages in the
 * heapArena, and the image holds some bytes of its objects, but for a few that are all zero.
 */
static bool is_affordable(struct grf_heap_reader *reader, const struct candidate *candidate)
{
	uint64_t pages = (candidate->end - candidate->start) / GRF_PAGE_BYTES, slots = 0;
	struct grf_raw_span raw;

	if (!grf_image_held_in(reader->image, candidate->start, candidate->end) &&
	    read_raw(reader, candidate->address, &raw))
		slots = raw.slots;
	if (pages > reader->pages_left || slots > reader->slots_left)
		return false;
	reader->pages_left -= pages;
	reader->slots_left -= slots;
	return true;
}

static void drop_unaffordable(struct grf_heap_reader *reader, struct candidates *candidates)
{
	struct candidate *items = candidates->array.items;
	size_t kept = 0;

	reader->slots_left = grf_image_held(reader->image);
	reader->pages_left = reader->slots_left / 8;
	for (size_t i = 0; i < candidates->array.count; i++)
		if (is_affordable(reader, &items[i]))
			items[kept++] = items[i];
	reader->implausible += candidates->array.count - kept;
	candidates->array.count = kept;
}

/* Sorts the spans by address, and leaves out what overlaps. */
static void sort_spans(struct grf_heap_reader *reader, struct candidates *candidates)
{
	struct candidate *items = candidates->array.items;
	size_t kept = 0;

	if (candidates->array.count)
		qsort(items, candidates->array.count, sizeof(*items), by_start);
	for (size_t i = 0; i < candidates->array.count; i++) {
		if (!kept || items[i].start >= items[kept - 1].end) {
			items[kept++] = items[i];
			continue;
		}
		reader->implausible++;
		if (!is_confirmed(reader, &items[kept - 1]) && is_confirmed(reader, &items[i]))
			items[kept - 1] = items[i];
	}
	candidates->array.count = kept;
}

/* Numbers the blocks of the page index, one for each arena with spans. Returns their number. */
static uint32_t number_blocks(const struct grf_heap *heap, const struct candidates *candidates,
			      uint32_t *arena_index)
{
	uint32_t blocks = 0;

	for (size_t i = 0; i < candidates->array.count; i++) {
		const struct candidate *candidate = &candidates->array.items[i];
		uint64_t last = (candidate->end - 1) / GRF_ARENA_BYTES - heap->first_arena;

		for (uint64_t arena = candidate->start / GRF_ARENA_BYTES - heap->first_arena;
		     arena <= last; arena++)
			if (!arena_index[arena])
				arena_index[arena] = ++blocks;
	}
	return blocks;
}

/* Allocates the index from addresses to spans. The image must have memory for the heapArena of each
 * arena. */
static struct grf_error *allocate_index(struct grf_heap_reader *reader,
					const struct candidates *candidates)
{
	const struct candidate *items = candidates->array.items;
	struct grf_heap *heap = reader->heap;
	uint32_t blocks;

	heap->first_arena = items[0].start / GRF_ARENA_BYTES;
	heap->arena_count =
	    (items[candidates->array.count - 1].end - 1) / GRF_ARENA_BYTES - heap->first_arena + 1;
	reader->memory->arena_index =
	    calloc(heap->arena_count, sizeof(*reader->memory->arena_index));
	if (!reader->memory->arena_index)
		return grf_error_no_memory();
	blocks = number_blocks(heap, candidates, reader->memory->arena_index);
	/* A heapArena has a word for each page. */
	if (blocks > 4 + grf_image_held(reader->image) / (GRF_ARENA_PAGES * sizeof(uint64_t)))
		return grf_error_create(GRF_ERROR_BAD_INPUT,
					"the spans of the heap cover %u arenas, which the image is "
					"too small for: it is damaged",
					blocks);
	reader->memory->pages = calloc(blocks ? blocks : 1, sizeof(*reader->memory->pages));
	if (!reader->memory->pages)
		return grf_error_no_memory();
	heap->arena_index = reader->memory->arena_index;
	heap->pages = (const uint32_t(*)[GRF_ARENA_PAGES])reader->memory->pages;
	return NULL;
}

/* Enters span number `index` into the page index. */
static void index_span(struct grf_heap_reader *reader, const struct grf_span *span, uint32_t index)
{
	uint64_t page = span->base / GRF_PAGE_BYTES;
	const uint32_t *arena_index = reader->memory->arena_index;

	for (uint32_t i = 0; i < span->page_count; i++, page++) {
		uint64_t arena = page / GRF_ARENA_PAGES - reader->heap->first_arena;

		reader->memory->pages[arena_index[arena] - 1][page % GRF_ARENA_PAGES] = index + 1;
	}
}

static enum grf_pointer_layout pointer_layout(const struct grf_heap_reader *reader,
					      const struct grf_raw_span *raw)
{
	if (raw->span_class & 1)
		return GRF_POINTERS_NONE;
	if (!reader->layout->version.experiments.alloc_headers)
		return GRF_POINTERS_ARENA;
	if (!(raw->span_class >> 1))
		return GRF_POINTERS_LARGE;
	return raw->element_size <= GRF_MAX_HEAP_BITS_OBJECT ? GRF_POINTERS_BITS
							     : GRF_POINTERS_HEADER;
}

static void take_raw(const struct grf_heap_reader *reader, const struct grf_raw_span *raw,
		     uint64_t address, struct grf_span *ret)
{
	bool large = !(raw->span_class >> 1);

	*ret = (struct grf_span){
	    .base = raw->start,
	    .element_size = raw->element_size,
	    .division = large ? 0 : UINT64_MAX / raw->element_size + 1,
	    .slot_count = (uint32_t)raw->slots,
	    .pointer_layout = (uint8_t)pointer_layout(reader, raw),
	    .size_class = raw->span_class >> 1,
	    .large_type = raw->large_type,
	    .limit = raw->start + raw->slots * raw->element_size,
	    .address = address,
	    .specials = raw->specials,
	    .page_count = (uint32_t)raw->pages,
	    .sweep_state = (int32_t)(raw->sweepgen - reader->sweepgen),
	};
	/* A large object ends at its requested size. The collector ignores pointers into the rest
	 * of its last page (mcache.go allocLarge, mbitmap.go findObject). */
	if (large && raw->limit > ret->base && raw->limit < ret->limit)
		ret->limit = raw->limit;
}

static void count_objects(struct grf_heap_reader *reader, const struct grf_span *span,
			  const struct grf_raw_span *raw)
{
	struct grf_heap *heap = reader->heap;
	uint64_t count = 0;

	for (uint32_t i = 0; i < (span->slot_count + 7) / 8; i++)
		count += (uint64_t)__builtin_popcount(span->allocated[i]);
	heap->allocated_count += count;
	heap->allocated_bytes += count * span->element_size;
	heap->in_use_bytes += (uint64_t)span->page_count * GRF_PAGE_BYTES;
	reader->miscounted += count != raw->alloc_count;
}

/* Holds that what is read of a span was copied: all but the contents of pointer-free objects that
 * are larger than those that are kept. */
static struct grf_error *check_copied(const struct grf_heap_reader *reader,
				      const struct grf_span *span)
{
	if (span->pointer_layout == GRF_POINTERS_NONE && span->element_size > GRF_POINTER_FREE_KEPT)
		return NULL;
	return grf_image_check_copied(reader->image, span->base,
				      (uint64_t)span->page_count * GRF_PAGE_BYTES, "the span");
}

/* Reads the span of a candidate into heap->spans. *ret_bits: where its bits go, moved behind them.
 */
static struct grf_error *read_span(struct grf_heap_reader *reader,
				   const struct candidate *candidate, uint8_t **bits,
				   uint64_t marks)
{
	struct grf_heap *heap = reader->heap;
	struct grf_span *span = &heap->spans[heap->span_count];
	struct grf_error *error;
	struct grf_raw_span raw;
	bool fits;

	/* find_span() has read it before. */
	if (!read_raw(reader, candidate->address, &raw))
		return NULL;
	take_raw(reader, &raw, candidate->address, span);
	/* Without bytes in the image, the span has no pointers to follow. */
	if (!grf_image_held_in(reader->image, candidate->start, candidate->end))
		span->pointer_layout = GRF_POINTERS_NONE;
	error = check_copied(reader, span);
	if (error)
		return error;
	span->memory = grf_heap_memory_find(reader->memory, reader->image, span->base,
					    (uint64_t)span->page_count * GRF_PAGE_BYTES);
	if (!span->memory || !grf_heap_bits_read(reader, span, &raw, *bits, *bits + marks, &fits))
		return reader->error ? reader->error : grf_error_no_memory();
	*bits += (span->slot_count + 7) / 8;
	if (!fits) {
		reader->implausible++;
		return NULL;
	}
	span->first_object = heap->object_ids;
	heap->object_ids += span->slot_count;
	count_objects(reader, span, &raw);
	index_span(reader, span, (uint32_t)heap->span_count++);
	return NULL;
}

/* Allocates what the spans' bits need. *ret_marks: bytes from a span's allocated bits to its mark
 * bits. */
static struct grf_error *allocate_bits(struct grf_heap_reader *reader,
				       const struct candidates *candidates, uint64_t *ret_marks)
{
	uint64_t bytes = 1, expanded = 0;

	for (size_t i = 0; i < candidates->array.count; i++) {
		const struct candidate *candidate = &candidates->array.items[i];
		struct grf_raw_span raw;

		if (!read_raw(reader, candidate->address, &raw))
			continue;
		bytes += (raw.slots + 7) / 8;
		if (pointer_layout(reader, &raw) == GRF_POINTERS_ARENA)
			expanded += raw.pages * GRF_PAGE_BYTES / 64;
	}
	reader->memory->bits = calloc(2, bytes);
	if (!reader->memory->bits)
		return grf_error_no_memory();
	if (expanded) {
		reader->memory->expanded = grf_heap_memory_get(reader->memory, expanded);
		if (!reader->memory->expanded)
			return grf_error_no_memory();
	}
	*ret_marks = bytes;
	return NULL;
}

static struct grf_error *read_spans(struct grf_heap_reader *reader,
				    const struct candidates *candidates)
{
	struct grf_error *error = allocate_index(reader, candidates);
	uint64_t marks = 0;
	uint8_t *bits;

	if (!error)
		error = allocate_bits(reader, candidates, &marks);
	if (error)
		return error;
	reader->heap->spans =
	    aligned_alloc(GRF_CACHE_LINE, candidates->array.count * sizeof(*reader->heap->spans));
	if (!reader->heap->spans)
		return grf_error_no_memory();
	bits = reader->memory->bits;
	for (size_t i = 0; i < candidates->array.count && !error; i++) {
		if (!(i & 0xffff) && grf_interrupted())
			return grf_error_interrupted();
		error = read_span(reader, &candidates->array.items[i], &bits, marks);
	}
	return error;
}

static void report_spans(const struct grf_heap_reader *reader)
{
	if (reader->implausible)
		grf_warn("%llu spans of the heap contradict themselves and were left out",
			 (unsigned long long)reader->implausible);
	if (reader->without_bits)
		grf_warn("the allocation bits of %llu spans are not in the image; some of their "
			 "objects are missing",
			 (unsigned long long)reader->without_bits);
	grf_debug("heap: %zu spans, %llu objects of %llu bytes; %llu spans count otherwise",
		  reader->heap->span_count, (unsigned long long)reader->heap->allocated_count,
		  (unsigned long long)reader->heap->allocated_bytes,
		  (unsigned long long)reader->miscounted);
}

static struct grf_error *read_heap(struct grf_heap_reader *reader)
{
	uint64_t sweepgen = reader->mheap + (uint64_t)grf_offset(reader->layout, mheap, sweepgen);
	struct candidates candidates = {0};
	struct grf_error *error;

	if (!grf_image_u32(reader->image, sweepgen, &reader->sweepgen))
		return no_heap(reader);
	error = find_spans(reader, &candidates);
	if (!error) {
		sort_spans(reader, &candidates);
		drop_unaffordable(reader, &candidates);
		if (candidates.array.count)
			error = read_spans(reader, &candidates);
	}
	grf_array_free(&candidates.array);
	if (!error && !reader->heap->span_count)
		error = grf_error_create(GRF_ERROR_BAD_INPUT,
					 "the heap is empty: no span in use was found");
	reader->heap->left_out = reader->implausible;
	reader->heap->miscounted = reader->miscounted;
	if (!error)
		report_spans(reader);
	return error;
}

struct grf_error *grf_heap_read(const struct grf_image *image, const struct grf_layout *layout,
				uint64_t mheap, struct grf_heap **ret)
{
	struct grf_heap *heap = calloc(1, sizeof(*heap));
	struct grf_heap_memory *memory = calloc(1, sizeof(*memory));
	struct grf_heap_reader reader = {
	    .image = image,
	    .layout = layout,
	    .mheap = mheap,
	    .heap = heap,
	    .memory = memory,
	};
	struct grf_error *error;

	if (!heap || !memory) {
		free(heap);
		free(memory);
		return grf_error_no_memory();
	}
	heap->memory = memory;
	error = read_heap(&reader);
	if (error) {
		grf_heap_destroy(heap);
		return error;
	}
	*ret = heap;
	return NULL;
}

void grf_heap_destroy(struct grf_heap *heap)
{
	if (!heap)
		return;
	grf_heap_memory_destroy(heap->memory);
	free(heap->spans);
	free(heap);
}
