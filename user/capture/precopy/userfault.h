/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which pages of a process were written to since they were last looked at: write protection under
 * userfaultfd(2) that the kernel takes off by itself at the first write (WP_ASYNC, Linux 6.7), read
 * with PAGEMAP_SCAN.
 */
#ifndef GRF_CAPTURE_PRECOPY_USERFAULT_H
#define GRF_CAPTURE_PRECOPY_USERFAULT_H

#include "base/error.h"
#include "capture/precopy/tracker.h"

/*
 * Agrees with the kernel on what `descriptor`, a new userfaultfd of the process, is for; on success
 * it is the tracker's to close. `pagemap`, of the same process, stays the caller's. Errors:
 * UNSUPPORTED, NO_MEMORY.
 */
struct grf_error *grf_userfault_create(int descriptor, int pagemap, struct grf_tracker **ret);

#endif
