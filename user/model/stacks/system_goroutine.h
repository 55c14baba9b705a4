/* SPDX-License-Identifier: BSD-2-Clause */
/* Which goroutines are the runtime's own. */
#ifndef GRF_MODEL_STACKS_SYSTEM_GOROUTINE_H
#define GRF_MODEL_STACKS_SYSTEM_GOROUTINE_H

#include "model/stacks/goroutines.h"

/**
 * Whether a goroutine is the runtime's own, as isSystemGoroutine in runtime/traceback.go has it:
 * by the function that it began in. Those that run finalizers and cleanups count as the user's
 * while user code is on their stack.
 */
bool grf_goroutine_is_system(struct grf_pclntab *table, uint64_t start_pc,
			     const struct grf_frame *frames, size_t count);

#endif
