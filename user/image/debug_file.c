/* SPDX-License-Identifier: BSD-2-Clause */
#include "image/debug_file.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/log.h"

#define DEBUG_ROOT   "/usr/lib/debug"
#define PATH_BYTES   4096
#define MAX_BUILD_ID 64

static bool has_dwarf(struct grf_executable *executable)
{
	struct grf_section section;

	return grf_executable_section(executable, ".debug_info", &section);
}

/* Takes `path` if it is a debug file of this build. `checked`: what it is was made sure otherwise.
 */
static bool take(struct grf_executable *executable, const char *path, bool checked)
{
	struct grf_executable *debug;
	struct grf_error *error;
	bool known;

	if (access(path, R_OK))
		return false;
	error = grf_executable_open_debug(path, &debug);
	if (error) {
		grf_verbose("%s", error->message);
		grf_error_free(error);
		return false;
	}
	if (!has_dwarf(debug) || !grf_executable_same_build(executable, debug, &known) ||
	    (!known && !checked)) {
		grf_verbose("%s is not the debug information of %s", path,
			    grf_executable_path(executable));
		grf_executable_destroy(debug);
		return false;
	}
	grf_verbose("debug information from %s", path);
	grf_executable_set_debug(executable, debug);
	return true;
}

static bool by_build_id(struct grf_executable *executable, const char *directory)
{
	char path[PATH_BYTES], hex[2 * MAX_BUILD_ID + 1];
	size_t size;
	const uint8_t *id = grf_executable_gnu_build_id(executable, &size);

	if (size < 2 || size > MAX_BUILD_ID)
		return false;
	for (size_t i = 0; i < size; i++)
		snprintf(hex + 2 * i, 3, "%02x", id[i]);
	snprintf(path, sizeof(path), "%s/.build-id/%.2s/%s.debug", directory, hex, hex + 2);
	return take(executable, path, false);
}

static bool has_checksum(const char *path, uint32_t wanted)
{
	_cleanup_free_ uint8_t *buffer = malloc(65536);
	FILE *file = fopen(path, "re");
	uLong checksum = crc32(0, NULL, 0);
	size_t length;

	if (!file)
		return false;
	while (buffer && (length = fread(buffer, 1, 65536, file)) > 0)
		checksum = crc32(checksum, buffer, (uInt)length);
	fclose(file);
	return buffer && checksum == wanted;
}

/* .gnu_debuglink: a file's name, padded to four bytes, and the CRC of what is in it. */
static bool by_link(struct grf_executable *executable, const char *path, const char *directory)
{
	static const char *const beside[] = {"", "/.debug"};
	const char *slash = strrchr(path, '/'), *name;
	int folder = slash ? (int)(slash - path) : 0;
	struct grf_section link;
	char candidate[PATH_BYTES];
	uint32_t checksum;

	if (!slash || !grf_executable_section(executable, ".gnu_debuglink", &link) ||
	    link.size < 8 || !memchr(link.data, '\0', link.size - 4))
		return false;
	name = (const char *)link.data;
	if (strchr(name, '/') || ((strlen(name) + 4) & ~(size_t)3) + 4 > link.size)
		return false;
	memcpy(&checksum, link.data + ((strlen(name) + 4) & ~(size_t)3), sizeof(checksum));
	for (int i = 0; i < 4; i++) {
		if (i < 2)
			snprintf(candidate, sizeof(candidate), "%.*s%s/%s", folder, path, beside[i],
				 name);
		else
			snprintf(candidate, sizeof(candidate), "%s%.*s/%s",
				 i == 2 && directory ? directory : DEBUG_ROOT, folder, path, name);
		if (has_checksum(candidate, checksum) && take(executable, candidate, true))
			return true;
	}
	return false;
}

/* Through libdebuginfod, which is not everywhere: opened when it is needed. */
static bool by_server(struct grf_executable *executable)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	void *(*begin)(void);
	int (*find)(void *client, const unsigned char *id, int size, char **ret_path);
	void (*end)(void *client);
	void *library, *client;
	char *path = NULL;
	size_t size;
	const uint8_t *id = grf_executable_gnu_build_id(executable, &size);
	bool found = false;
	int fd;

	if (!urls || !*urls || !size || size > MAX_BUILD_ID)
		return false;
	library = dlopen("libdebuginfod.so.1", RTLD_NOW);
	if (!library) {
		grf_verbose("DEBUGINFOD_URLS is set, but libdebuginfod is not installed");
		return false;
	}
	*(void **)&begin = dlsym(library, "debuginfod_begin");
	*(void **)&find = dlsym(library, "debuginfod_find_debuginfo");
	*(void **)&end = dlsym(library, "debuginfod_end");
	client = begin && find && end ? begin() : NULL;
	if (client) {
		fd = find(client, id, (int)size, &path);
		if (fd >= 0) {
			close(fd);
			found = path && take(executable, path, true);
		} else {
			grf_verbose("debuginfod: %s", strerror(-fd));
		}
		free(path);
		end(client);
	}
	dlclose(library);
	return found;
}

static struct grf_error *take_named(struct grf_executable *executable, const char *path)
{
	struct grf_executable *debug;
	struct grf_error *error = grf_executable_open_debug(path, &debug);
	bool known;

	if (error)
		return error;
	if (!grf_executable_same_build(executable, debug, &known))
		error = grf_error_create(GRF_ERROR_MISMATCH,
					 "%s is not the debug information of %s: their build ids "
					 "differ",
					 path, grf_executable_path(executable));
	else if (!has_dwarf(debug))
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
	if (has_dwarf(executable) || (directory && by_build_id(executable, directory)) ||
	    by_build_id(executable, DEBUG_ROOT) || by_link(executable, path, directory))
		return;
	by_server(executable);
}

struct grf_error *grf_debug_file_find(struct grf_executable *executable, const char *path,
				      const struct grf_debug_options *options)
{
	struct grf_executable *const *libraries;
	size_t count;

	libraries = grf_executable_libraries(executable, &count);
	for (size_t i = 0; i < count; i++)
		look_for(libraries[i], grf_executable_path(libraries[i]), options->directory);
	if (options->file)
		return take_named(executable, options->file);
	look_for(executable, path, options->directory);
	return NULL;
}
