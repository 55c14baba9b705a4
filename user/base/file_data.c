/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/file_data.h"

#include <errno.h>
#include <unistd.h>

uint64_t grf_file_next_data(int fd, uint64_t *at, uint64_t end)
{
	off_t data, hole;

	if (*at >= end)
		return 0;
	data = lseek(fd, (off_t)*at, SEEK_DATA);
	if (data < 0)
		return errno == ENXIO ? 0 : end;
	if ((uint64_t)data >= end)
		return 0;
	hole = lseek(fd, data, SEEK_HOLE);
	*at = (uint64_t)data;
	return hole <= data || (uint64_t)hole > end ? end : (uint64_t)hole;
}

uint64_t grf_file_data(int fd, uint64_t start, uint64_t end)
{
	uint64_t at = start, until, bytes = 0;

	for (; (until = grf_file_next_data(fd, &at, end)); at = until)
		bytes += until - at;
	return bytes;
}
