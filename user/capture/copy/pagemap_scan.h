/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc/PID/pagemap: its entries, and PAGEMAP_SCAN of Linux 6.7 (linux/fs.h), which older headers
 * lack. */
#ifndef GRF_CAPTURE_COPY_PAGEMAP_SCAN_H
#define GRF_CAPTURE_COPY_PAGEMAP_SCAN_H

#include <stdint.h>
#include <sys/ioctl.h>

/* An entry for each page (Documentation/admin-guide/mm/pagemap.rst). */
#define GRF_ENTRY_PRESENT    (1ull << 63)
#define GRF_ENTRY_SWAPPED    (1ull << 62)
#define GRF_ENTRY_FILE       (1ull << 61)
#define GRF_ENTRY_SOFT_DIRTY (1ull << 55)
#define GRF_ENTRY_FRAME      ((1ull << 55) - 1)

struct grf_page_region {
	uint64_t start;
	uint64_t end;
	uint64_t categories;
};

struct grf_scan_argument {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;
	uint64_t vec;
	uint64_t vec_len;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;
	uint64_t category_anyof_mask;
	uint64_t return_mask;
};

#define GRF_PAGEMAP_SCAN _IOWR('f', 16, struct grf_scan_argument)

/* What a page is. */
#define GRF_PAGE_WRITTEN (1u << 1) /* since it was protected */
#define GRF_PAGE_FILE    (1u << 2)
#define GRF_PAGE_PRESENT (1u << 3)
#define GRF_PAGE_SWAPPED (1u << 4)
#define GRF_PAGE_ZERO    (1u << 5) /* the shared page of zeros: nothing to copy */

/* What a scan does besides. */
#define GRF_SCAN_PROTECT (1u << 0) /* protects what it finds */
#define GRF_SCAN_CHECK   (1u << 1) /* fails where pages are not under protection */

#endif
