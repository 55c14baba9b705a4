/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages of memory, as the kernel deals them out on every architecture that is handled. */
#ifndef GRF_BASE_PAGES_H
#define GRF_BASE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define GRF_PAGE UINT64_C(4096) /* bytes */

/* A run of addresses, [start, end); of whole pages where the user says so. */
struct grf_run {
	uint64_t start;
	uint64_t end;
};

/* Whether bytes are all zero, `size` of them, at least 1. */
static inline bool grf_is_zero(const uint8_t *data, size_t size)
{
	return !data[0] && !memcmp(data, data + 1, size - 1);
}

/* The index of the first of `count` ascending runs that ends behind an address; `count`: none. */
static inline size_t grf_run_behind(const struct grf_run *runs, size_t count, uint64_t address)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (runs[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

#endif
