/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Go model of an image: everything the graph needs, read once. The face of this stage, which
 * includes those of its rooms: the layout of the runtime, modules and functions, the heap and its
 * specials, goroutines with the live words of their stacks, types as plans, what code shows of
 * types, and variables. Marks of the collector are read for whoever asks (marks.h).
 */
#ifndef GRF_MODEL_MODEL_H
#define GRF_MODEL_MODEL_H

#include "base/error.h"
#include "image/executable/executable.h"
#include "image/image.h"
#include "model/code/modules.h"
#include "model/code/pclntab.h"
#include "model/heap/heap.h"
#include "model/heap/specials.h"
#include "model/release/layout.h"
#include "model/stacks/goroutines.h"
#include "model/stacks/scheduler.h"
#include "model/types/flow/code_types.h"
#include "model/types/types.h"
#include "model/variables/variables.h"

struct grf_model {
	const struct grf_image *image;
	struct grf_executable *executable;
	struct grf_layout layout;
	struct grf_modules *modules;
	struct grf_pclntab *pclntab;
	struct grf_types *types;
	struct grf_heap *heap;
	struct grf_goroutines *goroutines;
	struct grf_scheduler scheduler;
	struct grf_special_roots *specials;
};

/**
 * Reads the model and gives it to the caller, who destroys it. Image and executable are borrowed
 * and must outlive it. `naming` says how paths are written; NULL: the default. Errors: NOT_GO and
 * UNSUPPORTED (a runtime that cannot be read), BAD_INPUT (what the runtime holds contradicts itself
 * or is not in the image), TORN (records of goroutines contradict the copy), NO_MEMORY,
 * INTERRUPTED.
 */
struct grf_error *grf_model_create(const struct grf_image *image, struct grf_executable *executable,
				   const struct grf_naming *naming, struct grf_model **ret);
void grf_model_destroy(struct grf_model *model);

static inline void grf_model_cleanup_fn(struct grf_model **model)
{
	grf_model_destroy(*model);
}
#define _cleanup_model_ __attribute__((cleanup(grf_model_cleanup_fn)))

#endif
