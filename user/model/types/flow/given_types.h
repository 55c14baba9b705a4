/* SPDX-License-Identifier: BSD-2-Clause */
/* Types that a function is given by its caller, in a dictionary (arch/flow.h, "ways"). */
#ifndef GRF_MODEL_TYPES_FLOW_GIVEN_TYPES_H
#define GRF_MODEL_TYPES_FLOW_GIVEN_TYPES_H

#include "arch/flow.h"
#include "model/types/types_parts.h"

/**
 * What `value`, which a callee makes of a type that it is given, is for one that calls it with
 * `registers`: of a known type; with a way of its own, where the caller was given the dictionary in
 * its turn; or unknown.
 */
grf_flow_value grf_given_type(const struct grf_types *types, grf_flow_value value,
			      const grf_flow_value *registers);

#endif
