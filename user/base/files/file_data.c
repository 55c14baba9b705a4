/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Skips holes with SEEK_DATA. The checksum of a hole is computed from that of zeros, without
 * reading it.
 */
#include "base/files/file_data.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/log.h"

#define READ_BYTES (1u << 20)
/* Smaller ones are read: to calculate takes as long. */
#define LARGE_HOLE (4ull << 20)
#define SIZE_BITS  64

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

/* The checksum of 2^i zeros, for each i. */
struct zeros {
	uLong of[SIZE_BITS];
};

static void count_zeros(struct zeros *ret)
{
	static const uint8_t zero;

	ret->of[0] = crc32(crc32(0, NULL, 0), &zero, 1);
	for (unsigned int i = 1; i < SIZE_BITS - 1; i++)
		ret->of[i] =
		    crc32_combine(ret->of[i - 1], ret->of[i - 1], (off_t)((uint64_t)1 << (i - 1)));
}

static uLong add_zeros(const struct zeros *zeros, uLong checksum, uint64_t length)
{
	for (unsigned int i = 0; i < SIZE_BITS - 1; i++)
		if (length >> i & 1)
			checksum = crc32_combine(checksum, zeros->of[i], (off_t)((uint64_t)1 << i));
	return checksum;
}

/* The first byte behind the hole at `at`, if that is a large one, else `at`. */
static uint64_t behind_hole(int fd, uint64_t at, uint64_t end)
{
	off_t found = lseek(fd, (off_t)at, SEEK_DATA);
	uint64_t data = found < 0 && errno == ENXIO ? end : found < 0 ? at : (uint64_t)found;

	if (data > end)
		data = end;
	return data - at >= LARGE_HOLE ? data : at;
}

bool grf_file_checksum(int fd, uint64_t limit, uint32_t *ret)
{
	_cleanup_free_ uint8_t *buffer = malloc(READ_BYTES);
	uLong checksum = crc32(0, NULL, 0);
	struct zeros zeros;
	struct stat status;
	uint64_t at = 0, end;

	if (!buffer || fstat(fd, &status) || (uint64_t)status.st_size > limit)
		return false;
	end = (uint64_t)status.st_size;
	count_zeros(&zeros);
	while (at < end && !grf_interrupted()) {
		uint64_t behind = behind_hole(fd, at, end), left;
		ssize_t length;

		checksum = add_zeros(&zeros, checksum, behind - at);
		at = behind;
		left = end - at;
		length =
		    pread(fd, buffer, left < READ_BYTES ? (size_t)left : READ_BYTES, (off_t)at);
		if (length < 0 || (left && !length))
			return false;
		checksum = crc32(checksum, buffer, (uInt)length);
		at += (uint64_t)length;
	}
	*ret = (uint32_t)checksum;
	return at == end;
}
