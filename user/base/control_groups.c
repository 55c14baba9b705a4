/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc/PID/cgroup has a line for each hierarchy: "0::/path" for version 2, "4:memory:/path" for
 * version 1. Where the hierarchy is mounted, and which of its groups the mount begins at, is in
 * /proc/self/mountinfo. Both are told as our own control group namespace sees them; a group outside
 * it has a path with "..", and cannot be looked at. A limit holds for all that is below its group,
 * so we go up from the process's own group to where the mount begins. Version 1 also tells the
 * lowest limit of those above, seen or not.
 */
#include "base/control_groups.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define FILE_BYTES (64u << 10)
#define NO_LIMIT   UINT64_MAX
/* What version 1 gives as no limit, or more. */
#define LARGE_LIMIT (UINT64_MAX / 4)
/* No hierarchy is deeper that somebody made on purpose. */
#define MAX_DEPTH 64

/* The names of files, and of lines in memory.stat, by version. */
struct names {
	const char *limit, *high, *used, *inactive, *active, *dirty, *writeback;
};

static const struct names names[] = {
    {"memory.limit_in_bytes", NULL, "memory.usage_in_bytes", "total_inactive_file",
     "total_active_file", "total_dirty", "total_writeback"},
    {"memory.max", "memory.high", "memory.current", "inactive_file", "active_file", "file_dirty",
     "file_writeback"},
};

static int open_file(const char *directory, const char *name)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
		return -1;
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Reads what fits of a file, from its beginning, into `buffer`, FILE_BYTES long, and ends it with
 * NUL. */
static bool read_open_file(int fd, char *buffer)
{
	size_t length = 0;
	ssize_t got = 1;

	while (fd >= 0 && got > 0 && length < FILE_BYTES - 1) {
		got = pread(fd, buffer + length, FILE_BYTES - 1 - length, (off_t)length);
		length += got > 0 ? (size_t)got : 0;
	}
	buffer[length] = '\0';
	return fd >= 0 && got >= 0;
}

static bool read_file(const char *directory, const char *name, char *buffer)
{
	_cleanup_close_ int fd = open_file(directory, name);

	return read_open_file(fd, buffer);
}

static uint64_t parse(const char *text, uint64_t otherwise)
{
	text += strspn(text, " \t");
	return isdigit((unsigned char)*text) ? strtoull(text, NULL, 10) : otherwise;
}

static uint64_t read_number(const char *directory, const char *name, char *buffer,
			    uint64_t otherwise)
{
	return name && read_file(directory, name, buffer) ? parse(buffer, otherwise) : otherwise;
}

/* The number on the line of memory.stat that begins with `name`. */
static uint64_t statistic(const char *text, const char *name, uint64_t otherwise)
{
	size_t length = strlen(name);

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (!strncmp(text, name, length) && text[length] == ' ')
			return parse(text + length, otherwise);
		if (!*text)
			break;
	}
	return otherwise;
}

/* A file that may be held open. */
static bool read_again(const char *directory, const char *name, int held, char *buffer)
{
	return held > 0 ? read_open_file(held, buffer) : read_file(directory, name, buffer);
}

static bool refresh(struct grf_memory_group *group, char *buffer)
{
	const struct names *name = &names[group->version_2];
	uint64_t inactive, all, busy;

	if (!read_again(group->path, name->used, group->used_file, buffer))
		return false;
	group->used = parse(buffer, NO_LIMIT);
	if (group->used == NO_LIMIT)
		return false;
	if (!read_again(group->path, "memory.stat", group->statistics_file, buffer))
		*buffer = '\0';
	inactive = statistic(buffer, name->inactive, 0);
	all = inactive + statistic(buffer, name->active, 0);
	busy = statistic(buffer, name->dirty, 0) + statistic(buffer, name->writeback, 0);
	group->unused_cache = inactive < group->used ? inactive : group->used;
	all = all > busy ? all - busy : 0;
	group->cache = all < group->used ? all : group->used;
	return true;
}

bool grf_memory_group_refresh(struct grf_memory_group *group)
{
	_cleanup_free_ char *buffer = malloc(FILE_BYTES);

	return buffer && refresh(group, buffer);
}

/* Adds one group, if it has a limit. `own`: it is the one that the process is in. */
static void add_group(struct grf_memory_groups *groups, const char *path, bool version_2, bool own,
		      char *buffer)
{
	const struct names *name = &names[version_2];
	uint64_t limit = read_number(path, name->limit, buffer, NO_LIMIT);
	uint64_t high = read_number(path, name->high, buffer, NO_LIMIT), above = NO_LIMIT;
	struct grf_memory_group group = {.version_2 = version_2};
	struct grf_memory_group *added;

	if (own && !version_2 && read_file(path, "memory.stat", buffer))
		above = statistic(buffer, "hierarchical_memory_limit", NO_LIMIT);
	if (high < limit)
		limit = high;
	if (above < limit)
		limit = above;
	if (limit >= LARGE_LIMIT)
		return;
	group.limit = limit;
	group.path = strdup(path);
	added = group.path && refresh(&group, buffer) ? grf_array_add(&groups->list) : NULL;
	if (added)
		*added = group;
	else
		free(group.path);
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

/* Where the hierarchy is mounted, and which of its groups that shows. */
static bool find_mount(const char *root, bool version_2, char *buffer, char ret_group[1024],
		       char ret_point[1024])
{
	char directory[PATH_MAX], *next;

	snprintf(directory, sizeof(directory), "%s/proc/self", root);
	if (!read_file(directory, "mountinfo", buffer))
		return false;
	for (char *line = strtok_r(buffer, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
		const char *rest = strstr(line, " - ");
		char type[32], options[512];

		if (!rest || sscanf(rest, " - %31s %*s %511s", type, options) != 2 ||
		    sscanf(line, "%*s %*s %*s %1023s %1023s", ret_group, ret_point) != 2)
			continue;
		if (version_2 ? !strcmp(type, "cgroup2")
			      : !strcmp(type, "cgroup") && has_word(options, "memory"))
			return true;
	}
	return false;
}

/* The groups from `path` on up, of one hierarchy. */
static void add_groups(struct grf_memory_groups *groups, const char *root, const char *path,
		       bool version_2, char *buffer)
{
	char group[1024], point[1024], directory[PATH_MAX];
	size_t skip, top;

	if (strstr(path, "/..") || !find_mount(root, version_2, buffer, group, point))
		return;
	/* A mount may begin further down; what lies elsewhere is not seen. */
	skip = strcmp(group, "/") != 0 ? strlen(group) : 0;
	if (strncmp(path, group, skip) != 0 || (skip && path[skip] && path[skip] != '/'))
		return;
	if (snprintf(directory, sizeof(directory), "%s%s%s", root, point,
		     strcmp(path + skip, "/") != 0 ? path + skip : "") >= (int)sizeof(directory))
		return;
	top = strlen(root) + strlen(point);
	for (int depth = 0; depth < MAX_DEPTH && strlen(directory) >= top; depth++) {
		char *end = strrchr(directory, '/');

		add_group(groups, directory, version_2, !depth, buffer);
		if (!end)
			break;
		*end = '\0';
	}
}

void grf_memory_groups_read(const char *root, const char *process, struct grf_memory_groups *ret)
{
	_cleanup_free_ char *lines = malloc(FILE_BYTES), *buffer = malloc(FILE_BYTES);
	char directory[PATH_MAX], *next;

	*ret = (struct grf_memory_groups){0};
	if (!lines || !buffer ||
	    snprintf(directory, sizeof(directory), "%s/proc/%s", root, process) >=
		(int)sizeof(directory) ||
	    !read_file(directory, "cgroup", lines))
		return;
	for (char *line = strtok_r(lines, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		controllers++;
		if (!*controllers || has_word(controllers, "memory"))
			add_groups(ret, root, path, !*controllers, buffer);
	}
}

void grf_memory_groups_hold(struct grf_memory_groups *groups)
{
	for (size_t i = 0; i < groups->list.count; i++) {
		struct grf_memory_group *group = &groups->list.items[i];

		if (group->used_file > 0 || group->statistics_file > 0)
			continue;
		group->used_file = open_file(group->path, names[group->version_2].used);
		group->statistics_file = open_file(group->path, "memory.stat");
	}
}

void grf_memory_group_free(struct grf_memory_group *group)
{
	if (group->used_file > 0)
		close(group->used_file);
	if (group->statistics_file > 0)
		close(group->statistics_file);
	free(group->path);
}

void grf_memory_groups_free(struct grf_memory_groups *groups)
{
	for (size_t i = 0; i < groups->list.count; i++)
		grf_memory_group_free(&groups->list.items[i]);
	grf_array_free(&groups->list);
}

uint64_t grf_memory_group_room(const struct grf_memory_group *group)
{
	uint64_t used = group->used - group->unused_cache;

	return used < group->limit ? group->limit - used : 0;
}

static bool has_group(const struct grf_memory_groups *groups, const char *path)
{
	for (size_t i = 0; i < groups->list.count; i++)
		if (!strcmp(groups->list.items[i].path, path))
			return true;
	return false;
}

const struct grf_memory_group *grf_memory_groups_tightest(const struct grf_memory_groups *groups,
							  const struct grf_memory_groups *others)
{
	const struct grf_memory_group *tightest = NULL;

	for (size_t i = 0; i < groups->list.count; i++) {
		const struct grf_memory_group *group = &groups->list.items[i];

		if (others && !has_group(others, group->path))
			continue;
		if (!tightest || grf_memory_group_room(group) < grf_memory_group_room(tightest))
			tightest = group;
	}
	return tightest;
}
