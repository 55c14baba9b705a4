/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control groups that a process is in, of version 1 and 2 alike, and what their files say. What
 * the limits mean is up to the caller: memory_groups.h, hold/calls/room.c.
 */
#ifndef GRF_BASE_MEMORY_CONTROL_GROUPS_H
#define GRF_BASE_MEMORY_CONTROL_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that are read of a file, with the NUL that ends them. */
#define GRF_GROUP_FILE_BYTES (64u << 10)
#define GRF_GROUP_NO_LIMIT   UINT64_MAX

/* Valid while it is visited. */
struct grf_control_group {
	const char *path; /* of its folder, as it is seen here */
	bool version_2;
	bool own; /* the process is in it, and not in one below */
};

/* Whose groups, and which. */
struct grf_control_groups {
	const char *root;       /* everything is under it instead of /, for tests; "" otherwise */
	const char *lines;      /* of /proc/PID/cgroup */
	const char *controller; /* "memory" */
};

typedef void grf_control_group_visit(void *context, const struct grf_control_group *group);

/*
 * Calls `visit` for the group that the process is in and all above it, in each hierarchy with the
 * controller, from below upwards. Returns the path of a group that may have limits and that cannot
 * be seen from here, as /proc/PID/cgroup has it, for the caller to free; NULL: all are seen.
 */
char *grf_control_groups_visit(const struct grf_control_groups *groups,
			       grf_control_group_visit *visit, void *context);

/* Opens a file of a group; -1: it has none. */
int grf_group_file_open(const char *group, const char *name);

/* Reads a file of a group, by the group's path, into `buffer`, GRF_GROUP_FILE_BYTES long, and ends
 * it with NUL. */
bool grf_group_read(const char *group, const char *name, char *buffer);

/* The number in a file, with `buffer` as room to read it; `otherwise` where there is no such file
 * (also for a `name` of NULL), or it says "max". */
uint64_t grf_group_number(const char *group, const char *name, char *buffer, uint64_t otherwise);

#endif
