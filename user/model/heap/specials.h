/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Roots that are neither variables nor stacks: finalizers, cleanups, weak handles (span specials),
 * and the queues of those that wait to run.
 */
#ifndef GRF_MODEL_HEAP_SPECIALS_H
#define GRF_MODEL_HEAP_SPECIALS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/heap/heap.h"
#include "model/release/layout.h"

enum grf_root_value_kind {
	GRF_ROOT_OBJECT,    /* `value` points to an object that is kept */
	GRF_ROOT_REFERENTS, /* what the object at `value` points to is kept, the object is not */
	GRF_ROOT_FUNCTION,  /* `value` is a *funcval */
};

struct grf_special_root {
	const char *name; /* "runtime.SetFinalizer.obj", ".fn", ".type", "runtime.AddCleanup.fn",
			   * ".arg", "runtime.weakHandle"; a literal */
	enum grf_root_value_kind kind;
	uint64_t value;
	uint64_t type; /* address of the pointer's _type (finalizer's ot), 0 when not stored */
};

struct grf_special_roots {
	struct grf_special_root *items; /* in span order, then the queues */
	size_t count;
};

/* Addresses of runtime variables in the image; 0 when the version has none. */
struct grf_special_variables {
	uint64_t allfin;
	uint64_t gc_cleanups;
};

/* Reads all of them. A broken list ends where it breaks, and is counted in a warning. Errors:
 * NO_MEMORY. */
struct grf_error *grf_special_roots_read(const struct grf_image *image,
					 const struct grf_layout *layout,
					 const struct grf_heap *heap,
					 const struct grf_special_variables *variables,
					 struct grf_special_roots **ret);
void grf_special_roots_destroy(struct grf_special_roots *roots);

#endif
