/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table behind the map: it doubles before it is more than three quarters full, so probes stay
 * short.
 */
#include "graph/pair_map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Mixes both keys (multiply and fold, as in wyhash): addresses and small indices alike spread. */
static uint64_t mix_keys(uint64_t first, uint64_t second)
{
	unsigned __int128 product =
	    (unsigned __int128)(first ^ 0x9e3779b97f4a7c15u) * (second ^ 0xd6e8feb86659fd93u);

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static struct grf_pair_entry *probe_entries(struct grf_pair_entry *entries, size_t capacity,
					    uint64_t first, uint64_t second)
{
	size_t at = mix_keys(first, second) & (capacity - 1);

	while (entries[at].value != GRF_PAIR_MAP_NONE &&
	       (entries[at].first != first || entries[at].second != second))
		at = (at + 1) & (capacity - 1);
	return &entries[at];
}

uint32_t grf_pair_map_get(const struct grf_pair_map *map, uint64_t first, uint64_t second)
{
	if (!map->count)
		return GRF_PAIR_MAP_NONE;
	return probe_entries(map->entries, map->capacity, first, second)->value;
}

static bool grow_map(struct grf_pair_map *map)
{
	size_t capacity = map->capacity ? map->capacity * 2 : 64;
	struct grf_pair_entry *entries = malloc(capacity * sizeof(*entries));

	if (!entries)
		return false;
	/* All ones: every value GRF_PAIR_MAP_NONE. */
	memset(entries, 0xff, capacity * sizeof(*entries));
	for (size_t i = 0; i < map->capacity; i++) {
		const struct grf_pair_entry *old = &map->entries[i];

		if (old->value != GRF_PAIR_MAP_NONE)
			*probe_entries(entries, capacity, old->first, old->second) = *old;
	}
	free(map->entries);
	map->entries = entries;
	map->capacity = capacity;
	return true;
}

bool grf_pair_map_put(struct grf_pair_map *map, uint64_t first, uint64_t second, uint32_t value)
{
	struct grf_pair_entry *entry;

	assert(value != GRF_PAIR_MAP_NONE);
	/* At most three quarters full: a probe then meets a free entry after two or three. */
	if (map->count + 1 > map->capacity / 4 * 3 && !grow_map(map))
		return false;
	entry = probe_entries(map->entries, map->capacity, first, second);
	if (entry->value == GRF_PAIR_MAP_NONE) {
		entry->first = first;
		entry->second = second;
		map->count++;
	}
	entry->value = value;
	return true;
}

void grf_pair_map_free(struct grf_pair_map *map)
{
	free(map->entries);
	map->entries = NULL;
	map->capacity = map->count = 0;
}
