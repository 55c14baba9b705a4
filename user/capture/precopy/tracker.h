/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pre-copy asks of whoever knows which pages of a process changed since they were copied.
 * There are two: write protection under userfaultfd (userfault.h), and the kernel's soft-dirty bits
 * (soft_dirty.h). All of it from outside, while the process runs.
 */
#ifndef GRF_CAPTURE_PRECOPY_TRACKER_H
#define GRF_CAPTURE_PRECOPY_TRACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A run of pages. */
struct grf_page_run {
	uint64_t start;
	uint64_t end;
	bool empty; /* nothing there, or the kernel's page of zeros; told by FIRST, WRITTEN, SEAL,
		     * COPY and EXISTING, and by CHANGED where the tracker tells_empty */
};

/* What a scan looks for. */
enum grf_scan {
	GRF_SCAN_FIRST,   /* pages that exist; protects them */
	GRF_SCAN_WRITTEN, /* those of them that were written to since; protects them again */
	GRF_SCAN_CHANGED, /* the same, and pages that do not exist (any more): in 0.3 ms a GB, where
			   * the others take ten times as long */
	GRF_SCAN_SEAL,    /* as CHANGED; protects them, also pages that do not exist */
	GRF_SCAN_SWAPPED, /* swapped pages that were written to since: kernels before 6.15 or so
			   * take some of them for protected when they look for CHANGED */
	GRF_SCAN_COPY,    /* pages that exist, and are to be copied as soon as this returns */
	GRF_SCAN_EXISTING, /* pages that exist, under protection or not */
};

enum grf_scan_result {
	GRF_SCAN_DONE,
	GRF_SCAN_MORE,    /* `runs` is full: go on at *ret_next */
	GRF_SCAN_UNKNOWN, /* some of it is not under protection: mapped since */
	GRF_SCAN_FAILED,
};

struct grf_tracker;

struct grf_tracker_kind {
	const char *name;
	/* Knows only of memory without a file; other pieces are copied whole at the stop. */
	bool only_anonymous;
	bool tells_empty; /* see above; there is nothing to be asked with SWAPPED then */
	/* Takes a range, of one mapping, under watch. False: that cannot be done; then all of it
	 * counts as changed. */
	bool (*watch)(struct grf_tracker *tracker, uint64_t start, uint64_t end);
	/* From now on changes of all ranges are seen. May be called again, and what was copied
	 * before is to be copied again then. NULL: each range is to be scanned for FIRST instead.
	 * Errors: OTHER, EXITED. */
	struct grf_error *(*begin)(struct grf_tracker *tracker);
	/* Scans [from, to). Allocates nothing; safe to call from several threads for ranges that do
	 * not overlap. */
	enum grf_scan_result (*scan)(struct grf_tracker *tracker, enum grf_scan what, uint64_t from,
				     uint64_t to, struct grf_page_run *runs, size_t capacity,
				     size_t *ret_count, uint64_t *ret_next);
	/* Lets go of everything, and frees the tracker. */
	void (*destroy)(struct grf_tracker *tracker);
};

struct grf_tracker {
	const struct grf_tracker_kind *kind;
};

#endif
