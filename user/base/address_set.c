/* SPDX-License-Identifier: BSD-2-Clause */
/* The table behind the set: multiplicative hashing, doubled at two thirds full. */
#include "base/address_set.h"

#include <stdlib.h>

/* The entry of an address, or the free one where it goes. There is a free one. */
static struct grf_address_entry *place_of(const struct grf_address_set *set, uint64_t address)
{
	size_t mask = set->capacity - 1;
	size_t at = (size_t)((address * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & mask;

	while (set->entries[at].address && set->entries[at].address != address)
		at = (at + 1) & mask;
	return &set->entries[at];
}

/* Keeps more than a third of the entries free. */
static bool make_room(struct grf_address_set *set)
{
	struct grf_address_set grown = {
	    .capacity = set->capacity ? set->capacity * 2 : 64,
	    .count = set->count,
	    .limit = set->limit,
	};

	if (set->count < set->capacity / 3 * 2)
		return true;
	grown.entries = calloc(grown.capacity, sizeof(*grown.entries));
	if (!grown.entries)
		return false;
	for (size_t i = 0; i < set->capacity; i++)
		if (set->entries[i].address)
			*place_of(&grown, set->entries[i].address) = set->entries[i];
	free(set->entries);
	*set = grown;
	return true;
}

bool grf_address_set_add(struct grf_address_set *set, uint64_t address, size_t number)
{
	struct grf_address_entry *entry;

	if (!address)
		return false;
	if (!make_room(set)) {
		set->no_memory = true;
		return false;
	}
	entry = place_of(set, address);
	if (entry->address)
		return false;
	set->full = set->limit && set->count >= set->limit;
	if (set->full)
		return false;
	*entry = (struct grf_address_entry){address, number};
	set->count++;
	return true;
}

bool grf_address_set_find(const struct grf_address_set *set, uint64_t address, size_t *ret_number)
{
	const struct grf_address_entry *entry;

	if (!address || !set->capacity)
		return false;
	entry = place_of(set, address);
	if (!entry->address)
		return false;
	*ret_number = entry->number;
	return true;
}

void grf_address_set_free(struct grf_address_set *set)
{
	free(set->entries);
	*set = (struct grf_address_set){0};
}
