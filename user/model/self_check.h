/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether what was read of a program can be: spans, pointer masks and goroutines must go together.
 * Read by the layout of another release, they do not.
 */
#ifndef GRF_MODEL_SELF_CHECK_H
#define GRF_MODEL_SELF_CHECK_H

#include "arch/arch.h"
#include "base/error.h"
#include "model/code/modules.h"
#include "model/heap/heap.h"
#include "model/release/layout.h"
#include "model/stacks/goroutines.h"

/* Looks at a sample of the heap. GRF_ERROR_UNSUPPORTED: it was misread. */
struct grf_error *grf_heap_self_check(const struct grf_layout *layout,
				      const struct grf_modules *modules,
				      const struct grf_heap *heap, const struct grf_arch *arch);

/* The same of goroutines. */
struct grf_error *grf_goroutines_self_check(const struct grf_layout *layout,
					    const struct grf_modules *modules,
					    const struct grf_goroutines *goroutines,
					    size_t thread_count);

#endif
