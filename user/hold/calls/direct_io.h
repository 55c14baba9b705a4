/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared inside the stage: whether others than the target's threads may write to its memory. */
#ifndef GRF_HOLD_CALLS_DIRECT_IO_H
#define GRF_HOLD_CALLS_DIRECT_IO_H

#include "hold/hold.h"

/*
 * Whether the target has files through which devices write to its memory without it: O_DIRECT,
 * io_uring, RDMA, VFIO. Where such a write is under way when a child is made, and the target writes
 * to the same page next, the target gets a new page, and what the device writes goes to the old
 * one: it is lost to the target. Kernels from 5.10 to 6.3 on avoid that, step by step; others do
 * not. Errors: UNSUPPORTED, when it has such files or too many to tell; EXITED, PERMISSION.
 */
struct grf_error *grf_check_direct_io(const struct grf_target *target);

#endif
