/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/scheduler.h"

#define MAX_ITEMS    ((uint64_t)1 << 24)
#define MAX_MACHINES ((uint64_t)1 << 20)

static uint64_t word(const struct grf_image *image, uint64_t address, int64_t offset)
{
	uint64_t value = 0;

	if (address && offset >= 0)
		grf_image_u64(image, address + (uint64_t)offset, &value);
	return value;
}

static bool add(struct grf_scheduler *scheduler, uint64_t address)
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
	uint64_t data = word(image, slice, 0), count = word(image, slice, 8), item;

	for (uint64_t i = 0; data && i < count && i < MAX_ITEMS; i++)
		if (grf_image_u64(image, data + i * 8, &item) && !add(scheduler, item))
			return false;
	return true;
}

static bool add_machines(const struct grf_image *image, const struct grf_layout *layout,
			 uint64_t allm, struct grf_scheduler *scheduler)
{
	uint64_t m = word(image, allm, 0);

	for (uint64_t left = MAX_MACHINES; m && left; left--) {
		if (!add(scheduler, m) ||
		    !add(scheduler, word(image, m, grf_offset(layout, m, g0))) ||
		    !add(scheduler, word(image, m, grf_offset(layout, m, gsignal))))
			return false;
		m = word(image, m, grf_offset(layout, m, alllink));
	}
	return true;
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
