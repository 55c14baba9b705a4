/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plans against masks. A plan (model/types/types.h) says which words of a value are pointers and to
 * what; the collector's mask says which words of an object it follows. The walk follows exactly the
 * latter and takes names from the former, so it must know where the two differ.
 */
#ifndef GRF_GRAPH_PLAN_MASK_H
#define GRF_GRAPH_PLAN_MASK_H

#include <stdbool.h>
#include <stdint.h>

#include "graph/pair_map.h"
#include "model/heap/heap.h"
#include "model/types/types.h"

/* Types in types are followed so deep. */
#define GRF_MAX_NESTING 64

static inline bool grf_bit(const uint64_t *bits, uint64_t at)
{
	return bits[at >> 6] >> (at & 63) & 1;
}

static inline void grf_bit_set(uint64_t *bits, uint64_t at)
{
	bits[at >> 6] |= (uint64_t)1 << (at & 63);
}

static inline void grf_bit_clear(uint64_t *bits, uint64_t at)
{
	bits[at >> 6] &= ~((uint64_t)1 << (at & 63));
}

/* How many 64-bit words a bitmap of `bits` bits takes. */
static inline uint64_t grf_bitmap_words(uint64_t bits)
{
	return (bits + 63) / 64;
}

/* The offset of a slot's pointer word from the value's start, in bytes. */
static inline uint64_t grf_slot_pointer(const struct grf_slot *slot)
{
	bool pair = slot->kind == GRF_SLOT_EFACE || slot->kind == GRF_SLOT_IFACE;

	return slot->offset + (pair ? 8 : 0);
}

/* Sets the bits of the pointer words of one value of `type` that begins at word `first`, as far as
 * they are below `words`. */
void grf_plan_mark(struct grf_types *types, struct grf_type *type, uint64_t *bits, uint64_t first,
		   uint64_t words);

/* The type that the runtime stores for an object, ready for the walk. */
struct grf_stored_type {
	struct grf_type *type; /* NULL: no plan is known */
	uint64_t size;         /* bytes of an element */
	uint64_t *mask;        /* the collector's; size / 8 bits */
	uint64_t *plan;        /* the plan's; size / 8 bits */
	bool exact;            /* mask and plan are the same */
	bool pointers;         /* mask has a bit */
};

struct grf_stored_types {
	struct grf_pair_map by_address;
	struct grf_stored_type *items;
	size_t count, capacity;
};

/* The stored type whose descriptor is at `address`, for an object with `room` bytes of payload.
 * NULL when the descriptor is implausible or larger than the object, or memory is out
 * (*ret_no_memory). Valid until the next call. */
const struct grf_stored_type *grf_stored_type_get(struct grf_stored_types *stored,
						  struct grf_types *types, uint64_t address,
						  uint64_t room, bool *ret_no_memory);
/* The same where it was asked for before. NULL: it was not, or is larger than the object. */
const struct grf_stored_type *grf_stored_type_known(const struct grf_stored_types *stored,
						    uint64_t address, uint64_t room);
void grf_stored_types_free(struct grf_stored_types *stored);

#endif
