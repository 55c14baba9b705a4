/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells the runtime's own goroutines by the function that they began in. */
#include "model/stacks/system_goroutine.h"

#include <string.h>

bool grf_goroutine_is_system(struct grf_pclntab *table, uint64_t start_pc,
			     const struct grf_frame *frames, size_t count)
{
	static const char *const user[] = {"runtime.main", "runtime.corostart",
					   "runtime.handleAsyncEvent"};
	static const char *const either[] = {"runtime.runfinq", "runtime.runFinalizers",
					     "runtime.runCleanups"};
	struct grf_function function;

	if (!start_pc || !grf_pclntab_find(table, start_pc, &function) ||
	    strncmp(function.name, "runtime.", 8) != 0)
		return false;
	for (size_t i = 0; i < sizeof(user) / sizeof(*user); i++)
		if (!strcmp(function.name, user[i]))
			return false;
	for (size_t i = 0; i < sizeof(either) / sizeof(*either); i++)
		for (size_t k = 0; !strcmp(function.name, either[i]) && k < count; k++)
			if (strncmp(frames[k].function->name, "runtime.", 8) != 0)
				return false;
	return true;
}
