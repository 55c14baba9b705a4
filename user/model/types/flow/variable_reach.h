/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How far a package variable may go on behind an address in it, in a program that does not tell
 * where its variables begin and end.
 */
#ifndef GRF_MODEL_TYPES_FLOW_VARIABLE_REACH_H
#define GRF_MODEL_TYPES_FLOW_VARIABLE_REACH_H

#include <stdint.h>

struct grf_types;

struct grf_variable_reach {
	uint64_t slices_end; /* behind a variable of the size of a slice; 0: not known */
	uint64_t m0_end;     /* behind runtime.m0, or more; 0: not known */
};

void grf_variable_reach_find(struct grf_types *types, struct grf_variable_reach *ret);

/** The address at which the variable around `address` has ended in any case: no later than the
 * segment. `address` itself where it is in no segment with variables. */
uint64_t grf_variable_end(const struct grf_types *types, const struct grf_variable_reach *reach,
			  uint64_t address);

#endif
