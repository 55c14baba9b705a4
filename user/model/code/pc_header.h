/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the head of the function table (runtime.pcHeader) in a program's file. It is found by its
 * magic number, as sections have other names with each linker, or none. The names of functions
 * follow it in plain text, in stripped programs too.
 */
#ifndef GRF_MODEL_CODE_PC_HEADER_H
#define GRF_MODEL_CODE_PC_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "image/executable/executable.h"
#include "model/release/release.h"

/* The link-time address of the first pcHeader behind `after`, in the order of the program's
 * segments. 0: no more. `after` 0: from the beginning. */
uint64_t grf_pc_header_find(const struct grf_executable *executable, uint64_t after);

/* The format of the table whose pcHeader is at a link-time address. NULL: no pcHeader is there. */
const struct grf_pclntab_format *grf_pc_header_format(const struct grf_executable *executable,
						      uint64_t address);

/* Gets the names of functions one after the other. False: it needs no more. */
typedef bool grf_take_name(void *context, const char *name);
void grf_pc_header_names(const struct grf_executable *executable, uint64_t address,
			 grf_take_name *take, void *context);

#endif
