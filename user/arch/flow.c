/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How two flow values join where branches meet, and what a pointer into an object becomes: the
 * same on every architecture.
 */
#include "arch/flow.h"

grf_flow_value grf_flow_inside(grf_flow_value value)
{
	enum grf_flow_kind kind = grf_flow_kind(value);

	if (kind == GRF_FLOW_OBJECT || kind == GRF_FLOW_IN_OBJECT)
		return grf_flow_make(GRF_FLOW_IN_OBJECT, grf_flow_address(value));
	if (kind == GRF_FLOW_ARRAY || kind == GRF_FLOW_IN_ARRAY)
		return grf_flow_make(GRF_FLOW_IN_ARRAY, grf_flow_address(value));
	return grf_flow_make(GRF_FLOW_UNKNOWN, 0);
}

grf_flow_value grf_flow_join(grf_flow_value left, grf_flow_value right)
{
	if (left == right || grf_flow_kind(right) == GRF_FLOW_UNSET)
		return left;
	if (grf_flow_kind(left) == GRF_FLOW_FRAME || grf_flow_kind(right) == GRF_FLOW_FRAME)
		return grf_flow_make(GRF_FLOW_FRAME, 0);
	if (grf_flow_kind(left) == GRF_FLOW_UNSET)
		return right;
	if (grf_flow_kind(left) == GRF_FLOW_NIL && grf_flow_is_object(right))
		return right;
	if (grf_flow_kind(right) == GRF_FLOW_NIL && grf_flow_is_object(left))
		return left;
	return grf_flow_inside(left) == grf_flow_inside(right) ? grf_flow_inside(left)
							       : grf_flow_make(GRF_FLOW_UNKNOWN, 0);
}
