/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In a container (docker exec, kubectl exec) we are in the control group of the target, and what we
 * take counts against its limit. There are three lines of defence: what we plan to take is half of
 * what is free at the most; one of our threads looks fifty times a second how much is left, and has
 * us give up when it is nearly nothing; and should the kernel have to end a process before that, it
 * takes us, as we raise our own oom_score_adj. A group with memory.oom.group is ended as a whole,
 * which is why the last is not enough.
 */
#include "base/memory/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files/fields.h"
#include "base/files/small_file.h"
#include "base/log.h"
#include "base/priority.h"
#include "base/units.h"
#include "base/watcher.h"

#define WATCH_INTERVAL 20000000u /* ns */
#define FILE_BYTES     8192u     /* all that is looked at of a file in /proc */
/* What is left of a limit when we give up: a part of it, within bounds. */
#define RESERVE_SHARE 16
#define RESERVE_LEAST (8ull << 20)
#define RESERVE_MOST  (128ull << 20)

/* /proc/self/status, from when it is first needed. */
static int own_status = -1;

/* The bytes on the line of `name` in a file that is open. */
static uint64_t read_kilobytes(int fd, const char *name, uint64_t otherwise)
{
	char text[FILE_BYTES];

	grf_open_file_read(fd, text, sizeof(text));
	return grf_field_bytes(text, name, otherwise);
}

static uint64_t of_system(const char *name)
{
	_cleanup_close_ int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);

	return read_kilobytes(fd, name, UINT64_MAX);
}

/* Of this process. */
static uint64_t own_field(const char *name)
{
	return read_kilobytes(own_status, name, 0);
}

uint64_t grf_memory_total(void)
{
	uint64_t total = of_system("MemTotal");
	struct grf_memory_groups groups;

	grf_memory_groups_read("", "self", &groups);
	for (size_t i = 0; i < groups.list.count; i++)
		if (groups.list.items[i].limit < total)
			total = groups.list.items[i].limit;
	grf_memory_groups_free(&groups);
	return total;
}

static void take_limit(struct grf_memory_room *room, const struct grf_memory_group *group,
		       bool shared)
{
	uint64_t bytes;

	if (!group)
		return;
	bytes = grf_memory_group_room(group) / (shared ? 2 : 1);
	if (bytes >= room->bytes)
		return;
	free(room->limit);
	*room = (struct grf_memory_room){bytes, strdup(group->path), shared};
}

static void read_groups_of(pid_t pid, struct grf_memory_groups *ret)
{
	char name[32];

	snprintf(name, sizeof(name), "%d", pid);
	grf_memory_groups_read("", name, ret);
}

void grf_memory_room_for_us(pid_t target, struct grf_memory_room *ret)
{
	struct grf_memory_groups ours, others;

	/* Unknown is not nothing: kernels before 3.14 do not say. */
	*ret = (struct grf_memory_room){.bytes = of_system("MemAvailable")};
	grf_memory_groups_read("", "self", &ours);
	read_groups_of(target, &others);
	take_limit(ret, grf_memory_groups_tightest(&ours, NULL), false);
	take_limit(ret, grf_memory_groups_tightest(&ours, &others), true);
	grf_memory_groups_free(&ours);
	grf_memory_groups_free(&others);
}

void grf_memory_room_of(pid_t target, struct grf_memory_room *ret)
{
	struct grf_memory_groups groups;

	*ret = (struct grf_memory_room){.bytes = of_system("MemAvailable")};
	read_groups_of(target, &groups);
	take_limit(ret, grf_memory_groups_tightest(&groups, NULL), false);
	grf_memory_groups_free(&groups);
}

/* --- giving way ------------------------------------------------------------------------------- */

/* The groups that are ours and the target's, for as long as we live. */
static struct grf_memory_groups watched;

static void watch_groups(void);
static struct grf_watcher group_watcher = {.watch = watch_groups};

/* Whether a group has next to nothing left, page cache taken for free. */
static bool is_full(struct grf_memory_group *group)
{
	uint64_t reserve = group->limit / RESERVE_SHARE, used;

	if (reserve < RESERVE_LEAST)
		reserve = RESERVE_LEAST;
	if (reserve > RESERVE_MOST)
		reserve = RESERVE_MOST;
	if (!grf_memory_group_refresh(group))
		return false;
	used = group->used - group->cache;
	/* Where we take next to nothing ourselves, our end would not help. */
	return (used > group->limit || group->limit - used < reserve) &&
	       own_field("RssAnon") > reserve;
}

static const struct grf_memory_group *full_group(void)
{
	for (size_t i = 0; i < watched.list.count; i++)
		if (is_full(&watched.list.items[i]))
			return &watched.list.items[i];
	return NULL;
}

static void watch_groups(void)
{
	const struct grf_memory_group *group = NULL;

	/* On a busy machine it would come too late otherwise. */
	grf_priority_first();
	while (!grf_watcher_leaves(&group_watcher) && !grf_interrupted() && !(group = full_group()))
		grf_watcher_rest(&group_watcher, WATCH_INTERVAL);
	if (group)
		grf_give_up(GRF_ERROR_NO_MEMORY,
			    "gave up: the control group %s, which the process is in too, has "
			    "nearly used up its %llu MiB of memory",
			    group->path, GRF_MIB(group->limit));
}

void grf_memory_pause(void)
{
	grf_watcher_end(&group_watcher);
}

void grf_memory_resume(void)
{
	if (watched.list.count)
		grf_watcher_begin(&group_watcher);
}

void grf_memory_hold_files(void)
{
	if (own_status < 0)
		own_status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
}

/* Keeps those groups of `watched` that are in `others` too. */
static void keep_common(const struct grf_memory_groups *others)
{
	size_t kept = 0;

	for (size_t i = 0; i < watched.list.count; i++) {
		const char *path = watched.list.items[i].path;
		bool common = false;

		for (size_t k = 0; k < others->list.count; k++)
			common |= !strcmp(path, others->list.items[k].path);
		if (common)
			watched.list.items[kept++] = watched.list.items[i];
		else
			grf_memory_group_free(&watched.list.items[i]);
	}
	watched.list.count = kept;
}

void grf_memory_yield_to(pid_t target)
{
	_cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	struct grf_memory_groups others;

	if (fd < 0 || write(fd, "1000", 4) != 4)
		grf_verbose("oom_score_adj stays as it is");
	grf_memory_groups_read("", "self", &watched);
	read_groups_of(target, &others);
	keep_common(&others);
	grf_memory_groups_free(&others);
	grf_memory_hold_files();
	grf_memory_groups_hold(&watched);
	grf_memory_resume();
}

void grf_memory_report(void)
{
	if (grf_log_verbosity() < 1)
		return;
	grf_memory_hold_files();
	grf_verbose("memory: %llu MiB at the most, now %llu MiB of our own and %llu MiB of files",
		    GRF_MIB(own_field("VmHWM")), GRF_MIB(own_field("RssAnon")),
		    GRF_MIB(own_field("RssFile")));
}
