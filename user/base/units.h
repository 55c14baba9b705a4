/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers as people read them. Each result is in a buffer that the same thread uses again after 16
 * calls. */
#ifndef GRF_BASE_UNITS_H
#define GRF_BASE_UNITS_H

#include <stdint.h>

/* Whole MiB, for messages. */
#define GRF_MIB(bytes) ((unsigned long long)((bytes) >> 20))

/* "1.5 GiB", "336 B": at most four significant digits. */
const char *grf_format_bytes(uint64_t bytes);
/* "12,900,123". */
const char *grf_format_count_of(uint64_t count);
/* Nanoseconds as "360 us", "3.77 ms", "12.5 s". */
const char *grf_format_time(uint64_t nanoseconds);

#endif
