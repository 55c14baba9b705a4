/* SPDX-License-Identifier: BSD-2-Clause */
/* Tries the places for a debug file in order, and takes the first file that is of this build. */
#include "image/executable/debug_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files/file_data.h"
#include "base/files/regular_file.h"
#include "base/log.h"
#include "image/executable/debuginfod.h"
#include "image/executable/executable_private.h"

#define DEBUG_ROOT "/usr/lib/debug"
#define PATH_BYTES 4096

/* A file with debug information may be this large, and by that many times the executable larger:
 * more than any linker makes. It is read in full for its checksum. */
#define SIZE_BASE  ((uint64_t)1 << 30)
#define SIZE_RATIO 32u

/* Says with -v why a file is passed over. */
static void pass_over(struct grf_error *error)
{
	grf_verbose("debug information: %s", error->message);
	grf_error_free(error);
}

/* Takes the file of a descriptor, which it takes over, if it is a debug file of this build.
 * `checked`: what it is was made sure otherwise. */
static bool take_file(struct grf_executable *executable, int fd, const char *path, bool checked)
{
	struct grf_executable *debug;
	struct grf_error *error = grf_executable_read_debug(fd, path, &debug);
	bool known;

	if (error) {
		pass_over(error);
		return false;
	}
	if (!grf_executable_has_dwarf(debug) ||
	    !grf_executable_same_build(executable, debug, &known) || (!known && !checked)) {
		grf_verbose("%s is not the debug information of %s", path,
			    grf_executable_path(executable));
		grf_executable_destroy(debug);
		return false;
	}
	grf_verbose("debug information from %s", path);
	grf_executable_set_debug(executable, debug);
	return true;
}

/* A file that may hold the debug information of an executable. */
struct candidate {
	const char *folder; /* "": the root */
	const char *path;   /* in it */
	enum grf_links links;
};

/* Opens a candidate; -1: there is no such file, or it is passed over. The target chose its name, or
 * the bytes in it. */
static int open_candidate(const struct grf_executable *executable,
			  const struct candidate *candidate, char *full, size_t size)
{
	_cleanup_close_ int folder = -1;
	struct grf_file_place place = {.links = candidate->links};
	struct grf_error *error;
	int fd;

	snprintf(full, size, "%s/%s", candidate->folder, candidate->path);
	folder =
	    open(*candidate->folder ? candidate->folder : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0 || faccessat(folder, candidate->path, F_OK, AT_SYMLINK_NOFOLLOW))
		return -1;
	place.folder = folder;
	place.limit = SIZE_BASE + SIZE_RATIO * executable->size;
	error = grf_regular_file_open(&place, candidate->path, full, &fd);
	if (!error)
		return fd;
	pass_over(error);
	return -1;
}

static bool by_build_id(struct grf_executable *executable, const char *directory)
{
	char name[PATH_BYTES], full[PATH_BYTES];
	const struct candidate candidate = {directory, name, GRF_LINKS_PLAIN};
	char hex[2 * GRF_MAX_BUILD_ID + 1];
	size_t size;
	const uint8_t *id = grf_executable_gnu_build_id(executable, &size);
	int fd;

	if (size < 2 || size > GRF_MAX_BUILD_ID)
		return false;
	grf_build_id_print(id, size, hex);
	snprintf(name, sizeof(name), ".build-id/%.2s/%s.debug", hex, hex + 2);
	fd = open_candidate(executable, &candidate, full, sizeof(full));
	return fd >= 0 && take_file(executable, fd, full, false);
}

/* .gnu_debuglink: a file's name, padded to four bytes, and the CRC of what is in it. */
struct debug_link {
	const char *name;
	uint32_t checksum;
};

static bool read_link(struct grf_executable *executable, struct debug_link *ret)
{
	struct grf_section link;
	size_t padded;

	if (!grf_executable_section(executable, ".gnu_debuglink", &link) || link.size < 8 ||
	    !memchr(link.data, '\0', link.size - 4))
		return false;
	ret->name = (const char *)link.data;
	padded = (strlen(ret->name) + 4) & ~(size_t)3;
	if (!*ret->name || strchr(ret->name, '/') || !strcmp(ret->name, "..") ||
	    padded + 4 > link.size)
		return false;
	memcpy(&ret->checksum, link.data + padded, sizeof(ret->checksum));
	return true;
}

static bool take_linked(struct grf_executable *executable, const struct debug_link *link,
			const struct candidate *candidate)
{
	char full[PATH_BYTES];
	int fd = open_candidate(executable, candidate, full, sizeof(full));
	uint32_t checksum;

	if (fd < 0)
		return false;
	/* The file may grow meanwhile. */
	if (!grf_file_checksum(fd, SIZE_BASE + SIZE_RATIO * executable->size, &checksum) ||
	    checksum != link->checksum) {
		grf_verbose("debug information: %s has another checksum than %s says", full,
			    grf_executable_path(executable));
		close(fd);
		return false;
	}
	return take_file(executable, fd, full, true);
}

/* Beside the executable: what is in that folder, which the target may have made, and not what a
 * link there leads to. */
static bool take_beside(struct grf_executable *executable, const struct debug_link *link,
			const char *folder)
{
	static const char *const within[] = {"", ".debug/"};
	char path[PATH_BYTES];

	for (int i = 0; i < 2; i++) {
		const struct candidate candidate = {folder, path, GRF_LINKS_BENEATH};

		snprintf(path, sizeof(path), "%s%s", within[i], link->name);
		if (take_linked(executable, link, &candidate))
			return true;
	}
	return false;
}

/* In the tree of folders below `directory`, which is as that of the executables. */
static bool in_tree(struct grf_executable *executable, const struct debug_link *link,
		    const char *folder, const char *directory)
{
	char path[PATH_BYTES];
	const struct candidate candidate = {directory, path, GRF_LINKS_PLAIN};

	if (folder[0] != '/' && folder[0])
		return false;
	snprintf(path, sizeof(path), "%s%s%s", folder[0] ? folder + 1 : "", folder[0] ? "/" : "",
		 link->name);
	return take_linked(executable, link, &candidate);
}

/* The folder that a path is in, without a slash at its end; the caller's. NULL: out of memory. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
}

static bool by_link(struct grf_executable *executable, const char *path, const char *directory)
{
	_cleanup_free_ char *real = realpath(path, NULL);
	_cleanup_free_ char *folder = folder_of(path);
	_cleanup_free_ char *real_folder = folder_of(real ? real : path);
	struct debug_link link;

	if (!folder || !real_folder || !read_link(executable, &link))
		return false;
	return take_beside(executable, &link, folder) ||
	       (strcmp(folder, real_folder) != 0 && take_beside(executable, &link, real_folder)) ||
	       (directory && in_tree(executable, &link, real_folder, directory)) ||
	       in_tree(executable, &link, real_folder, DEBUG_ROOT);
}

static bool by_server(struct grf_executable *executable)
{
	_cleanup_free_ char *path = NULL;
	size_t size;
	const uint8_t *id = grf_executable_gnu_build_id(executable, &size);
	int fd = grf_debuginfod_fetch(GRF_DEBUGINFOD_DEBUGINFO, id, size, &path);

	return fd >= 0 && take_file(executable, fd, path ? path : "what debuginfod found", true);
}

static struct grf_error *take_named(struct grf_executable *executable, const char *path)
{
	struct grf_executable *debug;
	struct grf_error *error;
	bool known;
	int fd;

	error = grf_named_file_open(path, path, &fd);
	if (!error)
		error = grf_executable_read_debug(fd, path, &debug);
	if (error)
		return error;
	if (!grf_executable_same_build(executable, debug, &known))
		error = grf_error_create(GRF_ERROR_MISMATCH,
					 "%s is not the debug information of %s: their build ids "
					 "differ",
					 path, grf_executable_path(executable));
	else if (!grf_executable_has_dwarf(debug))
		error = grf_error_create(GRF_ERROR_BAD_INPUT, "%s has no debug information (DWARF)",
					 path);
	if (error) {
		grf_executable_destroy(debug);
		return error;
	}
	if (!known)
		grf_warn("%s and %s do not say of which build they are; taking them for the same",
			 path, grf_executable_path(executable));
	grf_executable_set_debug(executable, debug);
	return NULL;
}

static void look_for(struct grf_executable *executable, const char *path, const char *directory)
{
	if (grf_executable_has_dwarf(executable) || executable->debug ||
	    (directory && by_build_id(executable, directory)) ||
	    by_build_id(executable, DEBUG_ROOT) || by_link(executable, path, directory))
		return;
	by_server(executable);
}

struct grf_error *grf_debug_file_find(struct grf_executable *executable, const char *path,
				      const struct grf_debug_options *options)
{
	struct grf_executable *const *libraries;
	struct grf_error *error;
	size_t count;

	error = options->directory ? grf_named_folder_check(options->directory) : NULL;
	if (error)
		return error;
	libraries = grf_executable_libraries(executable, &count);
	for (size_t i = 0; i < count; i++)
		look_for(libraries[i], grf_executable_path(libraries[i]), options->directory);
	if (options->file)
		return take_named(executable, options->file);
	look_for(executable, path, options->directory);
	return NULL;
}
