/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which parts of a process's memory need not be looked at, since there was no page fault in them:
 * the user-space end of bpf/touched_memory.bpf.c, which says how that is known. For memory that is
 * kept under write protection, all pages of it that exist.
 *
 * Time goes by rounds. What is touched is taken at the beginning of one, then it is looked at (its
 * pages protected again), and what was touched meanwhile is left for the next. Parts are chunks, or
 * in doubt more than that.
 */
#ifndef GRF_CAPTURE_PRECOPY_TOUCHED_H
#define GRF_CAPTURE_PRECOPY_TOUCHED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "capture/copy/resident.h"

struct grf_touched;

/*
 * Begins to note; everything counts as touched at first. `kernel_tgid`: the process as the first
 * PID namespace numbers it. Errors: those of eBPF programs; UNSUPPORTED also where the kernel turns
 * out not to tell all that it is relied upon for.
 */
struct grf_error *grf_touched_open(uint32_t kernel_tgid, struct grf_touched **ret);
void grf_touched_close(struct grf_touched *touched);

/* A new round: first this, then grf_touched_take() for all that is to be looked at in it. */
void grf_touched_begin_round(struct grf_touched *touched);
void grf_touched_take(struct grf_touched *touched, uint64_t start, uint64_t end);

/* Counts as touched in the next round, and in the last look, for what could not be looked at. */
void grf_touched_mark(struct grf_touched *touched, uint64_t start, uint64_t end);

/* Before the last look, while the process stands: what is touched is no longer taken. */
void grf_touched_begin_last(struct grf_touched *touched);

/* Whether all of it counts as touched, since memory may have been removed or changed otherwise. */
bool grf_touched_is_disturbed(const struct grf_touched *touched);

/*
 * The first part of [start, end) that was touched, as *ret. False: none was. Safe to be called from
 * several threads. NULL for `touched`: everything was.
 */
bool grf_touched_next(const struct grf_touched *touched, uint64_t start, uint64_t end,
		      struct grf_run *ret);

#endif
