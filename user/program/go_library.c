/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens each mapped file once, keeps those with Go code, and chooses the one that is meant. */
#include "program/go_library.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/files/regular_file.h"
#include "base/log.h"
#include "capture/copy/maps.h"
#include "model/code/release_facts.h"
#include "program/process_maps.h"

#define MAX_FILES 4096
#define MAX_NAMES 512 /* bytes, of the libraries that a message lists */

typedef GRF_ARRAY(struct grf_mapping) mapping_array;
typedef GRF_ARRAY(struct grf_go_library) library_array;

/* By its name in a core: whatever that leads to is a file of the machine that the core is read on.
 */
static struct grf_error *open_named(const struct grf_mapping *mapping, char **ret_opened, int *ret)
{
	const struct grf_file_place place = {.folder = AT_FDCWD, .links = GRF_LINKS_PLAIN};

	*ret_opened = strdup(mapping->path);
	return *ret_opened ? grf_regular_file_open(&place, mapping->path, mapping->path, ret)
			   : grf_error_no_memory();
}

/* By its path as the process sees it, whose links lead nowhere but to where they do for it. */
static struct grf_error *open_in_root(pid_t pid, const struct grf_mapping *mapping,
				      char **ret_opened, int *ret)
{
	struct grf_file_place place = {.links = GRF_LINKS_IN_ROOT};
	_cleanup_close_ int root = -1;
	char name[32];

	snprintf(name, sizeof(name), "/proc/%d/root", pid);
	if (asprintf(ret_opened, "%s%s", name, mapping->path) < 0) {
		*ret_opened = NULL;
		return grf_error_no_memory();
	}
	root = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return grf_error_errno(GRF_ERROR_OTHER, errno, "cannot open %s", name);
	place.folder = root;
	return grf_regular_file_open(&place, mapping->path, *ret_opened, ret);
}

/* The ways to a mapped file, the surest first: the mapping itself (also when the file was deleted
 * or is another by now; wants CAP_CHECKPOINT_RESTORE), and its path. */
static struct grf_error *open_mapped(pid_t pid, const struct grf_mapping *mapping,
				     char **ret_opened, int *ret)
{
	const struct grf_file_place anywhere = {.folder = AT_FDCWD};
	struct grf_error *error;

	if (!pid)
		return open_named(mapping, ret_opened, ret);
	if (asprintf(ret_opened, "/proc/%d/map_files/%llx-%llx", pid,
		     (unsigned long long)mapping->start, (unsigned long long)mapping->end) < 0) {
		*ret_opened = NULL;
		return grf_error_no_memory();
	}
	error = grf_regular_file_open(&anywhere, *ret_opened, *ret_opened, ret);
	/* What is mapped there is a device: so is what its path leads to. */
	if (!error || error->code == GRF_ERROR_BAD_INPUT)
		return error;
	grf_error_free(error);
	free(*ret_opened);
	return open_in_root(pid, mapping, ret_opened, ret);
}

static void discard_library(struct grf_go_library *library)
{
	grf_executable_destroy(library->executable);
	free(library->opened);
	free(library->path);
}

/* A plugin of Go 1.17 has no build info, but a build id. */
static bool is_go(struct grf_executable *executable)
{
	struct grf_section section;

	return *grf_executable_go_build_id(executable) ||
	       grf_executable_section(executable, ".go.buildinfo", &section);
}

/* Where mapped files are looked for. */
struct places {
	pid_t pid; /* 0: the process is gone */
	grf_open_library *open;
	void *context;
};

/* Opens a mapped file. False: it is no Go library. */
static bool open_library(const struct places *places, const struct grf_mapping *mapping,
			 struct grf_go_library *ret)
{
	_cleanup_error_ struct grf_error *error = NULL;
	int fd = -1;

	*ret = (struct grf_go_library){.path = strdup(mapping->path)};
	if (places->open)
		ret->executable = places->open(places->context, mapping->path);
	if (ret->executable)
		ret->opened = strdup(grf_executable_path(ret->executable));
	else
		error = open_mapped(places->pid, mapping, &ret->opened, &fd);
	if (error)
		grf_verbose("not looked into: %s", error->message);
	else if (!ret->executable)
		error = grf_executable_read(fd, mapping->path, &ret->executable);
	if (!error && ret->path && ret->opened && grf_executable_is_library(ret->executable) &&
	    is_go(ret->executable) && grf_executable_place(ret->executable, mapping))
		return true;
	discard_library(ret);
	return false;
}

static bool is_first_of_file(const struct grf_mapping *mappings, size_t index)
{
	const struct grf_mapping *mapping = &mappings[index];

	return mapping->path && mapping->path[0] == '/' && !mapping->file_offset &&
	       (!index || !mappings[index - 1].path || mappings[index - 1].file_offset ||
		strcmp(mappings[index - 1].path, mapping->path) != 0);
}

static struct grf_error *find_libraries(const struct grf_mapping *mappings, size_t count,
					const struct places *places, struct grf_go_libraries *ret)
{
	library_array found = {0};
	unsigned int files = 0;

	for (size_t i = 0; i < count && files < MAX_FILES && !grf_interrupted(); i++) {
		struct grf_go_library library, *added;

		if (!is_first_of_file(mappings, i))
			continue;
		files++;
		if (!open_library(places, &mappings[i], &library))
			continue;
		added = grf_array_add(&found);
		if (!added) {
			discard_library(&library);
			break;
		}
		*added = library;
		grf_verbose("the Go library %s, opened as %s", library.path, library.opened);
	}
	*ret = (struct grf_go_libraries){found.items, found.count};
	return grf_interrupted() ? grf_error_interrupted() : NULL;
}

struct grf_error *grf_go_libraries_find(const struct grf_mapping *mappings, size_t count,
					grf_open_library *open, void *context,
					struct grf_go_libraries *ret)
{
	return find_libraries(mappings, count, &(struct places){0, open, context}, ret);
}

void grf_go_libraries_destroy(struct grf_go_libraries *libraries)
{
	for (size_t i = 0; i < libraries->count; i++)
		discard_library(&libraries->items[i]);
	free(libraries->items);
	*libraries = (struct grf_go_libraries){0};
}

/* Which one is meant; NULL: it is not clear. */
static struct grf_go_library *chosen_library(struct grf_go_libraries *libraries,
					     struct grf_executable *named)
{
	bool known;

	if (!named)
		return libraries->count == 1 ? libraries->items : NULL;
	for (size_t i = 0; i < libraries->count; i++)
		if (grf_executable_same_build(named, libraries->items[i].executable, &known))
			return &libraries->items[i];
	return NULL;
}

static struct grf_error *explain_choice(const struct grf_go_libraries *libraries,
					struct grf_executable *named, const char *program)
{
	char names[MAX_NAMES] = "";

	if (!libraries->count)
		return grf_error_create(GRF_ERROR_NOT_GO,
					"%s is not a Go program, and no Go library (go build "
					"-buildmode=c-shared) that it has loaded can be found",
					program);
	if (named)
		return grf_error_create(GRF_ERROR_MISMATCH,
					"%s is not what %s has loaded: its build id or its code is "
					"another",
					grf_executable_path(named), program);
	for (size_t i = 0; libraries->items && i < libraries->count; i++) {
		size_t used = strlen(names);

		snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "",
			 libraries->items[i].path);
	}
	return grf_error_create(GRF_ERROR_OTHER,
				"%s has several Go libraries loaded, each with a heap of its own: "
				"%s; name the one to look at as EXE",
				program, names);
}

struct grf_error *grf_go_library_error(struct grf_executable *program, struct grf_error *not_go,
				       struct grf_error *search)
{
	bool known = search && search->code == GRF_ERROR_NOT_GO && grf_other_program(program);

	grf_error_free(known ? search : not_go);
	return known ? not_go : search;
}

struct grf_error *grf_go_library_choose(struct grf_go_libraries *libraries,
					struct grf_executable *named, const char *program,
					struct grf_go_library *ret)
{
	struct grf_go_library *library = chosen_library(libraries, named);

	if (!library)
		return explain_choice(libraries, named, program);
	*ret = *library;
	*library = (struct grf_go_library){0};
	return NULL;
}

struct grf_error *grf_go_libraries_add(struct grf_go_libraries *libraries,
				       struct grf_executable *executable)
{
	for (size_t i = 0; i < libraries->count; i++) {
		if (!grf_executable_add_library(executable, libraries->items[i].executable))
			return grf_error_no_memory();
		libraries->items[i].executable = NULL;
	}
	return NULL;
}

/* The file mappings of the text. False: out of memory. */
static bool parse_maps(const char *text, size_t length, mapping_array *mappings)
{
	const char *at = text, *end = text + length;
	struct grf_map_line line;

	while (grf_map_parse(&at, end, &line)) {
		struct grf_mapping *mapping;

		if (!grf_map_is_file(&line))
			continue;
		mapping = grf_array_add(mappings);
		if (!mapping)
			return false;
		*mapping = (struct grf_mapping){
		    line.start, line.end, line.file_offset,
		    strndup(line.path, grf_path_without_mark(line.path, line.path_length))};
		if (!mapping->path)
			return false;
	}
	return true;
}

struct grf_error *grf_go_libraries_of_process(pid_t pid, struct grf_go_libraries *ret)
{
	_cleanup_free_ char *text = NULL;
	mapping_array mappings = {0};
	struct grf_error *error;
	size_t length = 0;

	*ret = (struct grf_go_libraries){0};
	error = grf_process_maps_read(pid, &text, &length);
	if (error)
		return error;
	error =
	    parse_maps(text, length, &mappings)
		? find_libraries(mappings.items, mappings.count, &(struct places){.pid = pid}, ret)
		: grf_error_no_memory();
	for (size_t i = 0; i < mappings.count; i++)
		free((char *)mappings.items[i].path);
	grf_array_free(&mappings);
	return error;
}
