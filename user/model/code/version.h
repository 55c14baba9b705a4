/* SPDX-License-Identifier: BSD-2-Clause */
/* Which release of Go built a program, and with which experiments. */
#ifndef GRF_MODEL_CODE_VERSION_H
#define GRF_MODEL_CODE_VERSION_H

#include <stdbool.h>

#include "base/error.h"
#include "image/executable/executable.h"
#include "image/image.h"
#include "model/release/layout.h"

/* What a version string says. False: it tells no release; minor is -1 then. */
bool grf_version_parse(const char *text, struct grf_version *ret);

/* Reads the version (build info, else runtime.buildVersion). `image` NULL: from the file alone.
 * Errors: NOT_GO when neither is found. */
struct grf_error *grf_version_find(struct grf_executable *executable, const struct grf_image *image,
				   struct grf_version *ret);

/**
 * The modules that a program was built of, as lines of words parted by tabs: "mod" (the main one)
 * and "dep", then the module's path (runtime/debug.BuildInfo). `image` as above. Freed by the
 * caller. NULL: not known, or out of memory.
 */
char *grf_version_modules(struct grf_executable *executable, const struct grf_image *image);

#endif
