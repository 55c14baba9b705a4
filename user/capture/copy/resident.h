/* SPDX-License-Identifier: BSD-2-Clause */
/* Which pages of a process exist. */
#ifndef GRF_CAPTURE_COPY_RESIDENT_H
#define GRF_CAPTURE_COPY_RESIDENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pages.h"

/* Several threads use it at a time; the flags are set atomically. */
struct grf_resident {
	int pagemap;  /* a descriptor of /proc/PID/pagemap */
	bool no_scan; /* the kernel lacks PAGEMAP_SCAN (before 6.7): read the table instead */
	bool gone;    /* neither way worked: the process has no memory any more */
};

enum grf_resident_kind {
	GRF_RESIDENT,         /* in memory or swapped out */
	GRF_RESIDENT_WRITTEN, /* and the process's own, not a file's */
};

/*
 * Fills `runs` with the existing pages of [from, to), at most `capacity` runs and `max_pages`
 * pages, in ascending order. *ret_next is where to go on, `to` when nothing is left. Returns the
 * number of runs, which can be 0 before the end. Safe to call from several threads; allocates
 * nothing.
 */
size_t grf_resident_runs(struct grf_resident *resident, enum grf_resident_kind kind, uint64_t from,
			 uint64_t to, struct grf_run *runs, size_t capacity, size_t max_pages,
			 uint64_t *ret_next);

#endif
