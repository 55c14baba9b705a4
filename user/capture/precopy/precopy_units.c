/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cuts pieces into units of equal size without the ranges that are left out, and compares parts of
 * a new plan with the first one.
 */
#include "capture/precopy/precopy_units.h"

#define UNIT_BYTES (16ull << 20)

/* Cuts a part of a piece into units. False: no room. */
static bool add_part(struct grf_precopy *precopy, const struct grf_piece *piece,
		     const struct grf_run *part, bool whole, bool known)
{
	for (uint64_t at = part->start; at < part->end;) {
		uint64_t end = part->end - at < UNIT_BYTES ? part->end : at + UNIT_BYTES;

		if (precopy->units.count == precopy->units.capacity)
			return false;
		precopy->units.items[precopy->units.count++] = (struct grf_unit){
		    .start = at,
		    .end = end,
		    .data = piece->data + (at - piece->start),
		    .part = piece->part,
		    .whole = whole,
		    .known = known,
		};
		at = end;
	}
	return true;
}

bool grf_units_add(struct grf_precopy *precopy, const struct grf_piece *piece, size_t *index,
		   bool whole, bool known)
{
	struct grf_run part = {piece->start, piece->start};

	if (piece->part != GRF_MAP_RESIDENT) {
		part.end = piece->end;
		return add_part(precopy, piece, &part, whole, known);
	}
	while (grf_left_out_next(&precopy->skipped, index, part.end, piece->end, &part))
		if (!add_part(precopy, piece, &part, whole, known))
			return false;
	return true;
}

size_t grf_units_count(const struct grf_precopy *precopy, const struct grf_plan *plan)
{
	/* Each of them may be the only one that is not dropped of those beside it. */
	size_t count = precopy->skipped.count;

	for (size_t i = 0; i < plan->piece_count; i++)
		count += (plan->pieces[i].end - plan->pieces[i].start) / UNIT_BYTES + 1;
	return count;
}

bool grf_units_part_is_planned(const struct grf_plan *first, const struct grf_piece *piece,
			       size_t *at, uint64_t start, uint64_t *ret_end)
{
	const struct grf_piece *known;

	while (*at < first->piece_count && first->pieces[*at].end <= start)
		++*at;
	known = *at < first->piece_count ? &first->pieces[*at] : NULL;
	*ret_end = piece->end;
	if (!known || known->start >= piece->end)
		return false;
	if (known->start > start) {
		*ret_end = known->start;
		return false;
	}
	if (known->end < piece->end)
		*ret_end = known->end;
	return known->part == piece->part;
}
