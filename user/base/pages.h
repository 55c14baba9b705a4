/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages of memory, as the kernel deals them out on every architecture that is handled. */
#ifndef GRF_BASE_PAGES_H
#define GRF_BASE_PAGES_H

#include <stdint.h>

#define GRF_PAGE UINT64_C(4096) /* bytes */

/* A run of addresses, [start, end); of whole pages where the user says so. */
struct grf_run {
	uint64_t start;
	uint64_t end;
};

#endif
