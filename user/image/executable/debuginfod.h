/* SPDX-License-Identifier: BSD-2-Clause */
/* Files by build id: how one is named by it, and fetching them from debuginfod servers, where
 * DEBUGINFOD_URLS names some and libdebuginfod is installed. */
#ifndef GRF_IMAGE_EXECUTABLE_DEBUGINFOD_H
#define GRF_IMAGE_EXECUTABLE_DEBUGINFOD_H

#include <stddef.h>
#include <stdint.h>

/* A larger build id is not looked for; bytes. */
#define GRF_MAX_BUILD_ID 64u

enum grf_debuginfod_kind { GRF_DEBUGINFOD_DEBUGINFO, GRF_DEBUGINFOD_EXECUTABLE };

/**
 * Fetches a file.
 *
 * @param[out] ret_path where it was put, the caller's; NULL: not known
 * @return a descriptor, the caller's; -1: no server has it, which -v says
 */
int grf_debuginfod_fetch(enum grf_debuginfod_kind kind, const uint8_t *id, size_t size,
			 char **ret_path);

/* Writes a build id of up to GRF_MAX_BUILD_ID bytes in hexadecimal digits, and NUL. */
void grf_build_id_print(const uint8_t *id, size_t size, char *ret);

#endif
