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
#include "hold/room.h"

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
#include "hold/private.h"

#define STATUS_BYTES 4096
#define FILE_BYTES   (64u << 10)
#define NO_LIMIT     UINT64_MAX
/* What version 1 of control groups gives as no limit, or more. */
#define LARGE_LIMIT (UINT64_MAX / 4)

struct room {
	const struct grf_target *target;
	const char *root;
	char *buffer;                             /* FILE_BYTES */
	uint64_t own, tables, committed, threads; /* of the target; bytes */
	unsigned int user;
};

/* The files of control groups, by version. */
struct group_files {
	const char *limit, *high, *used, *statistics, *unused;
};

static const struct group_files memory_files[] = {
    {"memory.limit_in_bytes", NULL, "memory.usage_in_bytes", "memory.stat",
     "\ntotal_inactive_file "},
    {"memory.max", "memory.high", "memory.current", "memory.stat", "\ninactive_file "},
};

static const struct group_files pids_files = {"pids.max", NULL, "pids.current", NULL, NULL};

/* The number behind `name` in a text of lines, `otherwise` where it has no such line. */
static uint64_t field(const char *text, const char *name, uint64_t otherwise)
{
	const char *found = strstr(text, name);

	if (!found)
		return otherwise;
	found += strlen(name);
	while (*found == ' ' || *found == '\t')
		found++;
	return isdigit((unsigned char)*found) ? strtoull(found, NULL, 10) : otherwise;
}

/* Reads a file under the root into the buffer. */
static bool read_file(const struct room *room, const char *directory, const char *name)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s%s/%s", room->root, directory, name) >=
	    (int)sizeof(path))
		return false;
	return grf_target_read_small(AT_FDCWD, path, room->buffer, FILE_BYTES) >= 0;
}

/* The number in a file; NO_LIMIT where the file is missing, or it says "max". */
static uint64_t read_number(const struct room *room, const char *directory, const char *name)
{
	uint64_t value;

	if (!name || !read_file(room, directory, name) || !isdigit((unsigned char)room->buffer[0]))
		return NO_LIMIT;
	value = strtoull(room->buffer, NULL, 10);
	return value > LARGE_LIMIT ? NO_LIMIT : value;
}

/* One control group. */
static struct grf_error *check_group(const struct room *room, const char *directory,
				     const struct group_files *files, uint64_t wanted,
				     const char *what)
{
	uint64_t limit = read_number(room, directory, files->limit);
	uint64_t high = read_number(room, directory, files->high);
	uint64_t used = read_number(room, directory, files->used), unused = 0;

	if (high < limit)
		limit = high;
	if (limit == NO_LIMIT)
		return NULL;
	if (files->statistics && read_file(room, directory, files->statistics))
		unused = field(room->buffer, files->unused, 0);
	if (used != NO_LIMIT && unused < used)
		used -= unused;
	if (used < limit && wanted <= limit - used)
		return NULL;
	return grf_error_create(
	    GRF_ERROR_UNSUPPORTED,
	    "process %d: a child may need %llu %s, and its control group %s has "
	    "%llu left",
	    room->target->pid, (unsigned long long)wanted, what, directory,
	    (unsigned long long)(used < limit ? limit - used : 0));
}

/* From a control group up to where its file system is mounted. */
static struct grf_error *check_groups(const struct room *room, char *directory, size_t mount_length,
				      const struct group_files *files, uint64_t wanted,
				      const char *what)
{
	char path[PATH_MAX];
	struct grf_error *error = NULL;

	if (snprintf(path, sizeof(path), "%s%s", room->root, directory) >= (int)sizeof(path) ||
	    access(path, R_OK | X_OK))
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					"process %d: its control group %s, which may have limits, "
					"cannot be seen from here",
					room->target->pid, directory);
	for (;;) {
		char *end;

		error = check_group(room, directory, files, wanted, what);
		end = strrchr(directory, '/');
		if (error || !end || end < directory + mount_length)
			return error;
		*end = '\0';
	}
}

/* Whether a list that is separated by commas has `word`. */
static bool has_word(const char *list, size_t length, const char *word)
{
	size_t wanted = strlen(word);

	for (const char *at = list, *end = list + length; at < end;) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		size_t here = (size_t)((comma ? comma : end) - at);

		if (here == wanted && !memcmp(at, word, wanted))
			return true;
		at += here + 1;
	}
	return false;
}

/*
 * Where a hierarchy of control groups is mounted, and from which of them on; by its controller, or
 * the one of version 2 (NULL).
 */
static bool find_mount(const struct room *room, const char *controller, char *ret_root,
		       char *ret_point)
{
	char *next;

	if (!read_file(room, "/proc/self", "mountinfo"))
		return false;
	for (char *line = strtok_r(room->buffer, "\n", &next); line;
	     line = strtok_r(NULL, "\n", &next)) {
		char type[32], options[256];
		const char *rest = strstr(line, " - ");

		if (!rest || sscanf(rest, " - %31s %*s %255s", type, options) != 2 ||
		    sscanf(line, "%*s %*s %*s %1023s %1023s", ret_root, ret_point) != 2)
			continue;
		if (controller
			? !strcmp(type, "cgroup") && has_word(options, strlen(options), controller)
			: !strcmp(type, "cgroup2"))
			return true;
	}
	return false;
}

/* A line of /proc/PID/cgroup: "3:cpu,cpuacct:/path", "0::/path". */
static struct grf_error *check_hierarchy(const struct room *room, const char *controller,
					 const char *path, const struct group_files *files,
					 uint64_t wanted, const char *what)
{
	char root[1024], point[1024], directory[PATH_MAX];
	size_t skip;

	if (!find_mount(room, controller, root, point))
		return !strcmp(path, "/")
			   ? NULL
			   : grf_error_create(
				 GRF_ERROR_UNSUPPORTED,
				 "process %d: the limits of its control group cannot be "
				 "seen from here",
				 room->target->pid);
	/* A mount may begin further down. */
	skip = strcmp(root, "/") != 0 && !strncmp(path, root, strlen(root)) ? strlen(root) : 0;
	if (snprintf(directory, sizeof(directory), "%s%s", point,
		     strcmp(path + skip, "/") != 0 ? path + skip : "") >= (int)sizeof(directory))
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					"process %d: the path of its control group is too long",
					room->target->pid);
	return check_groups(room, directory, strlen(point), files, wanted, what);
}

static struct grf_error *check_line(const struct room *room, char *line)
{
	char *controllers = strchr(line, ':'),
	     *path = controllers ? strchr(controllers + 1, ':') : 0;
	uint64_t bytes = room->own + room->tables;
	struct grf_error *error = NULL;
	size_t length;

	if (!path)
		return NULL;
	controllers++;
	length = (size_t)(path++ - controllers);
	if (!length) {
		error = check_hierarchy(room, NULL, path, &memory_files[1], bytes, "bytes");
		if (!error)
			error = check_hierarchy(room, NULL, path, &pids_files, 1, "process");
	}
	if (!error && has_word(controllers, length, "memory"))
		error = check_hierarchy(room, "memory", path, &memory_files[0], bytes, "bytes");
	if (!error && has_word(controllers, length, "pids"))
		error = check_hierarchy(room, "pids", path, &pids_files, 1, "process");
	return error;
}

static struct grf_error *check_control_groups(const struct room *room)
{
	_cleanup_free_ char *lines = NULL;
	struct grf_error *error = NULL;
	char *next;

	if (grf_target_read_small(room->target->directory, "cgroup", room->buffer, FILE_BYTES) < 0)
		return NULL; /* a kernel without any */
	lines = strdup(room->buffer);
	if (!lines)
		return grf_error_no_memory();
	for (char *line = strtok_r(lines, "\n", &next); line && !error;
	     line = strtok_r(NULL, "\n", &next))
		error = check_line(room, line);
	return error;
}

/* Our own copy is not in this; it has a check of its own. */
static struct grf_error *check_system(const struct room *room)
{
	uint64_t available, committed, limit, wanted = room->own + room->tables;

	if (!read_file(room, "/proc", "meminfo"))
		return NULL;
	available = field(room->buffer, "MemAvailable:", NO_LIMIT / 1024) * 1024;
	limit = field(room->buffer, "CommitLimit:", NO_LIMIT / 1024) * 1024;
	committed = field(room->buffer, "Committed_AS:", 0) * 1024;
	if (wanted > available)
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					"process %d: a child may need %llu MiB of memory, and %llu "
					"are free",
					room->target->pid, (unsigned long long)(wanted >> 20),
					(unsigned long long)(available >> 20));
	if (read_number(room, "/proc/sys/vm", "overcommit_memory") != 2)
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
		    field(room->buffer, "\nUid:", NO_LIMIT) != room->user)
			continue;
		count += field(room->buffer, "\nThreads:", 1);
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
	    grf_target_read_small(room->target->directory, "limits", room->buffer, FILE_BYTES) < 0)
		return NULL;
	limit = field(room->buffer, "\nMax processes", NO_LIMIT);
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
	char status[STATUS_BYTES];

	if (grf_target_read_small(room->target->directory, "status", status, sizeof(status)) < 0)
		return grf_target_exited(room->target->pid);
	room->own = field(status, "\nRssAnon:", field(status, "\nVmRSS:", 0)) * 1024;
	room->tables = field(status, "\nVmPTE:", 0) * 1024;
	room->committed =
	    (field(status, "\nVmData:", 0) + field(status, "\nVmStk:", 0)) * 1024 + room->tables;
	room->user = (unsigned int)field(status, "\nUid:", 0);
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
