/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared inside the stage: whether the target may have one more process; see room.c. */
#ifndef GRF_HOLD_CALLS_ROOM_H
#define GRF_HOLD_CALLS_ROOM_H

#include "hold/hold.h"

/*
 * Whether a child of the target that has a copy of its memory runs into no limit, should every page
 * be written to while the child lives. Errors: UNSUPPORTED, naming the limit; EXITED.
 */
struct grf_error *grf_room_for_child(const struct grf_target *target);

/* The same with everything under `root` instead of /, for tests. */
struct grf_error *grf_room_for_child_under(const struct grf_target *target, const char *root);

#endif
