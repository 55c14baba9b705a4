/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory control groups of a process that have a limit, of version 1 and 2 alike. */
#ifndef GRF_BASE_MEMORY_MEMORY_GROUPS_H
#define GRF_BASE_MEMORY_MEMORY_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"

/* Bytes. What is charged to a group includes page cache, which the kernel takes back. */
struct grf_memory_group {
	char *path;     /* by which it is seen here */
	bool version_2; /* of control groups */
	uint64_t limit; /* the lower of the hard one and memory.high */
	uint64_t used;
	uint64_t unused_cache; /* of it page cache that nobody used of late */
	uint64_t cache;        /* of it page cache, but for what has to be written first */
	/* What is read again, held open; 0: opened each time. */
	int used_file, statistics_file;
};

/* Of one process: its own group and those above it, as far as they are seen and have a limit. */
struct grf_memory_groups {
	GRF_ARRAY(struct grf_memory_group) list;
	char *hidden; /* the path of one that cannot be seen from here; NULL: all are seen */
};

/*
 * Reads the groups of `process`, the name of a folder in /proc ("self"), with everything under
 * `root` instead of / (for tests; "" otherwise). What cannot be read has no limit.
 */
void grf_memory_groups_read(const char *root, const char *process, struct grf_memory_groups *ret);
/* The same of the lines of /proc/PID/cgroup, which were read before. */
void grf_memory_groups_parse(const char *root, const char *lines, struct grf_memory_groups *ret);
void grf_memory_groups_free(struct grf_memory_groups *groups);
/* What one of them has. */
void grf_memory_group_free(struct grf_memory_group *group);

/* Reads again what is charged to the group. False: it is gone. */
bool grf_memory_group_refresh(struct grf_memory_group *group);

/* Holds the files of the groups open that are read again, for when none can be opened any more. */
void grf_memory_groups_hold(struct grf_memory_groups *groups);

/* What may be charged to the group beside what is, with its unused cache taken for free. */
uint64_t grf_memory_group_room(const struct grf_memory_group *group);

/* The group of `groups` with the least room, only of those that are in `others` too unless that is
 * NULL. NULL: none has a limit. */
const struct grf_memory_group *grf_memory_groups_tightest(const struct grf_memory_groups *groups,
							  const struct grf_memory_groups *others);

#endif
