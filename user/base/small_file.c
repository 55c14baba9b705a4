/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"

ssize_t grf_small_file_read(int directory, const char *name, char *buffer, size_t size)
{
	_cleanup_close_ int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return -1;
	do
		length = read(fd, buffer, size - 1);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return -1;
	buffer[length] = '\0';
	return length;
}
