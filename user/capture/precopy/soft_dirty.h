/* SPDX-License-Identifier: BSD-2-Clause */
/* Which pages of a process changed since it was told to watch them, by the kernel's soft-dirty
 * bits; see soft_dirty.c. For kernels that lack what userfault.h needs. */
#ifndef GRF_CAPTURE_PRECOPY_SOFT_DIRTY_H
#define GRF_CAPTURE_PRECOPY_SOFT_DIRTY_H

#include "base/error.h"
#include "capture/precopy/tracker.h"

/*
 * Tries on memory of our own whether the kernel keeps such bits, whether they are right, and
 * whether we are shown page frames. Errors: UNSUPPORTED, PERMISSION (names the capability),
 * NO_MEMORY.
 */
struct grf_error *grf_soft_dirty_check(void);

/*
 * `clear_refs`, a descriptor of that file of the process, is the tracker's to close on success;
 * `pagemap` stays the caller's. Errors: OTHER when another grf-bpf uses the bits of that process,
 * NO_MEMORY.
 */
struct grf_error *grf_soft_dirty_create(int clear_refs, int pagemap, struct grf_tracker **ret);

/* Whether somebody else cleared the bits meanwhile, so that changes may have been missed. */
bool grf_soft_dirty_was_disturbed(const struct grf_tracker *tracker);

#endif
