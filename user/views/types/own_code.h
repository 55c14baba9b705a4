/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose code a name is of: the standard library's, or that of who asks.
 *
 * The rule: a package is the standard library's if the first element of its path has no dot, unless
 * it is main, or is in a module that the build info names. All other packages are own code, but
 * those that are hidden by name and those below them.
 */
#ifndef GRF_VIEWS_TYPES_OWN_CODE_H
#define GRF_VIEWS_TYPES_OWN_CODE_H

#include <stdbool.h>
#include <stddef.h>

#include "model/model.h"

struct grf_own_code;

/** Reads the names of the modules. The caller frees it. NULL: out of memory. */
struct grf_own_code *grf_own_code_create(const struct grf_model *model);
void grf_own_code_destroy(struct grf_own_code *own);

/** Leaves out a package, and those below it. Borrows the path. False: out of memory. */
bool grf_own_code_hide(struct grf_own_code *own, const char *package);

/** Whether a type, function or variable is of own code, by its name with the path of its package.
 * Arrays and pointers are what they are of; a type without a name is nobody's. */
bool grf_own_code_has(const struct grf_own_code *own, const char *name);

#endif
