/* SPDX-License-Identifier: BSD-2-Clause */
/* Nothing happens at the steps of a call. The tests' own binary has tests/hooks/step.c in the place
 * of this file, which ends us there: it must define all that this one does. */
#include "hold/calls/injected_call.h"

void grf_injector_step(const struct grf_injector *injector, unsigned int number)
{
	(void)injector;
	(void)number;
}
