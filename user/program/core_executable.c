/* SPDX-License-Identifier: BSD-2-Clause */
/* Tries the places for an executable in order. The core chose the names: a file is opened as one
 * that somebody else named, and taken if its build ids are those of the core. */
#include "program/core_executable.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/files/regular_file.h"
#include "base/log.h"
#include "image/executable/debuginfod.h"
#include "image/snapshot.h"

#define DEBUG_ROOT "/usr/lib/debug"
#define PATH_BYTES 8192

struct search {
	struct grf_core_file *core;
	const struct grf_core_program *program;
	struct grf_executable *found;
};

/* Takes the file of a descriptor, which it takes over, if it is the one. `sure`: also where it does
 * not say. */
static bool take_file(struct search *search, int fd, const char *path, bool sure)
{
	struct grf_error *error = grf_executable_read(fd, path, &search->found);
	bool known;

	if (error) {
		grf_verbose("executable: %s", error->message);
		grf_error_free(error);
		return false;
	}
	if (grf_core_program_is(search->program, search->found, &known) && (known || sure)) {
		grf_verbose("the executable is %s", path);
		return true;
	}
	grf_verbose("%s is not what the process ran", path);
	grf_executable_destroy(search->found);
	search->found = NULL;
	return false;
}

static bool try_path(struct search *search, const char *path, bool sure)
{
	const struct grf_file_place place = {.folder = AT_FDCWD, .links = GRF_LINKS_PLAIN};
	struct grf_error *error;
	int fd;

	error = grf_regular_file_open(&place, path, path, &fd);
	if (!error)
		return take_file(search, fd, path, sure);
	grf_verbose("executable: %s", error->message);
	grf_error_free(error);
	return false;
}

static bool by_build_id(struct search *search, const char *folder)
{
	char hex[2 * GRF_MAX_BUILD_ID + 1], path[PATH_BYTES];

	if (search->program->gnu_build_id_size < 2)
		return false;
	grf_build_id_print(search->program->gnu_build_id, search->program->gnu_build_id_size, hex);
	return snprintf(path, sizeof(path), "%s/.build-id/%.2s/%s", folder, hex, hex + 2) <
		   (int)sizeof(path) &&
	       try_path(search, path, false);
}

/* In the user's folder, as a tree like that of the process, or alone. */
static bool by_name(struct search *search, const char *folder)
{
	const char *name = search->program->path;
	char path[PATH_BYTES];

	if (!name || *name != '/')
		return false;
	return (snprintf(path, sizeof(path), "%s%s", folder, name) < (int)sizeof(path) &&
		try_path(search, path, false)) ||
	       (snprintf(path, sizeof(path), "%s%s", folder, strrchr(name, '/')) <
		    (int)sizeof(path) &&
		try_path(search, path, false));
}

static bool by_server(struct search *search)
{
	_cleanup_free_ char *path = NULL;
	int fd = grf_debuginfod_fetch(GRF_DEBUGINFOD_EXECUTABLE, search->program->gnu_build_id,
				      search->program->gnu_build_id_size, &path);

	return fd >= 0 && take_file(search, fd, path ? path : "what debuginfod found", true);
}

/* Opens a file that is in a snapshot. NULL: it is broken, which -v says. */
static struct grf_executable *open_part(struct grf_core_file *core,
					const struct grf_snapshot_file *file)
{
	const struct grf_executable_part part = {core->fd, file->offset, file->size,
						 file->kind == GRF_SNAPSHOT_DEBUG};
	_cleanup_free_ char *path = NULL;
	struct grf_executable *opened = NULL;
	struct grf_error *error;

	if (asprintf(&path, "%s(%s)", core->path, file->path ? file->path : "") < 0) {
		path = NULL;
		return NULL;
	}
	if (file->offset % GRF_PAGE || file->offset > core->size ||
	    file->size > core->size - file->offset)
		error = grf_error_create(GRF_ERROR_BAD_INPUT, "%s: not in the file", path);
	else
		error = grf_executable_read_part(&part, path, &opened);
	if (!error)
		return opened;
	grf_verbose("executable: %s", error->message);
	grf_error_free(error);
	return NULL;
}

static const struct grf_snapshot_file *find_file(const struct grf_core_program *program,
						 enum grf_snapshot_file_kind kind, const char *path)
{
	for (size_t i = 0; i < program->files.count; i++) {
		const struct grf_snapshot_file *file = &program->files.items[i];

		if (file->kind == kind && (!path || (file->path && !strcmp(file->path, path))))
			return file;
	}
	return NULL;
}

/* In the snapshot itself, with its debug information. */
static bool in_snapshot(struct search *search)
{
	const struct grf_snapshot_file *file =
	    find_file(search->program, GRF_SNAPSHOT_EXECUTABLE, NULL);
	struct grf_executable *debug;
	bool known;

	search->found = file ? open_part(search->core, file) : NULL;
	if (!search->found)
		return false;
	if (!grf_core_program_is(search->program, search->found, &known)) {
		grf_verbose("the executable in %s is not what the process ran", search->core->path);
		grf_executable_destroy(search->found);
		search->found = NULL;
		return false;
	}
	file = find_file(search->program, GRF_SNAPSHOT_DEBUG, NULL);
	debug = file ? open_part(search->core, file) : NULL;
	if (debug && grf_executable_same_build(search->found, debug, &known))
		grf_executable_set_debug(search->found, debug);
	else
		grf_executable_destroy(debug);
	return true;
}

static struct grf_error *not_found(const struct grf_core_file *core,
				   const struct grf_core_program *program)
{
	char hex[2 * GRF_MAX_BUILD_ID + 1];

	if (!program->path && !program->gnu_build_id_size)
		return grf_error_create(GRF_ERROR_BAD_INPUT,
					"%s does not say what its process ran: name that "
					"executable (--exe EXE)",
					core->path);
	grf_build_id_print(program->gnu_build_id, program->gnu_build_id_size, hex);
	return grf_error_create(
	    GRF_ERROR_BAD_INPUT,
	    "%s: the executable of its process, %s%s%s, is not here: name it (--exe EXE), or a "
	    "folder that has it (--debug-dir DIR)",
	    core->path, program->path ? program->path : "without a name", *hex ? ", build id " : "",
	    hex);
}

static bool search_places(struct search *search, const char *folder)
{
	const char *path = search->program->path;

	return in_snapshot(search) ||
	       (path && *path == '/' && !search->program->deleted &&
		try_path(search, path, true)) ||
	       (folder && (by_build_id(search, folder) || by_name(search, folder))) ||
	       by_build_id(search, DEBUG_ROOT) || by_server(search);
}

struct grf_error *grf_core_executable_find(struct grf_core_file *core,
					   const struct grf_debug_options *debug,
					   struct grf_executable **ret)
{
	_cleanup_core_program_ struct grf_core_program program = {0};
	struct search search = {.core = core, .program = &program};
	struct grf_error *error = NULL;

	if (debug->directory)
		error = grf_named_folder_check(debug->directory);
	if (!error)
		error = grf_core_program_read(core, &program);
	if (error)
		return error;
	if (!search_places(&search, debug->directory))
		return not_found(core, &program);
	*ret = search.found;
	return NULL;
}

struct grf_executable *grf_core_library_find(struct grf_core_file *core,
					     const struct grf_core_program *program,
					     const char *path)
{
	const struct grf_snapshot_file *file = find_file(program, GRF_SNAPSHOT_LIBRARY, path);

	/* Of a C program, what has Go's runtime is a library too. */
	if (!file)
		file = find_file(program, GRF_SNAPSHOT_EXECUTABLE, path);
	return file ? open_part(core, file) : NULL;
}
