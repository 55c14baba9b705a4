/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The freeze point at the end of a garbage collection: bpf/gc_point.bpf.c and its user-space end.
 * Knows that there is a function that runs there, not what it does.
 */
#ifndef GRF_HOLD_GC_POINT_H
#define GRF_HOLD_GC_POINT_H

#include <stdbool.h>
#include <stdint.h>

#include "hold/hold.h"

/* Where the probe goes. */
struct grf_gc_point_site {
	const char *path;    /* of the file that holds the code: the executable or a library */
	uint64_t offset;     /* of the instruction in it, see grf_probe_site(); 0: not known */
	const char *without; /* why there can be none, or NULL */
};

struct grf_gc_point_probe;

/*
 * Loads the program and sets the probe; the target runs on meanwhile and none of its threads is
 * traced. Errors: PERMISSION, UNSUPPORTED. `kernel_tgid` is the process as the first PID namespace
 * numbers it, 0 when unknown.
 */
struct grf_error *grf_gc_point_open(const struct grf_target *target,
				    const struct grf_gc_point_site *site, uint32_t kernel_tgid,
				    struct grf_gc_point_probe **ret);

/* Takes the probe away, which the kernel takes some 0.1 s for. NULL is allowed. */
void grf_gc_point_close(struct grf_gc_point_probe *probe);

/*
 * Waits until a thread is held at freeze->gc_point, or until `deadline` (grf_now()). *ret_hit: when
 * it came there; 0: none did in time. Errors: EXITED, INTERRUPTED.
 */
struct grf_error *grf_gc_point_wait(const struct grf_freeze *freeze,
				    const struct grf_target *target, uint64_t deadline,
				    uint64_t *ret_hit);

/* Whether a thread waits at the point just now: one load. What is done meanwhile is to end then. */
bool grf_gc_point_is_reached(const struct grf_gc_point_probe *probe);

/* How many collections ended, by now, before this process got a CPU to hold the target with. */
uint32_t grf_gc_point_missed(const struct grf_gc_point_probe *probe);

/* Lets the held thread go on, after every thread was asked to stop. False: it waited too long and
 * went on before. */
bool grf_gc_point_release(struct grf_gc_point_probe *probe);

#endif
