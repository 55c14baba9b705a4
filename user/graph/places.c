/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes places, and makes them wide where they do not fit any more. */
#include "graph/places.h"

#include <stdlib.h>

bool grf_places_create(struct grf_places *places, uint64_t count)
{
	places->count = count;
	places->narrow = calloc(count + 1, sizeof(*places->narrow));
	return places->narrow;
}

void grf_places_free(struct grf_places *places)
{
	free(places->narrow);
	free(places->wide);
	*places = (struct grf_places){0};
}

bool grf_places_widen(struct grf_places *places)
{
	uint32_t *wide = calloc(places->count + 1, sizeof(*wide));

	if (!wide)
		return false;
	for (uint64_t id = 0; id < places->count; id++)
		wide[id] = grf_places_get(places, id);
	free(places->narrow);
	places->narrow = NULL;
	places->wide = wide;
	return true;
}
