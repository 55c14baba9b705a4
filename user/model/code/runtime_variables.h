/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the runtime keeps its variables in a program that does not tell: one without DWARF and
 * symbols. Private to the model; see runtime_variables.c.
 */
#ifndef GRF_MODEL_CODE_RUNTIME_VARIABLES_H
#define GRF_MODEL_CODE_RUNTIME_VARIABLES_H

#include <stdint.h>

#include "image/image.h"
#include "model/code/modules.h"
#include "model/code/pclntab.h"
#include "model/release/layout.h"

/* Of runtime.allp. No machine has more. */
#define GRF_MAX_PROCESSORS 65536u

/* The address in the image of runtime.mheap_, runtime.allgs, runtime.allm, runtime.allp,
 * runtime.allfin or runtime.gcCleanups; 0: another name, or not to be found. */
uint64_t grf_runtime_variable(const struct grf_image *image, const struct grf_layout *layout,
			      const struct grf_modules *modules, struct grf_pclntab *table,
			      const char *name);

/* The address of runtime.allgs from the code of runtime.allgadd alone, for when its memory is not
 * there to be looked at; 0: not to be found. */
uint64_t grf_runtime_allgs_by_code(const struct grf_image *image, const struct grf_layout *layout,
				   const struct grf_modules *modules, struct grf_pclntab *table);

/* The same for runtime.mheap_, from the code of runtime.gcSweep. */
uint64_t grf_runtime_mheap_by_code(const struct grf_image *image, const struct grf_layout *layout,
				   const struct grf_modules *modules, struct grf_pclntab *table);

#endif
