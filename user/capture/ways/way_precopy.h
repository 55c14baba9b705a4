/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared inside the stage: what the two ways of pre-copy do alike. */
#ifndef GRF_CAPTURE_WAYS_WAY_PRECOPY_H
#define GRF_CAPTURE_WAYS_WAY_PRECOPY_H

#include "capture/session.h"

/* Has session->precopy.tracker watch, finds what need not be copied, and copies the rest, in
 * `rounds` rounds at most. */
struct grf_error *grf_precopy_ahead(struct grf_session *session, unsigned int rounds);

/* Finds what need not be copied at first, in place of what was found before. */
struct grf_left_out_set *grf_precopy_left_out(struct grf_session *session);
struct grf_error *grf_precopy_find_unneeded(struct grf_session *session);

/* Whether the target collects garbage now, as far as can be told. */
bool grf_precopy_is_collecting(struct grf_session *session);

/* How many pages may be copied at this stop. */
uint64_t grf_precopy_page_limit(const struct grf_session *session);

/* The parts of struct grf_copy_method. */
void grf_precopy_at_stop(struct grf_session *session, const pid_t *tids, size_t count);
void grf_precopy_let_go(struct grf_session *session); /* what again() does first */
struct grf_error *grf_precopy_after(struct grf_session *session);
void grf_precopy_close(struct grf_session *session);

#endif
