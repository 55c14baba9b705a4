/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The values that code is followed by, the same on every architecture: how two join where branches
 * meet, what a pointer into an object becomes, and the ways to types that a function is given.
 */
#include "arch/flow.h"

/* A way: a mark, the register, and for each step the number of the word from 1 on, the last step in
 * the lowest bits. */
#define WAY_MARK     (UINT64_C(1) << 55)
#define WAY_REGISTER 51
#define STEP_BITS    16
#define STEP_MASK    ((UINT64_C(1) << STEP_BITS) - 1)
#define STEPS_MASK   ((UINT64_C(1) << (GRF_FLOW_STEPS * STEP_BITS)) - 1)

grf_flow_value grf_flow_inside(grf_flow_value value)
{
	enum grf_flow_kind kind = grf_flow_kind(value);

	if (kind == GRF_FLOW_OBJECT || kind == GRF_FLOW_IN_OBJECT)
		return grf_flow_make(GRF_FLOW_IN_OBJECT, grf_flow_address(value));
	if (kind == GRF_FLOW_ARRAY || kind == GRF_FLOW_IN_ARRAY)
		return grf_flow_make(GRF_FLOW_IN_ARRAY, grf_flow_address(value));
	return grf_flow_make(GRF_FLOW_UNKNOWN, 0);
}

/* Whether they are one address of data, left behind or not. */
static bool is_same_data(grf_flow_value left, grf_flow_value right)
{
	enum grf_flow_kind a = grf_flow_kind(left), b = grf_flow_kind(right);

	return grf_flow_address(left) == grf_flow_address(right) &&
	       (a == GRF_FLOW_DATA || a == GRF_FLOW_LEFT_DATA) &&
	       (b == GRF_FLOW_DATA || b == GRF_FLOW_LEFT_DATA);
}

grf_flow_value grf_flow_join(grf_flow_value left, grf_flow_value right)
{
	if (left == right || grf_flow_kind(right) == GRF_FLOW_UNSET)
		return left;
	if (grf_flow_kind(left) == GRF_FLOW_FRAME || grf_flow_kind(right) == GRF_FLOW_FRAME)
		return grf_flow_make(GRF_FLOW_FRAME, 0);
	if (grf_flow_kind(left) == GRF_FLOW_UNSET)
		return right;
	if (is_same_data(left, right))
		return grf_flow_make(GRF_FLOW_DATA, grf_flow_address(left));
	if (grf_flow_kind(left) == GRF_FLOW_NIL && grf_flow_is_object(right))
		return right;
	if (grf_flow_kind(right) == GRF_FLOW_NIL && grf_flow_is_object(left))
		return left;
	return grf_flow_inside(left) == grf_flow_inside(right) ? grf_flow_inside(left)
							       : grf_flow_make(GRF_FLOW_UNKNOWN, 0);
}

/* --- ways ------------------------------------------------------------------------------------- */

grf_flow_value grf_flow_given(unsigned int reg)
{
	return grf_flow_make(GRF_FLOW_DESCRIPTOR, WAY_MARK | (uint64_t)(reg & 15) << WAY_REGISTER);
}

static unsigned int count_steps(grf_flow_value value)
{
	unsigned int count = 0;

	for (uint64_t steps = value & STEPS_MASK; steps; steps >>= STEP_BITS)
		count++;
	return count;
}

bool grf_flow_way_step(grf_flow_value value, unsigned int number, uint64_t *ret_distance)
{
	unsigned int count = count_steps(value);

	if (!grf_flow_is_given(value) || number >= count)
		return false;
	*ret_distance =
	    ((value >> ((count - 1 - number) * STEP_BITS) & STEP_MASK) - 1) * GRF_FLOW_WORD;
	return true;
}

/* A way that goes on by the steps of another one. */
static grf_flow_value add_steps(grf_flow_value way, uint64_t steps, unsigned int count)
{
	uint64_t all = (way & STEPS_MASK) << (count * STEP_BITS) | steps;

	if (count_steps(way) + count > GRF_FLOW_STEPS)
		return grf_flow_make(GRF_FLOW_UNKNOWN, 0);
	return (way & ~STEPS_MASK) | all;
}

grf_flow_value grf_flow_way_on(grf_flow_value descriptor, int64_t distance)
{
	if (grf_flow_kind(descriptor) != GRF_FLOW_DESCRIPTOR || !grf_flow_is_given(descriptor) ||
	    distance < 0 || distance % GRF_FLOW_WORD ||
	    distance / GRF_FLOW_WORD >= (int64_t)STEP_MASK)
		return grf_flow_make(GRF_FLOW_UNKNOWN, 0);
	return add_steps(descriptor, (uint64_t)distance / GRF_FLOW_WORD + 1, 1);
}

grf_flow_value grf_flow_way_join(grf_flow_value value, grf_flow_value from)
{
	grf_flow_value way;

	if (grf_flow_kind(from) != GRF_FLOW_DESCRIPTOR || !grf_flow_is_given(from))
		return grf_flow_make(GRF_FLOW_UNKNOWN, 0);
	way = add_steps(from, value & STEPS_MASK, count_steps(value));
	return grf_flow_kind(way) == GRF_FLOW_UNKNOWN
		   ? way
		   : grf_flow_make(grf_flow_kind(value), grf_flow_address(way));
}
