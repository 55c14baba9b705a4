/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which pages of a process were written to since they were last looked at: write protection under
 * userfaultfd(2) that the kernel takes off by itself at the first write (WP_ASYNC, Linux 6.7), read
 * with PAGEMAP_SCAN. All of it from outside, while the process runs.
 */
#ifndef GRF_CAPTURE_USERFAULT_H
#define GRF_CAPTURE_USERFAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "capture/resident.h"

/* A run of pages. */
struct grf_page_run {
	uint64_t start;
	uint64_t end;
	bool empty; /* nothing there, or the kernel's page of zeros; only told by FIRST, WRITTEN,
		     * SEAL and EXISTING */
};

/* What a scan looks for. */
enum grf_scan {
	GRF_SCAN_FIRST,   /* pages that exist; protects them */
	GRF_SCAN_WRITTEN, /* those of them that were written to since; protects them anew */
	GRF_SCAN_CHANGED, /* the same, and pages that do not exist (any more): in 0.3 ms a GB, where
			   * the others take ten times as long */
	GRF_SCAN_SEAL,    /* as CHANGED; protects them, also pages that do not exist */
	GRF_SCAN_SWAPPED, /* swapped pages that were written to since: kernels before 6.15 or so
			   * take some of them for protected when they look for CHANGED */
	GRF_SCAN_EXISTING, /* pages that exist, under protection or not */
};

enum grf_scan_result {
	GRF_SCAN_DONE,
	GRF_SCAN_MORE,    /* `runs` is full: go on at *ret_next */
	GRF_SCAN_UNKNOWN, /* some of it is not under protection: mapped since */
	GRF_SCAN_FAILED,
};

/* Agrees with the kernel on what `descriptor`, a new userfaultfd, is for. */
struct grf_error *grf_userfault_begin(int descriptor);

/* Takes a mapping, or a part of one, under protection. False: the kernel cannot do it for these. */
bool grf_userfault_register(int descriptor, uint64_t start, uint64_t end);

/* Lets go of it again, in pieces, so that the process never waits long for its memory map. */
void grf_userfault_unregister(int descriptor, uint64_t start, uint64_t end);

/* Scans [from, to). Allocates nothing; safe to call from several threads. */
enum grf_scan_result grf_userfault_scan(int pagemap, enum grf_scan what, uint64_t from, uint64_t to,
					struct grf_page_run *runs, size_t capacity,
					size_t *ret_count, uint64_t *ret_next);

#endif
