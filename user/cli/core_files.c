/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/core_files.h"

#include "base/log.h"
#include "cli/go_library.h"

/* Puts the Go library that a C program had loaded in the place of the program. The core is opened
 * with the program first: they must belong together, and the core says what was loaded. Takes over
 * what was said of the program, to say that if they do not. */
static struct grf_error *take_library(const char *core, struct grf_executable **executable,
				      struct grf_error *not_go)
{
	struct grf_go_library library;
	const struct grf_mapping *mappings;
	struct grf_image *image;
	struct grf_error *error;
	size_t count;

	error = grf_image_open_core(core, *executable, &image);
	/* Neither a Go program nor the one that the core is of: the first says more. */
	if (error && error->code == GRF_ERROR_MISMATCH) {
		grf_error_free(error);
		return not_go;
	}
	grf_error_free(not_go);
	if (error)
		return error;
	mappings = grf_image_mappings(image, &count);
	error = grf_go_library_find(mappings, count, 0, NULL, grf_executable_path(*executable),
				    &library);
	grf_image_destroy(image);
	if (error)
		return error;
	grf_executable_destroy(*executable);
	*executable = library.executable;
	grf_go_library_release(&library);
	return NULL;
}

struct grf_error *grf_core_image(const char *name, const char *core,
				 const struct grf_debug_options *debug,
				 struct grf_executable **ret_executable, struct grf_image **ret)
{
	struct grf_executable *executable;
	struct grf_error *error = grf_executable_open(name, &executable);

	if (error)
		return error;
	error = grf_check_executable(executable);
	if (error && error->code == GRF_ERROR_NOT_GO)
		error = take_library(core, &executable, error);
	if (!error)
		error = grf_debug_file_find(executable, grf_executable_path(executable), debug);
	if (!error)
		error = grf_image_open_core(core, executable, ret);
	if (error)
		grf_executable_destroy(executable);
	else
		*ret_executable = executable;
	return error;
}
