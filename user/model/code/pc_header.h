/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The head of the function table (runtime.pcHeader) in the file of a program: found by its magic
 * number, as sections have other names with each linker, or none. The names of functions stand
 * behind it, in plain text whatever else was stripped.
 */
#ifndef GRF_MODEL_CODE_PC_HEADER_H
#define GRF_MODEL_CODE_PC_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "image/executable.h"
#include "model/release.h"

/* The link-time address of the first pcHeader that is not at or before `after`, in the order of the
 * program's segments; 0: there are no more. `after` 0: from the beginning. */
uint64_t grf_pc_header_find(const struct grf_executable *executable, uint64_t after);

/* The format of the table whose pcHeader is at a link-time address; NULL: there is no pcHeader. */
const struct grf_pclntab_format *grf_pc_header_format(const struct grf_executable *executable,
						      uint64_t address);

/* Takes the names of functions one after the other, as (context, name). False from `take`: that
 * was enough. */
typedef bool grf_take_name(void *context, const char *name);
void grf_pc_header_names(const struct grf_executable *executable, uint64_t address,
			 grf_take_name *take, void *context);

#endif
