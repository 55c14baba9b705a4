/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Go heap of an image: spans, allocated slots, and the pointer mask of each slot.
 *
 * Objects have dense ids: spans are ordered by address, and a span's slots are numbered from its
 * `first_object`. Free slots have ids too. So an address becomes an id by one division, and the
 * state of all objects is an array beside the span table, not a hash table of addresses.
 */
#ifndef GRF_MODEL_HEAP_HEAP_H
#define GRF_MODEL_HEAP_HEAP_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/image.h"
#include "model/release/layout.h"

/* Places in a walk tell spans by numbers below this. A longer list of them is damaged. */
#define GRF_MAX_SPANS ((uint64_t)1 << 30)

/* Of the runtime's pages and arenas on 64-bit Linux, in every release (runtime/malloc.go). */
#define GRF_PAGE_BYTES  8192u
#define GRF_ARENA_BYTES ((uint64_t)1 << 26)
#define GRF_ARENA_PAGES 8192u

_Static_assert(GRF_ARENA_BYTES == (uint64_t)GRF_ARENA_PAGES * GRF_PAGE_BYTES, "pages fill arenas");

/* runtime/sizeclasses.go, the same number in every release. */
#define GRF_SIZE_CLASSES 68

/* Where the pointer masks of a span's slots are. */
enum grf_pointer_layout {
	GRF_POINTERS_NONE, /* noscan */
	GRF_POINTERS_BITS, /* `pointer_bits`: one bit a word from the span's base (1.22+, <= 512 B)
			    */
	GRF_POINTERS_HEADER, /* first word of each slot is its *_type; payload from byte 8 (1.22+)
			      */
	GRF_POINTERS_LARGE,  /* one object; `large_type`, 0 when not set yet: no pointers (1.22+) */
	GRF_POINTERS_ARENA,  /* heapArena bitmap (1.17-1.21); expanded into `pointer_bits` when read
			      */
};

/* A line of the CPU's caches; bytes. */
#define GRF_CACHE_LINE 64

/* Following an edge reads the first line only. Most of a walk's time is the wait for it. */
struct grf_span {
	_Alignas(GRF_CACHE_LINE) uint64_t base;
	uint64_t element_size; /* bytes of a slot */
	uint64_t division;     /* ceil(2^64 / element_size): slot = high half of offset * division;
				* exact for offsets below 2^32. 0 for a large span: slot 0. */
	uint64_t first_object; /* id of slot 0 */
	const uint8_t *memory; /* the span's bytes, base on, in our memory; all pages; zero
				* where the image lacks them */
	const uint8_t *allocated; /* one bit a slot: holds an object (free index and alloc bits) */
	const uint8_t *pointer_bits; /* BITS, ARENA: one bit a word from base; else NULL */
	uint32_t slot_count;
	uint8_t pointer_layout; /* enum grf_pointer_layout */
	uint8_t size_class;
	uint16_t unfinished;   /* 1 + the slot of an allocation that was under way, which holds no
				* object yet; where the release does not record it, 1 + a slot that
				* may be one; 0: none */
	uint64_t large_type;   /* LARGE: address of the _type; 0: none */
	uint64_t limit;        /* base + slot_count * element_size; of a large object, the end of
				* what was asked for: a pointer from there on is none to it */
	uint64_t address;      /* of the runtime.mspan */
	uint64_t specials;     /* first runtime.special, or 0 */
	const uint8_t *marked; /* one bit a slot: marked (gcmarkBits | inline marks); NULL unread */
	uint32_t page_count;
	int32_t sweep_state; /* span's sweepgen - heap's sweepgen: -2, -1, 0, 1, 3 */
};

struct grf_heap {
	struct grf_span *spans; /* in use ones, by base */
	size_t span_count;
	uint64_t object_ids;      /* one past the last id */
	uint64_t allocated_count; /* slots that hold an object */
	uint64_t allocated_bytes;
	uint64_t in_use_bytes; /* bytes of in-use spans */
	uint64_t left_out;     /* spans that contradict themselves */
	uint64_t miscounted;   /* spans whose count of objects differs from their bits */
	bool has_redzones;     /* the program was built with -asan, see slot_size.c */
	/* Address to span: arena_index[address / GRF_ARENA_BYTES - first_arena] is 1 + index of a
	 * block of page entries (0: no arena); a page entry is 1 + index into spans (0: none). */
	uint64_t first_arena;
	uint64_t arena_count;
	const uint32_t *arena_index;
	const uint32_t (*pages)[GRF_ARENA_PAGES];
	void *memory; /* memory of the arrays; grf_heap_destroy() frees it */
};

/*
 * Reads every span in use. `mheap` is the address of runtime.mheap_. Contradictory spans (bounds
 * outside the image, element sizes that do not fit) are skipped and counted in a warning. Errors:
 * BAD_INPUT when no heap is found, NO_MEMORY, INTERRUPTED.
 */
struct grf_error *grf_heap_read(const struct grf_image *image, const struct grf_layout *layout,
				uint64_t mheap, struct grf_heap **ret);
void grf_heap_destroy(struct grf_heap *heap);

/* The in-use span that holds `address`, or NULL. */
static inline const struct grf_span *grf_heap_span(const struct grf_heap *heap, uint64_t address)
{
	uint64_t arena = address / GRF_ARENA_BYTES - heap->first_arena;
	uint32_t block, span;

	if (arena >= heap->arena_count)
		return NULL;
	block = heap->arena_index[arena];
	if (!block)
		return NULL;
	span = heap->pages[block - 1][address / GRF_PAGE_BYTES % GRF_ARENA_PAGES];
	return span ? &heap->spans[span - 1] : NULL;
}

/* The slot of `span` that holds `address` (>= base). May be >= slot_count: in the span's tail. */
static inline uint32_t grf_span_slot(const struct grf_span *span, uint64_t address)
{
	assert(address >= span->base);
	return (uint32_t)(((unsigned __int128)(address - span->base) * span->division) >> 64);
}

/* Finds the slot that `address` points into; allocated or not. False: it points into none. */
static inline bool grf_span_find(const struct grf_span *span, uint64_t address, uint32_t *ret_slot)
{
	if (address < span->base)
		return false;
	*ret_slot = grf_span_slot(span, address);
	return *ret_slot < span->slot_count && (span->division || address < span->limit);
}

static inline bool grf_span_allocated(const struct grf_span *span, uint32_t slot)
{
	assert(slot < span->slot_count);
	return span->allocated[slot >> 3] >> (slot & 7) & 1;
}

/* Finds the object that `address` points into: span and slot. False: no object there. */
static inline bool grf_heap_find(const struct grf_heap *heap, uint64_t address,
				 const struct grf_span **ret_span, uint32_t *ret_slot)
{
	const struct grf_span *span = grf_heap_span(heap, address);
	uint32_t slot;

	if (!span || !grf_span_find(span, address, &slot) || !grf_span_allocated(span, slot))
		return false;
	*ret_span = span;
	*ret_slot = slot;
	return true;
}

/* The type that the runtime stores for an object (malloc header, large type), as the address of a
 * runtime._type. 0: it stores none. The payload starts at byte *ret_payload of the slot. The type
 * is that of one element, which the payload repeats to the slot's end. */
static inline uint64_t grf_span_stored_type(const struct grf_span *span, uint32_t slot,
					    uint64_t *ret_payload)
{
	*ret_payload = 0;
	if (span->pointer_layout == GRF_POINTERS_LARGE)
		return span->large_type;
	if (span->pointer_layout != GRF_POINTERS_HEADER)
		return 0;
	*ret_payload = 8;
	return grf_load_u64(span->memory + slot * span->element_size);
}

/* With fewer spans than that there is no saying whether they were misread. */
#define GRF_FEW_SPANS 8u

/* Whether of `spans` spans so many contradict themselves, `wrong`, that all were misread; also
 * asked while they are read, with the most that there can be. GRF_ERROR_UNSUPPORTED: so it is. */
struct grf_error *grf_spans_self_check(const struct grf_layout *layout, uint64_t wrong,
				       uint64_t spans);

#endif
