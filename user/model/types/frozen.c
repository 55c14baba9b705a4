/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lets several threads ask for types at a time. Types are read and made when somebody first asks
 * for them, which only one thread may do; while they are frozen, that counts as missing.
 */
#include "model/types/types_parts.h"

/* Whether something was missing while types were frozen. */
static _Thread_local bool lacked;

void grf_types_freeze(struct grf_types *types, bool frozen)
{
	types->frozen = frozen;
}

bool grf_types_lacked(void)
{
	bool was = lacked;

	lacked = false;
	return was;
}

bool grf_types_may_make(const struct grf_types *types)
{
	lacked |= types->frozen;
	return !types->frozen;
}
