/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debug information that stands in a file of its own (objcopy --only-keep-debug, -dbgsym packages).
 * Looked for where gdb looks, in this order: the file that the user names; by build id, in the
 * user's folder and in /usr/lib/debug; by the name and checksum in .gnu_debuglink, beside the
 * executable, in .debug beside it, in those folders; from a debuginfod server, when DEBUGINFOD_URLS
 * names one and libdebuginfod is installed.
 */
#ifndef GRF_IMAGE_EXECUTABLE_DEBUG_FILE_H
#define GRF_IMAGE_EXECUTABLE_DEBUG_FILE_H

#include "base/error.h"
#include "image/executable/executable.h"

struct grf_debug_options {
	const char *file;      /* NULL: look for one */
	const char *directory; /* searched before /usr/lib/debug; or NULL */
};

/*
 * Gives `executable` the debug information of a file, if it has none itself, or the user names one;
 * to its libraries too, but that the name is the executable's.
 * `path` is where the executable stands, for its neighbours. None to be found is no error; a named
 * file that is not of this build is GRF_ERROR_MISMATCH.
 */
struct grf_error *grf_debug_file_find(struct grf_executable *executable, const char *path,
				      const struct grf_debug_options *options);

#endif
