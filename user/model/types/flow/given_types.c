/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the dictionary that a caller passes: in memory that nobody writes to, and nowhere else. */
#include "model/types/flow/given_types.h"

static uint64_t load_constant(const struct grf_image *image, uint64_t address)
{
	const struct grf_segment *segment = grf_image_find(image, address);

	if (!segment || segment->flags & GRF_SEGMENT_WRITE)
		return 0;
	return grf_image_word(image, address);
}

grf_flow_value grf_given_type(const struct grf_types *types, grf_flow_value value,
			      const grf_flow_value *registers)
{
	grf_flow_value from = registers[grf_flow_way_register(value)];
	uint64_t address = grf_flow_address(from), distance;

	if (grf_flow_is_given(from))
		return grf_flow_way_join(value, from);
	if (grf_flow_kind(from) != GRF_FLOW_DESCRIPTOR && grf_flow_kind(from) != GRF_FLOW_CONSTANT)
		return 0;
	for (unsigned int i = 0; address && grf_flow_way_step(value, i, &distance); i++)
		address = load_constant(types->image, address + distance);
	return address && grf_modules_by_type(types->modules, address)
		   ? grf_flow_make(grf_flow_kind(value), address)
		   : 0;
}
