/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formats bytes, counts and times. A few buffers per thread take turns, so one printf() can show
 * several numbers.
 */
#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>

#define BUFFERS 16
static char *next_buffer(void)
{
	static _Thread_local char buffers[BUFFERS][40];
	static _Thread_local unsigned int turn;

	return buffers[turn++ % BUFFERS];
}

const char *grf_format_bytes(uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	char *buffer = next_buffer();
	double value = (double)bytes;
	unsigned int unit = 0;

	/* 1023.5 KiB would print as 1024 KiB. */
	while (value >= 1023.5 && unit < 6) {
		value /= 1024;
		unit++;
	}
	if (!unit)
		snprintf(buffer, 40, "%" PRIu64 " B", bytes);
	else
		snprintf(buffer, 40, "%.*f %s",
			 value < 9.995   ? 2
			 : value < 99.95 ? 1
					 : 0,
			 value, units[unit]);
	return buffer;
}

const char *grf_format_count_of(uint64_t count)
{
	char digits[24], *buffer = next_buffer(), *to = buffer;
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, count);

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return buffer;
}

const char *grf_format_time(uint64_t nanoseconds)
{
	char *buffer = next_buffer();

	if (nanoseconds < 1000000)
		snprintf(buffer, 40, "%.0f us", (double)nanoseconds / 1e3);
	else if (nanoseconds < 1000000000)
		snprintf(buffer, 40, "%.2f ms", (double)nanoseconds / 1e6);
	else if (nanoseconds < 100 * (uint64_t)1000000000)
		snprintf(buffer, 40, "%.2f s", (double)nanoseconds / 1e9);
	else if (nanoseconds < 100 * (uint64_t)60 * 1000000000)
		snprintf(buffer, 40, "%.1f min", (double)nanoseconds / 60e9);
	else
		snprintf(buffer, 40, "%.1f h", (double)nanoseconds / 3600e9);
	return buffer;
}
