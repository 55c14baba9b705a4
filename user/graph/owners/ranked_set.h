/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set of numbers below a limit, a bit each, and how many of its members are below one of them: an
 * index for arrays that have an element for each member alone. 12 bytes for 64 numbers.
 */
#ifndef GRF_GRAPH_OWNERS_RANKED_SET_H
#define GRF_GRAPH_OWNERS_RANKED_SET_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct grf_ranked_set {
	uint64_t *bits;
	uint32_t *ranks; /* by word of bits: how many members are below it */
	uint64_t words;
	uint32_t count;
};

/* An empty set for numbers below `limit`. False: out of memory. */
static inline bool grf_ranked_set_create(struct grf_ranked_set *set, uint64_t limit)
{
	set->words = limit / 64 + 1;
	set->bits = calloc(set->words, sizeof(*set->bits));
	set->ranks = calloc(set->words, sizeof(*set->ranks));
	return set->bits && set->ranks;
}

static inline void grf_ranked_set_free(struct grf_ranked_set *set)
{
	free(set->bits);
	free(set->ranks);
	*set = (struct grf_ranked_set){0};
}

/* Counts the members, after which ranks may be asked for. */
static inline uint32_t grf_ranked_set_count(struct grf_ranked_set *set)
{
	uint32_t count = 0;

	for (uint64_t i = 0; i < set->words; i++) {
		set->ranks[i] = count;
		count += (uint32_t)__builtin_popcountll(set->bits[i]);
	}
	set->count = count;
	return count;
}

static inline void grf_ranked_set_add(struct grf_ranked_set *set, uint64_t number)
{
	set->bits[number >> 6] |= (uint64_t)1 << (number & 63);
}

static inline bool grf_ranked_set_has(const struct grf_ranked_set *set, uint64_t number)
{
	return set->bits[number >> 6] >> (number & 63) & 1;
}

/* How many members are below `number`: its index, where it is one. */
static inline uint32_t grf_ranked_set_rank(const struct grf_ranked_set *set, uint64_t number)
{
	uint64_t below = set->bits[number >> 6] & (((uint64_t)1 << (number & 63)) - 1);

	return set->ranks[number >> 6] + (uint32_t)__builtin_popcountll(below);
}

#endif
