/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A limit holds for all that is below its group; version 1 also tells the lowest limit of those
 * above, seen or not.
 */
#include "base/memory/memory_groups.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files/fields.h"
#include "base/files/small_file.h"
#include "base/memory/control_groups.h"

#define NO_LIMIT GRF_GROUP_NO_LIMIT
/* What version 1 gives as no limit, or more. */
#define LARGE_LIMIT (UINT64_MAX / 4)

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

/* A file that may be held open. */
static bool read_again(const char *directory, const char *name, int held, char *buffer)
{
	return held > 0 ? grf_open_file_read(held, buffer, GRF_GROUP_FILE_BYTES)
			: grf_group_read(directory, name, buffer);
}

static bool refresh_group(struct grf_memory_group *group, char *buffer)
{
	const struct names *name = &names[group->version_2];
	uint64_t inactive, all, busy;

	if (!read_again(group->path, name->used, group->used_file, buffer))
		return false;
	group->used = grf_number_parse(buffer, NO_LIMIT);
	if (group->used == NO_LIMIT)
		return false;
	if (!read_again(group->path, "memory.stat", group->statistics_file, buffer))
		*buffer = '\0';
	inactive = grf_field_number(buffer, name->inactive, 0);
	all = inactive + grf_field_number(buffer, name->active, 0);
	busy =
	    grf_field_number(buffer, name->dirty, 0) + grf_field_number(buffer, name->writeback, 0);
	group->unused_cache = inactive < group->used ? inactive : group->used;
	all = all > busy ? all - busy : 0;
	group->cache = all < group->used ? all : group->used;
	return true;
}

bool grf_memory_group_refresh(struct grf_memory_group *group)
{
	_cleanup_free_ char *buffer = malloc(GRF_GROUP_FILE_BYTES);

	return buffer && refresh_group(group, buffer);
}

/* The groups that are found, and room to read a file. */
struct group_list {
	struct grf_memory_groups *groups;
	char *buffer;
};

/* Adds one group, if it has a limit. One that does not say what it uses is as good as not seen. */
static void add_memory_group(void *context, const struct grf_control_group *found)
{
	const struct group_list *list = context;
	const struct names *name = &names[found->version_2];
	uint64_t limit = grf_group_number(found->path, name->limit, list->buffer, NO_LIMIT);
	uint64_t high = grf_group_number(found->path, name->high, list->buffer, NO_LIMIT);
	struct grf_memory_group group = {.version_2 = found->version_2}, *added;
	uint64_t above = NO_LIMIT;

	if (found->own && !found->version_2 &&
	    grf_group_read(found->path, "memory.stat", list->buffer))
		above = grf_field_number(list->buffer, "hierarchical_memory_limit", NO_LIMIT);
	if (high < limit)
		limit = high;
	if (above < limit)
		limit = above;
	if (limit >= LARGE_LIMIT)
		return;
	group.limit = limit;
	group.path = strdup(found->path);
	added = group.path && refresh_group(&group, list->buffer)
		    ? grf_array_add(&list->groups->list)
		    : NULL;
	if (added)
		*added = group;
	else if (!list->groups->hidden)
		list->groups->hidden = group.path;
	else
		free(group.path);
}

void grf_memory_groups_parse(const char *root, const char *lines, struct grf_memory_groups *ret)
{
	const struct grf_control_groups groups = {root, lines, "memory"};
	_cleanup_free_ char *buffer = malloc(GRF_GROUP_FILE_BYTES);
	struct group_list list = {ret, buffer};
	char *hidden;

	*ret = (struct grf_memory_groups){0};
	if (!buffer)
		return;
	hidden = grf_control_groups_visit(&groups, add_memory_group, &list);
	if (ret->hidden)
		free(hidden);
	else
		ret->hidden = hidden;
}

void grf_memory_groups_read(const char *root, const char *process, struct grf_memory_groups *ret)
{
	_cleanup_free_ char *lines = malloc(GRF_GROUP_FILE_BYTES);
	char directory[PATH_MAX];

	*ret = (struct grf_memory_groups){0};
	if (lines &&
	    snprintf(directory, sizeof(directory), "%s/proc/%s", root, process) <
		(int)sizeof(directory) &&
	    grf_group_read(directory, "cgroup", lines))
		grf_memory_groups_parse(root, lines, ret);
}

void grf_memory_groups_hold(struct grf_memory_groups *groups)
{
	for (size_t i = 0; i < groups->list.count; i++) {
		struct grf_memory_group *group = &groups->list.items[i];

		if (group->used_file > 0 || group->statistics_file > 0)
			continue;
		group->used_file = grf_group_file_open(group->path, names[group->version_2].used);
		group->statistics_file = grf_group_file_open(group->path, "memory.stat");
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
	free(groups->hidden);
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
