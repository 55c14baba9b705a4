/* SPDX-License-Identifier: BSD-2-Clause */
/* The types of a target, with all their parts: DWARF, descriptors, variables, closures, code. */
#ifndef GRF_MODEL_TYPES_CREATE_H
#define GRF_MODEL_TYPES_CREATE_H

#include "image/executable/executable.h"
#include "model/types/types.h"

/* `naming` says how paths are written; NULL: the default. */
struct grf_error *grf_types_create(const struct grf_image *image, struct grf_executable *executable,
				   const struct grf_layout *layout,
				   const struct grf_modules *modules, struct grf_pclntab *table,
				   const struct grf_naming *naming, struct grf_types **ret);
void grf_types_destroy(struct grf_types *types);

#endif
