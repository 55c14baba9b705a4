/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc/PID/cgroup has a line for each hierarchy: "0::/path" for version 2, "4:memory:/path" for
 * version 1. Where the hierarchy is mounted, and which of its groups the mount begins at, is in
 * /proc/self/mountinfo. Both are told as our own control group namespace sees them; a group outside
 * it has a path with "..", and cannot be looked at. A limit holds for all that is below its group,
 * so we go up from the process's own group to where the mount begins.
 */
#include "base/memory/control_groups.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files/fields.h"
#include "base/files/small_file.h"

/* No hierarchy is deeper that somebody made on purpose. */
#define MAX_DEPTH 64

int grf_group_file_open(const char *group, const char *name)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", group, name) >= (int)sizeof(path))
		return -1;
	return open(path, O_RDONLY | O_CLOEXEC);
}

bool grf_group_read(const char *group, const char *name, char *buffer)
{
	_cleanup_close_ int fd = grf_group_file_open(group, name);

	return grf_open_file_read(fd, buffer, GRF_GROUP_FILE_BYTES);
}

uint64_t grf_group_number(const char *group, const char *name, char *buffer, uint64_t otherwise)
{
	return name && grf_group_read(group, name, buffer) ? grf_number_parse(buffer, otherwise)
							   : otherwise;
}

/* Whether a list that is separated by commas has `word`. */
static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, word, length) && (!at[length] || at[length] == ','))
			return true;
	}
	return false;
}

/* Where a hierarchy is mounted, and which of its groups that shows. */
struct mount {
	char group[1024], point[1024];
};

static bool find_mount(const struct grf_control_groups *groups, bool version_2, char *buffer,
		       struct mount *ret)
{
	char directory[PATH_MAX], *next;

	if (snprintf(directory, sizeof(directory), "%s/proc/self", groups->root) >=
		(int)sizeof(directory) ||
	    !grf_group_read(directory, "mountinfo", buffer))
		return false;
	for (char *line = strtok_r(buffer, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
		const char *rest = strstr(line, " - ");
		char type[32], options[512];

		if (!rest || sscanf(rest, " - %31s %*s %511s", type, options) != 2 ||
		    sscanf(line, "%*s %*s %*s %1023s %1023s", ret->group, ret->point) != 2)
			continue;
		if (version_2 ? !strcmp(type, "cgroup2")
			      : !strcmp(type, "cgroup") && has_word(options, groups->controller))
			return true;
	}
	return false;
}

/* The folder of the group `path` of a mounted hierarchy. False: it is not to be seen there. */
static bool find_folder(const struct grf_control_groups *groups, const struct mount *mount,
			const char *path, char ret[PATH_MAX])
{
	/* A mount may begin further down; what lies elsewhere is not seen. */
	size_t skip = strcmp(mount->group, "/") != 0 ? strlen(mount->group) : 0;

	if (strstr(path, "/..") || strncmp(path, mount->group, skip) != 0 ||
	    (skip && path[skip] && path[skip] != '/'))
		return false;
	path += skip;
	return snprintf(ret, PATH_MAX, "%s%s%s", groups->root, mount->point,
			strcmp(path, "/") != 0 ? path : "") < PATH_MAX &&
	       !access(ret, R_OK | X_OK);
}

/* The groups from `path` on up, of one hierarchy. False: they cannot be seen. */
static bool visit_hierarchy(const struct grf_control_groups *groups, const char *path,
			    bool version_2, grf_control_group_visit *visit, void *context,
			    char *buffer)
{
	char directory[PATH_MAX];
	struct mount mount;
	size_t top;

	if (!find_mount(groups, version_2, buffer, &mount))
		return !strcmp(path, "/");
	if (!find_folder(groups, &mount, path, directory))
		return false;
	top = strlen(groups->root) + strlen(mount.point);
	for (int depth = 0; depth < MAX_DEPTH && strlen(directory) >= top; depth++) {
		const struct grf_control_group group = {directory, version_2, !depth};
		char *end = strrchr(directory, '/');

		visit(context, &group);
		if (!end)
			break;
		*end = '\0';
	}
	return true;
}

char *grf_control_groups_visit(const struct grf_control_groups *groups,
			       grf_control_group_visit *visit, void *context)
{
	_cleanup_free_ char *lines = strdup(groups->lines), *buffer = malloc(GRF_GROUP_FILE_BYTES);
	char *next, *hidden = NULL;

	if (!lines || !buffer)
		return strdup("?");
	for (char *line = strtok_r(lines, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		controllers++;
		if ((!*controllers || has_word(controllers, groups->controller)) &&
		    !visit_hierarchy(groups, path, !*controllers, visit, context, buffer) &&
		    !hidden)
			hidden = strdup(path);
	}
	return hidden;
}
