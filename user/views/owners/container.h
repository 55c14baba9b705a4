/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an object is as a container: how many entries a map has, the length and capacity of a slice.
 * The numbers stand in the target's memory, and are said only where they can be true.
 */
#ifndef GRF_VIEWS_OWNERS_CONTAINER_H
#define GRF_VIEWS_OWNERS_CONTAINER_H

#include <stdbool.h>
#include <stdint.h>

#include "graph/owners/retained.h"

enum grf_container_kind {
	GRF_CONTAINER_NONE,
	GRF_CONTAINER_MAP,
	GRF_CONTAINER_SLICE,
};

struct grf_container {
	enum grf_container_kind kind;
	uint32_t node;     /* the map's header, or the array behind the slice */
	uint64_t entries;  /* of a map; the length of a slice */
	uint64_t capacity; /* of a slice */
	/* Of all slices of the array that were found: the address of the first element, and that
	 * behind the last one. */
	uint64_t begin, end;
};

/** Whether a node is the structure of a map, and how many entries that has. */
bool grf_container_map(const struct grf_retained *retained, uint32_t node,
		       struct grf_container *ret);

/** Whether an object is a part of the memory of a map, but not its structure, or of another
 * container whose parts have no names. */
bool grf_container_is_map_part(const struct grf_retained *retained, uint32_t node);

/**
 * What the last node of a way is, or is a part of: a map's memory is the map's. `nodes` go from one
 * to the next that it owns.
 */
struct grf_container grf_container_at_end(const struct grf_retained *retained,
					  const uint32_t *nodes, size_t count);

/**
 * The index of the slot of a type in which the pointer word `offset` bytes from the beginning of a
 * value stands: of a pair the second word. It may be an array of values that the word is in.
 * slot_count: none.
 */
uint32_t grf_container_slot_index(const struct grf_type *type, uint64_t offset);

/**
 * The pointer of a type's values that stands `offset` bytes from the beginning of one, in arrays
 * inside of them too. NULL: no pointer stands there.
 */
const struct grf_slot *grf_container_slot(const struct grf_type *type, uint64_t offset);

/** The first slot of a type that a field of this name ("children") leads to. NULL: none. */
const struct grf_slot *grf_container_field(const struct grf_type *type, const char *name);

struct grf_container_slice {
	uint64_t pointer;
	uint64_t length, capacity; /* elements; length <= capacity */
	uint64_t element;          /* bytes of one */
};

/**
 * Reads the slice that a slot is, from its GRF_SLICE_SIZE bytes of memory. False: it is none, or
 * has no room in the `size` bytes at `address` that its elements should stand in.
 */
bool grf_container_slice(const struct grf_slot *slot, const uint8_t *memory, uint64_t address,
			 uint64_t size, struct grf_container_slice *ret);

/** An object of a node: its memory from where the value of its type begins, and how much there is.
 * NULL: the type is that of something inside. */
const uint8_t *grf_container_value(const struct grf_retained *retained, uint32_t node,
				   uint64_t *ret_room);

/** The node of the reached object that a pointer leads to, to its beginning or into it. False: to
 * none. */
bool grf_container_find(const struct grf_retained *retained, uint64_t pointer, uint32_t *ret);

/** The address of an object. */
uint64_t grf_container_address(const struct grf_retained *retained, uint32_t node);

#endif
