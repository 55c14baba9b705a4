/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A map from pairs of 64-bit keys to 32-bit indices: open addressing, linear probing, 24 bytes an
 * entry, nothing ever removed. The walk asks it once for each new edge of the reference tree and
 * for each object whose type covers only part of it, where a chained table of separately allocated
 * entries would cost a cache miss and 56 bytes more each.
 */
#ifndef GRF_GRAPH_PAIR_MAP_H
#define GRF_GRAPH_PAIR_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRF_PAIR_MAP_NONE UINT32_MAX

struct grf_pair_map {
	struct grf_pair_entry {
		uint64_t first;
		uint64_t second;
		uint32_t value; /* GRF_PAIR_MAP_NONE: free */
	} * entries;
	size_t capacity; /* 0 or a power of two */
	size_t count;
};

/* The value of a pair, or GRF_PAIR_MAP_NONE. */
uint32_t grf_pair_map_get(const struct grf_pair_map *map, uint64_t first, uint64_t second);

/* Sets the value (not GRF_PAIR_MAP_NONE) of a pair. False: out of memory, nothing changed. */
bool grf_pair_map_put(struct grf_pair_map *map, uint64_t first, uint64_t second, uint32_t value);

void grf_pair_map_free(struct grf_pair_map *map);

#endif
