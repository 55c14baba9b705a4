/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must be known of a program before it is held: where a garbage collection ends and where its
 * goroutines are. From its symbols, or where it is stripped, from its function table.
 */
#ifndef GRF_MODEL_ENTRY_POINTS_H
#define GRF_MODEL_ENTRY_POINTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "image/executable.h"

/* Addresses in the process, whose bias the executable has; 0: not to be found. */
struct grf_entry_points {
	uint64_t gc_sweep; /* the function runtime.gcSweep */
	uint64_t allgs;    /* the variable runtime.allgs */
};

/* `memory`: /proc/PID/mem, for what the dynamic linker filled in; -1: the file is all there is. */
struct grf_entry_points grf_entry_points_find(struct grf_executable *executable, int memory);

#endif
