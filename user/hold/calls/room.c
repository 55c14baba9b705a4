/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A copy of the target that costs nothing at first comes to cost what the target writes while the
 * copy exists: each such page exists twice from then on. At worst that is all of its own memory,
 * and the tables of its pages at once. Where a limit is reached the kernel ends processes, and the
 * target would be the first. So before anything is done it is looked whether there is room
 *
 * - in the memory control groups of the target, all the way up: what is free of the limit, with
 *   page cache that nobody used of late counted as free. memory.high counts as a limit too, as it
 *   slows down who exceeds it;
 * - in its pids control groups, and under RLIMIT_NPROC of its user, for one process;
 * - in the system's memory, and in what it lets processes commit to (vm.overcommit_memory 2).
 *
 * A control group that cannot be seen from here, from inside a container for example, may have any
 * limit; there is no room in it.
 */
#include "hold/calls/room.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files/fields.h"
#include "base/files/small_file.h"
#include "base/memory/control_groups.h"
#include "base/memory/memory_groups.h"
#include "hold/private.h"

#define FILE_BYTES GRF_GROUP_FILE_BYTES
#define NO_LIMIT   GRF_GROUP_NO_LIMIT

struct room {
	const struct grf_target *target;
	const char *root;
	char *buffer;                             /* FILE_BYTES */
	uint64_t own, tables, committed, threads; /* of the target; bytes */
	unsigned int user;
};

/* Reads a file under the root into the buffer. */
static bool read_file(const struct room *room, const char *directory, const char *name)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s%s/%s", room->root, directory, name) >=
	    (int)sizeof(path))
		return false;
	return grf_small_file_read(AT_FDCWD, path, room->buffer, FILE_BYTES) >= 0;
}

static struct grf_error *check_hidden(const struct room *room, const char *hidden)
{
	if (!hidden)
		return NULL;
	return grf_error_create(
	    GRF_ERROR_UNSUPPORTED,
	    "process %d: its control group %s, which may have limits, cannot be "
	    "seen from here",
	    room->target->pid, hidden);
}

static struct grf_error *no_group_room(const struct room *room, const char *group, uint64_t wanted,
				       const char *what, uint64_t left)
{
	return grf_error_create(
	    GRF_ERROR_UNSUPPORTED,
	    "process %d: a child may need %llu %s, and its control group %s has "
	    "%llu left",
	    room->target->pid, (unsigned long long)wanted, what, group, (unsigned long long)left);
}

static struct grf_error *check_memory_groups(const struct room *room, const char *lines)
{
	uint64_t wanted = room->own + room->tables;
	const struct grf_memory_group *tightest;
	struct grf_memory_groups groups;
	struct grf_error *error;

	grf_memory_groups_parse(room->root, lines, &groups);
	error = check_hidden(room, groups.hidden);
	tightest = grf_memory_groups_tightest(&groups, NULL);
	if (!error && tightest && grf_memory_group_room(tightest) < wanted)
		error = no_group_room(room, tightest->path, wanted, "bytes",
				      grf_memory_group_room(tightest));
	grf_memory_groups_free(&groups);
	return error;
}

/* Takes the first control group that has no room for one process more. */
struct full_group {
	const struct room *room;
	struct grf_error *error;
};

static void check_pids_group(void *context, const struct grf_control_group *group)
{
	struct full_group *full = context;
	char *buffer = full->room->buffer;
	uint64_t limit = grf_group_number(group->path, "pids.max", buffer, NO_LIMIT);
	uint64_t used = grf_group_number(group->path, "pids.current", buffer, NO_LIMIT);

	if (!full->error && limit != NO_LIMIT && used >= limit)
		full->error = no_group_room(full->room, group->path, 1, "process", 0);
}

static struct grf_error *check_pids_groups(const struct room *room, const char *lines)
{
	const struct grf_control_groups groups = {room->root, lines, "pids"};
	struct full_group full = {.room = room};
	_cleanup_free_ char *hidden = grf_control_groups_visit(&groups, check_pids_group, &full);

	return full.error ? full.error : check_hidden(room, hidden);
}

static struct grf_error *check_control_groups(const struct room *room)
{
	_cleanup_free_ char *lines = NULL;
	struct grf_error *error;

	if (grf_small_file_read(room->target->directory, "cgroup", room->buffer, FILE_BYTES) < 0)
		return NULL; /* a kernel without any */
	lines = strdup(room->buffer);
	if (!lines)
		return grf_error_no_memory();
	error = check_memory_groups(room, lines);
	return error ? error : check_pids_groups(room, lines);
}

/* Our own copy is not in this; it has a check of its own. */
static struct grf_error *check_system(const struct room *room)
{
	uint64_t available, committed, limit, wanted = room->own + room->tables;

	if (!read_file(room, "/proc", "meminfo"))
		return NULL;
	available = grf_field_bytes(room->buffer, "MemAvailable", NO_LIMIT);
	limit = grf_field_bytes(room->buffer, "CommitLimit", NO_LIMIT);
	committed = grf_field_bytes(room->buffer, "Committed_AS", 0);
	if (wanted > available)
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					"process %d: a child may need %llu MiB of memory, and %llu "
					"are free",
					room->target->pid, (unsigned long long)(wanted >> 20),
					(unsigned long long)(available >> 20));
	if (!read_file(room, "/proc/sys/vm", "overcommit_memory") ||
	    grf_number_parse(room->buffer, 0) != 2)
		return NULL;
	if (committed < limit && room->committed <= limit - committed)
		return NULL;
	return grf_error_create(
	    GRF_ERROR_UNSUPPORTED,
	    "process %d: a child commits to %llu MiB of memory, and vm.overcommit_memory 2 lets it "
	    "have %llu",
	    room->target->pid, (unsigned long long)(room->committed >> 20),
	    (unsigned long long)((committed < limit ? limit - committed : 0) >> 20));
}

/* How many threads the user has, who is counted by them. */
static uint64_t count_threads(const struct room *room)
{
	char path[PATH_MAX];
	struct dirent *entry;
	uint64_t count = 0;
	DIR *proc;

	snprintf(path, sizeof(path), "%s/proc", room->root);
	proc = opendir(path);
	while (proc && (entry = readdir(proc))) {
		snprintf(path, sizeof(path), "/proc/%.20s", entry->d_name);
		if (!isdigit((unsigned char)entry->d_name[0]) || !read_file(room, path, "status") ||
		    grf_field_number(room->buffer, "Uid", NO_LIMIT) != room->user)
			continue;
		count += grf_field_number(room->buffer, "Threads", 1);
	}
	if (proc)
		closedir(proc);
	return count;
}

/* The superuser's processes are not limited. */
static struct grf_error *check_user(const struct room *room)
{
	uint64_t limit, count;

	if (!room->user ||
	    grf_small_file_read(room->target->directory, "limits", room->buffer, FILE_BYTES) < 0)
		return NULL;
	limit = grf_field_number(room->buffer, "Max processes", NO_LIMIT);
	count = limit == NO_LIMIT ? 0 : count_threads(room);
	if (count < limit)
		return NULL;
	return grf_error_create(GRF_ERROR_UNSUPPORTED,
				"process %d: its user has %llu threads and may have %llu "
				"(RLIMIT_NPROC): none is left for a child",
				room->target->pid, (unsigned long long)count,
				(unsigned long long)limit);
}

static struct grf_error *read_target(struct room *room)
{
	char status[GRF_STATUS_BYTES];

	if (grf_small_file_read(room->target->directory, "status", status, sizeof(status)) < 0)
		return grf_target_exited(room->target->pid);
	room->own = grf_field_bytes(status, "RssAnon", grf_field_bytes(status, "VmRSS", 0));
	room->tables = grf_field_bytes(status, "VmPTE", 0);
	room->committed = grf_field_bytes(status, "VmData", 0) +
			  grf_field_bytes(status, "VmStk", 0) + room->tables;
	room->user = (unsigned int)grf_field_number(status, "Uid", 0);
	return NULL;
}

struct grf_error *grf_room_for_child_under(const struct grf_target *target, const char *root)
{
	_cleanup_free_ char *buffer = malloc(FILE_BYTES);
	struct room room = {.target = target, .root = root, .buffer = buffer};
	struct grf_error *error;

	if (!buffer)
		return grf_error_no_memory();
	error = read_target(&room);
	if (!error)
		error = check_control_groups(&room);
	if (!error)
		error = check_user(&room);
	return error ? error : check_system(&room);
}

struct grf_error *grf_room_for_child(const struct grf_target *target)
{
	return grf_room_for_child_under(target, "");
}
