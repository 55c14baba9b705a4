/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Marks the pointer words of a plan in a bitmap, and compares a stored type's plan with its mask
 * once for all its objects.
 */
#include "graph/plan_mask.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* Go types nest inline arrays less deeply than this. */

static void mark_plan(struct grf_types *types, struct grf_type *type, uint64_t *bits,
		      uint64_t first, uint64_t words, unsigned int nesting)
{
	if (nesting > GRF_MAX_NESTING || first >= words)
		return;
	grf_type_plan(types, type);
	for (uint32_t i = 0; i < type->slot_count; i++) {
		const struct grf_slot *slot = &type->slots[i];
		uint64_t word = grf_slot_pointer(slot) / 8;

		if (slot->kind != GRF_SLOT_INLINE_ARRAY) {
			if (word < words - first)
				grf_bit_set(bits, first + word);
			continue;
		}
		if (!slot->target || slot->stride < 8)
			continue;
		for (uint64_t k = 0; k < slot->count; k++) {
			uint64_t at = (slot->offset + k * slot->stride) / 8;

			if (at >= words - first)
				break;
			mark_plan(types, slot->target, bits, first + at, words, nesting + 1);
		}
	}
}

void grf_plan_mark(struct grf_types *types, struct grf_type *type, uint64_t *bits, uint64_t first,
		   uint64_t words)
{
	mark_plan(types, type, bits, first, words, 0);
}

static bool fill_stored(struct grf_stored_type *stored, struct grf_types *types, uint64_t address,
			const uint64_t *mask, uint64_t mask_words)
{
	uint64_t bits = stored->size / 8;
	size_t words = grf_bitmap_words(bits);

	stored->mask = calloc(words ? words : 1, sizeof(uint64_t));
	stored->plan = calloc(words ? words : 1, sizeof(uint64_t));
	if (!stored->mask || !stored->plan)
		return false;
	for (uint64_t i = 0; i < mask_words && i < bits; i++) {
		if (!grf_bit(mask, i))
			continue;
		grf_bit_set(stored->mask, i);
		stored->pointers = true;
	}
	stored->type = grf_types_by_descriptor(types, address);
	if (stored->type)
		grf_plan_mark(types, stored->type, stored->plan, 0, bits);
	stored->exact = !memcmp(stored->mask, stored->plan, words * sizeof(uint64_t));
	return true;
}

const struct grf_stored_type *grf_stored_type_known(const struct grf_stored_types *stored,
						    uint64_t address, uint64_t room)
{
	uint32_t index = grf_pair_map_get(&stored->by_address, address, 0);

	return index != GRF_PAIR_MAP_NONE && stored->items[index].size <= room
		   ? &stored->items[index]
		   : NULL;
}

const struct grf_stored_type *grf_stored_type_get(struct grf_stored_types *stored,
						  struct grf_types *types, uint64_t address,
						  uint64_t room, bool *ret_no_memory)
{
	uint32_t index = grf_pair_map_get(&stored->by_address, address, 0);
	uint64_t words, size;
	const uint64_t *mask;
	struct grf_stored_type *item;

	if (index != GRF_PAIR_MAP_NONE) {
		item = &stored->items[index];
		return item->size <= room ? item : NULL;
	}
	mask = grf_types_pointer_mask(types, address, &words, &size);
	if (!mask || !size || size > room)
		return NULL;
	if (!grf_array_grow((void **)&stored->items, stored->count, &stored->capacity,
			    sizeof(*stored->items)))
		goto no_memory;
	item = &stored->items[stored->count];
	*item = (struct grf_stored_type){.size = size};
	if (!fill_stored(item, types, address, mask, words) ||
	    !grf_pair_map_put(&stored->by_address, address, 0, (uint32_t)stored->count)) {
		free(item->mask);
		free(item->plan);
		goto no_memory;
	}
	stored->count++;
	return item;
no_memory:
	*ret_no_memory = true;
	return NULL;
}

void grf_stored_types_free(struct grf_stored_types *stored)
{
	for (size_t i = 0; i < stored->count; i++) {
		free(stored->items[i].mask);
		free(stored->items[i].plan);
	}
	free(stored->items);
	grf_pair_map_free(&stored->by_address);
	*stored = (struct grf_stored_types){0};
}
