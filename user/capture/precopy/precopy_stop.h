/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a copy that was made while the process ran, with the process held; see precopy_stop.c.
 */
#ifndef GRF_CAPTURE_PRECOPY_PRECOPY_STOP_H
#define GRF_CAPTURE_PRECOPY_PRECOPY_STOP_H

#include "capture/precopy/precopy.h"

/* Makes ready for the stop. */
struct grf_error *grf_precopy_ready(struct grf_precopy *precopy);

/* Frees what that made. */
void grf_precopy_unready(struct grf_precopy *precopy);

/* At the stop, before the threads: what is mapped by now. Allocates nothing. False: no room. */
bool grf_precopy_plan(struct grf_precopy *precopy, const struct grf_plan *first,
		      const struct grf_plan *final);
/* After that, whether so little is to be looked at that one thread is as fast as several, which
 * have to be woken first. */
bool grf_precopy_is_little(const struct grf_precopy *precopy);
/* At the stop, in each of `threads` threads: finds and copies what was written since. */
void grf_precopy_stop(struct grf_precopy *precopy, unsigned int threads);

/* After the stop: what was discarded meanwhile reads as zero. */
void grf_precopy_settle(struct grf_precopy *precopy, const struct grf_plan *final);

#endif
