/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In a container (docker exec, kubectl exec) we are in the control group of the target, and what we
 * take counts against its limit. There are three lines of defence: what we plan to take is half of
 * what is free at the most; a thread of ours looks fifty times a second how much is left, and has
 * us give up when it is nearly nothing; and should the kernel have to end a process before that, it
 * takes us, as we raise our own oom_score_adj. A group with memory.oom.group is ended as a whole,
 * which is why the last is not enough.
 */
#include "base/memory.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/priority.h"

#define WATCH_INTERVAL 20000000 /* ns */
/* What is left of a limit when we give up: a part of it, within bounds. */
#define RESERVE_SHARE 16
#define RESERVE_LEAST (8ull << 20)
#define RESERVE_MOST  (128ull << 20)
#define MIB(bytes)    ((unsigned long long)((bytes) >> 20))

/* The number of a line "NAME: N kB" of a file, in bytes. */
static uint64_t kilobytes(const char *path, const char *name, uint64_t otherwise)
{
	FILE *file = fopen(path, "re");
	size_t length = strlen(name);
	uint64_t found = otherwise;
	char line[256];

	while (file && found == otherwise && fgets(line, sizeof(line), file)) {
		unsigned long long value;

		if (!strncmp(line, name, length) && line[length] == ':' &&
		    sscanf(line + length + 1, "%llu kB", &value) == 1 && value < UINT64_MAX / 1024)
			found = value * 1024;
	}
	if (file)
		fclose(file);
	return found;
}

uint64_t grf_memory_total(void)
{
	uint64_t total = kilobytes("/proc/meminfo", "MemTotal", UINT64_MAX);
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
	*ret = (struct grf_memory_room){.bytes =
					    kilobytes("/proc/meminfo", "MemAvailable", UINT64_MAX)};
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

	*ret = (struct grf_memory_room){.bytes =
					    kilobytes("/proc/meminfo", "MemAvailable", UINT64_MAX)};
	read_groups_of(target, &groups);
	take_limit(ret, grf_memory_groups_tightest(&groups, NULL), false);
	grf_memory_groups_free(&groups);
}

/* --- giving way ------------------------------------------------------------------------------- */

/* The groups that are ours and the target's, for as long as we live. */
static struct grf_memory_groups watched;

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
	       kilobytes("/proc/self/status", "RssAnon", 0) > reserve;
}

static const struct grf_memory_group *full_group(void)
{
	for (size_t i = 0; i < watched.list.count; i++)
		if (is_full(&watched.list.items[i]))
			return &watched.list.items[i];
	return NULL;
}

static void *watch(void *unused)
{
	const struct timespec moment = {.tv_nsec = WATCH_INTERVAL};
	const struct grf_memory_group *group = NULL;

	(void)unused;
	/* On a busy machine it would come too late otherwise. */
	grf_priority_first();
	while (!grf_interrupted() && !(group = full_group()))
		nanosleep(&moment, NULL);
	if (group)
		grf_give_up(GRF_ERROR_NO_MEMORY,
			    "gave up: the control group %s, which the process is in too, has "
			    "nearly used up its %llu MiB of memory",
			    group->path, MIB(group->limit));
	return NULL;
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
			free(watched.list.items[i].path);
	}
	watched.list.count = kept;
}

void grf_memory_yield_to(pid_t target)
{
	_cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	struct grf_memory_groups others;
	sigset_t all, before;
	pthread_t thread;

	if (fd < 0 || write(fd, "1000", 4) != 4)
		grf_verbose("oom_score_adj stays as it is");
	grf_memory_groups_read("", "self", &watched);
	read_groups_of(target, &others);
	keep_common(&others);
	grf_memory_groups_free(&others);
	if (!watched.list.count)
		return;
	/* Signals are for the threads that are at work. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!pthread_create(&thread, NULL, watch, NULL))
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void grf_memory_report(void)
{
	const char *status = "/proc/self/status";

	if (grf_log_verbosity() < 1)
		return;
	grf_verbose("memory: %llu MiB at the most, now %llu MiB of our own and %llu MiB of files",
		    MIB(kilobytes(status, "VmHWM", 0)), MIB(kilobytes(status, "RssAnon", 0)),
		    MIB(kilobytes(status, "RssFile", 0)));
}
