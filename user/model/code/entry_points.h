/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds what is needed before a program is held: where a garbage collection ends, and where its
 * goroutines are. Symbols give them; in a stripped program, the function table.
 */
#ifndef GRF_MODEL_CODE_ENTRY_POINTS_H
#define GRF_MODEL_CODE_ENTRY_POINTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "image/executable/executable.h"

/* Addresses in the process, by the executable's bias; 0: not found. */
struct grf_entry_points {
	uint64_t gc_sweep; /* the function runtime.gcSweep */
	uint64_t allgs;    /* the variable runtime.allgs */
	uint64_t gc_phase; /* the variable runtime.gcphase, 4 bytes; only from symbols */
	uint64_t mheap;    /* the variable runtime.mheap_ */
	uint64_t allm;     /* the variable runtime.allm; only from symbols */
};

/* `memory`: a descriptor of /proc/PID/mem, for words that the dynamic linker filled in; -1: reads
 * the file alone. */
struct grf_entry_points grf_entry_points_find(struct grf_executable *executable, int memory);

/*
 * Where a thread's m and its signal stack are. Every m has a g for signals with a stack of 32 KiB
 * (runtime/os_linux.go, mpreinit); a thread that C made may have a stack of C's instead.
 */
#define GRF_SIGNAL_STACK_BYTES 32768
struct grf_thread_records {
	int64_t g_m, m_alllink, m_procid, m_gsignal, stack_lo, stack_hi; /* offsets in bytes */
};

/* False: the version, or a field, is not known. */
bool grf_thread_records_find(struct grf_executable *executable, struct grf_thread_records *ret);

#endif
