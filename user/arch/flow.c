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
/* Whether they are one address of data, left behind or not. */
static bool is_same_data(grf_flow_value left, grf_flow_value right)
{
	enum grf_flow_kind a = grf_flow_kind(left), b = grf_flow_kind(right);

	return grf_flow_address(left) == grf_flow_address(right) &&
	       (a == GRF_FLOW_DATA || a == GRF_FLOW_LEFT_DATA) &&
	       (b == GRF_FLOW_DATA || b == GRF_FLOW_LEFT_DATA);
}

		return left;
	return grf_flow_inside(left) == grf_flow_inside(right) ? grf_flow_inside(left)
							       : grf_flow_make(GRF_FLOW_UNKNOWN, 0);
}
	if (is_same_data(left, right))
		return grf_flow_make(GRF_FLOW_DATA, grf_flow_address(left));
