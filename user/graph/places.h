/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where each object was reached, by object id: the number of a kind, and whether that is all of the
 * object. Two bytes for each id as long as the numbers are small, which those of all but the
 * largest programs are, and four from then on.
 */
#ifndef GRF_GRAPH_PLACES_H
#define GRF_GRAPH_PLACES_H

#include <stdbool.h>
#include <stdint.h>

/* The mark in a place of an object of which only a part is known, that to which a pointer leads. */
#define GRF_GRAPH_INSIDE 0x80000000u

/* Numbers below it have two bytes. */
#define GRF_PLACES_NARROW 0x8000u

/* Both NULL: none are kept. */
struct grf_places {
	uint16_t *narrow; /* one of the two */
	uint32_t *wide;
	uint64_t count;
};

/* No object of `count` is reached. False: out of memory. */
bool grf_places_create(struct grf_places *places, uint64_t count);
void grf_places_free(struct grf_places *places);

/* Gives all four bytes. False: out of memory, and nothing has changed. */
bool grf_places_widen(struct grf_places *places);

/* Makes all places wide where numbers of up to `count` would not fit. False: out of memory. */
static inline bool grf_places_make_room(struct grf_places *places, uint32_t count)
{
	return !places->narrow || count <= GRF_PLACES_NARROW || grf_places_widen(places);
}

static inline bool grf_places_kept(const struct grf_places *places)
{
	return places->narrow || places->wide;
}

/* The number of a kind with GRF_GRAPH_INSIDE or without. 0: not reached. */
static inline uint32_t grf_places_get(const struct grf_places *places, uint64_t id)
{
	uint32_t narrow;

	if (!places->narrow)
		return places->wide[id];
	narrow = places->narrow[id];
	return (narrow & GRF_PLACES_NARROW) << 16 | (narrow & (GRF_PLACES_NARROW - 1));
}

/* False: out of memory. */
static inline bool grf_places_set(struct grf_places *places, uint64_t id, uint32_t place)
{
	if (places->narrow && (place & ~GRF_GRAPH_INSIDE) >= GRF_PLACES_NARROW &&
	    !grf_places_widen(places))
		return false;
	if (places->narrow)
		places->narrow[id] = (uint16_t)((place >> 16 & GRF_PLACES_NARROW) | place);
	else
		places->wide[id] = place;
	return true;
}

/* Says that the place of an object will be set soon. */
static inline void grf_places_prefetch(const struct grf_places *places, uint64_t id)
{
	if (places->narrow)
		__builtin_prefetch(&places->narrow[id], 1);
	else if (places->wide)
		__builtin_prefetch(&places->wide[id], 1);
}

#endif
