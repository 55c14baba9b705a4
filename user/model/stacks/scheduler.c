/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Collects the addresses of all g, m and p from runtime.allgs, allm and allp. Each list is bounded
 * by what the image holds.
 */
#include "model/stacks/scheduler.h"

#include "base/address_set.h"

#define MAX_ITEMS ((uint64_t)1 << 28)

static bool add_address(struct grf_scheduler *scheduler, uint64_t address)
{
	uint64_t *item;

	if (!address)
		return true;
	item = grf_array_add(&scheduler->addresses);
	if (item)
		*item = address;
	return item;
}

/* The elements of a slice of pointers. */
static bool add_slice(const struct grf_image *image, uint64_t slice,
		      struct grf_scheduler *scheduler)
{
	uint64_t at = grf_image_field(image, slice, 0), count = grf_image_field(image, slice, 8),
		 item, end, until;

	if (!at || count > MAX_ITEMS || at > UINT64_MAX - count * 8)
		return true;
	end = at + count * 8;
	for (; (until = grf_image_next_held(image, &at, end)); at = until)
		for (; at + 8 <= until; at += 8)
			if (grf_image_u64(image, at, &item) && !add_address(scheduler, item))
				return false;
	return true;
}

static bool add_machines(const struct grf_image *image, const struct grf_layout *layout,
			 uint64_t allm, struct grf_scheduler *scheduler)
{
	uint64_t m = grf_image_field(image, allm, 0);
	struct grf_address_set seen = {.limit =
					   grf_image_room(image, grf_offset(layout, m, _size))};
	bool fits = true;

	for (; fits && grf_address_set_add(&seen, m, 0);
	     m = grf_image_field(image, m, grf_offset(layout, m, alllink)))
		fits =
		    add_address(scheduler, m) &&
		    add_address(scheduler, grf_image_field(image, m, grf_offset(layout, m, g0))) &&
		    add_address(scheduler,
				grf_image_field(image, m, grf_offset(layout, m, gsignal)));
	fits = fits && !seen.no_memory;
	grf_address_set_free(&seen);
	return fits;
}

bool grf_scheduler_read(const struct grf_image *image, const struct grf_layout *layout,
			uint64_t allgs, uint64_t allm, uint64_t allp, struct grf_scheduler *ret)
{
	*ret = (struct grf_scheduler){0};
	return add_slice(image, allgs, ret) && add_machines(image, layout, allm, ret) &&
	       add_slice(image, allp, ret);
}

void grf_scheduler_free(struct grf_scheduler *scheduler)
{
	grf_array_free(&scheduler->addresses);
}
