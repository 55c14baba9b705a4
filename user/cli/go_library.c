/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/go_library.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "capture/maps.h"
#include "cli/cli.h"

#define MAPS_LIMIT (256u << 20)
#define MAX_FILES  4096
#define MAX_NAMES  512 /* bytes, of the libraries that a message lists */

/* The ways to a mapped file, the surest first: the mapping itself (also when the file was deleted
 * or is another by now; wants CAP_CHECKPOINT_RESTORE), and its path as the process sees it. */
static struct grf_error *open_mapped(pid_t pid, const struct grf_mapping *mapping,
				     struct grf_go_library *ret)
{
	struct grf_error *error;

	if (!pid) {
		ret->opened = strdup(mapping->path);
		return ret->opened ? grf_executable_open(ret->opened, &ret->executable)
				   : grf_error_no_memory();
	}
	if (asprintf(&ret->opened, "/proc/%d/map_files/%llx-%llx", pid,
		     (unsigned long long)mapping->start, (unsigned long long)mapping->end) < 0)
		return grf_error_no_memory();
	error = grf_executable_open(ret->opened, &ret->executable);
	if (!error)
		return NULL;
	grf_error_free(error);
	free(ret->opened);
	ret->opened = NULL;
	if (asprintf(&ret->opened, "/proc/%d/root%s", pid, mapping->path) < 0)
		return grf_error_no_memory();
	return grf_executable_open(ret->opened, &ret->executable);
}

void grf_go_library_release(struct grf_go_library *library)
{
	free(library->opened);
	free(library->path);
	library->opened = library->path = NULL;
}

static void discard(struct grf_go_library *library)
{
	if (library->executable)
		grf_executable_destroy(library->executable);
	grf_go_library_release(library);
	*library = (struct grf_go_library){0};
}

/* Whether a mapped file is a Go library of the named build, if one is named. */
static bool take(pid_t pid, const struct grf_mapping *mapping, const struct grf_executable *named,
		 bool *ret_go, struct grf_go_library *ret)
{
	_cleanup_error_ struct grf_error *error = open_mapped(pid, mapping, ret);
	bool build_known;

	if (!error)
		error = grf_check_executable(ret->executable);
	ret->path = strdup(mapping->path);
	*ret_go = !error && ret->path && grf_executable_place(ret->executable, mapping);
	if (*ret_go && (!named || grf_executable_same_build(named, ret->executable, &build_known)))
		return true;
	discard(ret);
	return false;
}

static bool is_first_of_file(const struct grf_mapping *mappings, size_t index)
{
	const struct grf_mapping *mapping = &mappings[index];

	return mapping->path && mapping->path[0] == '/' && !mapping->file_offset &&
	       (!index || !mappings[index - 1].path || mappings[index - 1].file_offset ||
		strcmp(mappings[index - 1].path, mapping->path) != 0);
}

static struct grf_error *explain(const char *program, const char *names, unsigned int go,
				 const struct grf_executable *named)
{
	if (named && go)
		return grf_error_create(GRF_ERROR_MISMATCH,
					"%s is not what %s has loaded: its build id is another",
					grf_executable_path(named), program);
	if (go > 1)
		return grf_error_create(
		    GRF_ERROR_OTHER,
		    "%s has several Go libraries loaded, each with a heap of its "
		    "own: %s; name the one to look at as EXE",
		    program, names);
	return grf_error_create(GRF_ERROR_NOT_GO,
				"%s is not a Go program, and no Go library (go build "
				"-buildmode=c-shared) that it has loaded can be found",
				program);
}

struct grf_error *grf_go_library_find(const struct grf_mapping *mappings, size_t count, pid_t pid,
				      const struct grf_executable *named, const char *program,
				      struct grf_go_library *ret)
{
	char names[MAX_NAMES] = "";
	unsigned int files = 0, go = 0;
	struct grf_go_library found = {0};

	*ret = (struct grf_go_library){0};
	for (size_t i = 0; i < count && files < MAX_FILES && !grf_interrupted(); i++) {
		size_t used = strlen(names);
		bool is_go;

		if (!is_first_of_file(mappings, i))
			continue;
		files++;
		if (take(pid, &mappings[i], named, &is_go, &found)) {
			discard(ret);
			*ret = found;
			found = (struct grf_go_library){0};
		}
		if (!is_go)
			continue;
		go++;
		snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "",
			 mappings[i].path);
	}
	if (grf_interrupted()) {
		discard(ret);
		return grf_error_interrupted();
	}
	if (ret->executable && (named || go == 1)) {
		grf_verbose("the Go library %s, opened as %s", ret->path, ret->opened);
		return NULL;
	}
	discard(ret);
	return explain(program, names, go, named);
}

/* The text of /proc/PID/maps; the caller's. */
static struct grf_error *read_maps(pid_t pid, char **ret, size_t *ret_length)
{
	_cleanup_close_ int fd = -1;
	size_t room = 0, length = 0;
	char *text = NULL, name[64];
	ssize_t part = 1;

	snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return grf_error_errno(GRF_ERROR_OTHER, errno, "cannot open %s", name);
	while (part > 0 && length < MAPS_LIMIT) {
		if (length == room) {
			char *grown = realloc(text, room += room + 65536);

			if (!grown) {
				free(text);
				return grf_error_no_memory();
			}
			text = grown;
		}
		part = read(fd, text + length, room - length);
		length += part > 0 ? (size_t)part : 0;
	}
	*ret = text;
	*ret_length = length;
	return NULL;
}

typedef GRF_ARRAY(struct grf_mapping) mapping_array;

/* The file mappings of the text. False: out of memory. */
static bool parse_maps(const char *text, size_t length, mapping_array *mappings)
{
	const char *at = text, *end = text + length;
	struct grf_map_line line;

	while (grf_map_parse(&at, end, &line)) {
		static const char deleted[] = " (deleted)";
		size_t tail = sizeof(deleted) - 1, path = line.path_length;
		struct grf_mapping *mapping;

		if (!grf_map_is_file(&line))
			continue;
		if (path > tail && !memcmp(line.path + path - tail, deleted, tail))
			path -= tail;
		mapping = grf_array_add(mappings);
		if (!mapping)
			return false;
		*mapping = (struct grf_mapping){line.start, line.end, line.file_offset,
						strndup(line.path, path)};
		if (!mapping->path)
			return false;
	}
	return true;
}

struct grf_error *grf_go_library_of_process(pid_t pid, const struct grf_executable *named,
					    struct grf_go_library *ret)
{
	_cleanup_free_ char *text = NULL;
	mapping_array mappings = {0};
	struct grf_error *error;
	char program[32];
	size_t length;

	error = read_maps(pid, &text, &length);
	if (error)
		return error;
	snprintf(program, sizeof(program), "process %d", pid);
	error = parse_maps(text, length, &mappings)
		    ? grf_go_library_find(mappings.items, mappings.count, pid, named, program, ret)
		    : grf_error_no_memory();
	for (size_t i = 0; i < mappings.count; i++)
		free((char *)mappings.items[i].path);
	grf_array_free(&mappings);
	return error;
}
