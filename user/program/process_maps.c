/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads /proc/PID/maps whole, and strips the mark of deleted files from its paths. */
#include "program/process_maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MAPS_LIMIT (256u << 20)

struct grf_error *grf_process_maps_read(pid_t pid, char **ret, size_t *ret_length)
{
	_cleanup_close_ int fd = -1;
	size_t room = 0, length = 0;
	char *text = NULL, name[64];
	ssize_t part = 1;

	snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return grf_error_errno(GRF_ERROR_OTHER, errno, "cannot open %s", name);
	while (part > 0 && length < MAPS_LIMIT) {
		if (length == room) {
			char *grown = realloc(text, room += room + 65536);

			if (!grown) {
				free(text);
				return grf_error_no_memory();
			}
			text = grown;
		}
		part = read(fd, text + length, room - length);
		length += part > 0 ? (size_t)part : 0;
	}
	*ret = text;
	*ret_length = length;
	return NULL;
}

size_t grf_path_without_mark(const char *path, size_t length)
{
	static const char mark[] = " (deleted)";
	size_t size = sizeof(mark) - 1;

	return length > size && !memcmp(path + length - size, mark, size) ? length - size : length;
}
