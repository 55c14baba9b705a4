/* SPDX-License-Identifier: BSD-2-Clause */
/* From the names of an executable and a core, or of the latter alone, to an image. */

#include <stdlib.h>

#include "image/snapshot.h"
#include "program/core_executable.h"
#include "program/go_library.h"
#include "program/source.h"

/* A core, and what it says of its program. */
struct inside {
	struct grf_core_file *core;
	struct grf_core_program program;
};

static struct grf_executable *open_inside(void *context, const char *path)
{
	const struct inside *inside = context;

	return grf_core_library_find(inside->core, &inside->program, path);
}

/* The Go libraries that a process had loaded. The core is opened with the program: they must belong
 * together. */
static struct grf_error *find_libraries(struct grf_core_file *core, struct grf_executable *program,
					struct grf_go_libraries *ret)
{
	struct inside inside = {.core = core};
	const struct grf_mapping *mappings;
	_cleanup_image_ struct grf_image *image = NULL;
	struct grf_error *error;
	size_t count;

	*ret = (struct grf_go_libraries){0};
	error = grf_image_of_core_file(core, program, &image);
	if (!error)
		error = grf_core_program_read(core, &inside.program);
	if (error)
		return error;
	mappings = grf_image_mappings(image, &count);
	error = grf_go_libraries_find(mappings, count, open_inside, &inside, ret);
	grf_core_program_free(&inside.program);
	return error;
}

/* Puts the Go library that a C program had loaded in the place of the program. Takes over what was
 * said of the program, to say that if it is not the one that the core is of. */
static struct grf_error *take_library(struct grf_core_file *core,
				      struct grf_executable **executable, struct grf_error *not_go)
{
	struct grf_go_libraries libraries;
	struct grf_go_library library = {0};
	struct grf_error *error = find_libraries(core, *executable, &libraries);

	if (error && error->code == GRF_ERROR_MISMATCH) {
		grf_error_free(error);
		return not_go;
	}
	if (!error)
		error = grf_go_library_choose(&libraries, NULL, grf_executable_path(*executable),
					      &library);
	error = grf_go_library_error(*executable, not_go, error);
	if (!error) {
		grf_executable_destroy(*executable);
		*executable = library.executable;
	}
	free(library.opened);
	free(library.path);
	grf_go_libraries_destroy(&libraries);
	return error;
}

/* Gives a Go program the plugins that it had loaded. */
static struct grf_error *take_plugins(struct grf_core_file *core, struct grf_executable *executable)
{
	struct grf_go_libraries libraries;
	struct grf_error *error;

	if (grf_executable_is_library(executable))
		return NULL;
	error = find_libraries(core, executable, &libraries);
	if (!error)
		error = grf_go_libraries_add(&libraries, executable);
	grf_go_libraries_destroy(&libraries);
	return error;
}

/* From a core and the executable in `source` to an image in it. */
static struct grf_error *finish_source(struct grf_core_file *core,
				       const struct grf_debug_options *debug,
				       struct grf_source *source)
{
	struct grf_error *error = grf_check_executable(source->executable);

	if (error && error->code == GRF_ERROR_NOT_GO)
		error = take_library(core, &source->executable, error);
	else if (!error)
		error = take_plugins(core, source->executable);
	if (!error)
		error = grf_debug_file_find(source->executable,
					    grf_executable_path(source->executable), debug);
	return error ? error : grf_image_of_core_file(core, source->executable, &source->image);
}

struct grf_error *grf_source_of_core(const char *executable, const char *name,
				     const struct grf_debug_options *debug, struct grf_source *ret)
{
	_cleanup_core_file_ struct grf_core_file *core = NULL;
	struct grf_source source = {0};
	struct grf_error *error = NULL;

	if (executable)
		error = grf_executable_open(executable, &source.executable);
	if (!error)
		error = grf_core_file_open(name, &core);
	if (!error && !executable)
		error = grf_core_executable_find(core, debug, &source.executable);
	if (!error)
		error = finish_source(core, debug, &source);
	if (error)
		grf_source_close(&source);
	else
		*ret = source;
	return error;
}
