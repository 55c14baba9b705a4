/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads as much of a file as fits, and puts a zero byte behind it. */
#include "base/files/small_file.h"

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

bool grf_open_file_read(int fd, char *buffer, size_t size)
{
	size_t length = 0;
	ssize_t got = 1;

	while (fd >= 0 && got > 0 && length < size - 1) {
		got = pread(fd, buffer + length, size - 1 - length, (off_t)length);
		length += got > 0 ? (size_t)got : 0;
	}
	buffer[length] = '\0';
	return fd >= 0 && got >= 0;
}
