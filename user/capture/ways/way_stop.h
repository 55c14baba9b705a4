/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the ways: copying all of it at the stop, for one that cannot do better either. */
#ifndef GRF_CAPTURE_WAYS_WAY_STOP_H
#define GRF_CAPTURE_WAYS_WAY_STOP_H

#include <stddef.h>
#include <sys/types.h>

#include "capture/session.h"

/* Makes the pages that session->first is copied to; for ahead(). */
struct grf_error *grf_session_touch_destination(struct grf_session *session);

/* Copies all of it in the stop at hand, and takes the registers of `tids` meanwhile; NULL: that was
 * done. Sets session->failure when there was not enough time. */
void grf_session_copy_all(struct grf_session *session, const pid_t *tids, size_t count);

#endif
