/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Searches the executable memory of a process for the code of an executable that the kernel did
 * not load.
 */
#include "program/unpacked.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "capture/copy/maps.h"
#include "image/code_place.h"
#include "program/process_maps.h"
#include "program/source.h"

typedef GRF_ARRAY(struct grf_code_range) range_array;

static size_t read_process(void *context, uint64_t address, void *buffer, size_t length)
{
	ssize_t size = pread(*(int *)context, buffer, length, (off_t)address);

	return size > 0 ? (size_t)size : 0;
}

/* What the process may execute. */
static void add_ranges(const char *text, size_t length, range_array *ranges)
{
	const char *at = text, *end = text + length;
	struct grf_map_line line;

	while (grf_map_parse(&at, end, &line)) {
		struct grf_code_range *range = NULL;

		if (line.flags & GRF_SEGMENT_EXECUTE)
			range = grf_array_add(ranges);
		if (range)
			*range = (struct grf_code_range){line.start, line.end};
	}
}

static bool is_go_program(struct grf_executable *executable)
{
	_cleanup_error_ struct grf_error *error = NULL;

	if (grf_executable_is_library(executable))
		return false;
	error = grf_check_executable(executable);
	return !error;
}

bool grf_unpacked_place(pid_t pid, struct grf_executable *executable)
{
	_cleanup_error_ struct grf_error *error = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -1;
	struct grf_code_memory memory = {.read = read_process, .context = &fd};
	range_array ranges = {0};
	size_t length = 0;
	uint64_t bias;
	char name[32];
	bool found;

	if (!is_go_program(executable))
		return false;
	snprintf(name, sizeof(name), "/proc/%d/mem", pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	error = fd < 0 ? NULL : grf_process_maps_read(pid, &text, &length);
	if (fd < 0 || error)
		return false;
	add_ranges(text, length, &ranges);
	memory.ranges = ranges.items;
	memory.count = ranges.count;
	found = grf_code_find(executable, &memory, &bias);
	grf_array_free(&ranges);
	if (!found)
		return false;
	grf_executable_place_at(executable, bias);
	grf_verbose("process %d runs %s from memory that it was unpacked to, moved by %#llx", pid,
		    grf_executable_path(executable), (unsigned long long)bias);
	return true;
}
