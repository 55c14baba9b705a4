/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user-space ends of the programs in bpf/. Each is optional: where the kernel does not permit
 * or does not know one, its open function returns an error that says why, and the capture goes on
 * without it. Opening loads the program; everything slow is done there.
 */
#ifndef GRF_CAPTURE_PROBES_PROBES_H
#define GRF_CAPTURE_PROBES_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "grf/pause_clock.h"
#include "grf/thread_registers.h"
#include "hold/ebpf.h"
#include "image/image.h"

/* The registers of threads: bpf/thread_registers.bpf.c. */
struct grf_registers_probe;

/* Loads the eBPF program for the threads of a process, and gives the probe to the caller, who
 * closes it. Before the stop. Errors: PERMISSION, UNSUPPORTED (no eBPF, or not what the program
 * needs), NO_MEMORY. */
struct grf_error *grf_registers_open(pid_t pid, struct grf_registers_probe **ret);
void grf_registers_close(struct grf_registers_probe *probe);

/* The process id as the first PID namespace has it, which other programs need. */
uint32_t grf_registers_kernel_tgid(const struct grf_registers_probe *probe);

/* Makes ready for reading, once more after that was done before. */
void grf_registers_begin(struct grf_registers_probe *probe);

/* Reads the records of all threads of the (stopped) process; at most `capacity`, allocates nothing.
 * Once for each beginning. */
bool grf_registers_read(struct grf_registers_probe *probe, struct grf_thread_registers *records,
			size_t capacity, size_t *ret_count);

/* The same, from the beginning again; false also when some thread is on a CPU. */
bool grf_registers_stand(struct grf_registers_probe *probe, struct grf_thread_registers *records,
			 size_t capacity, size_t *ret_count);

/* The record as a thread. */
void grf_registers_convert(const struct grf_thread_registers *record, struct grf_thread *ret);

/* The same of one stopped thread through ptrace, by its tracer. */
bool grf_registers_ptrace(pid_t tid, struct grf_thread *ret);

/* The clock of the pause: bpf/pause_clock.bpf.c. */
struct grf_pause_probe;

/* `kernel_tgid`: from the registers' probe. `room`: how many threads there may be. */
struct grf_error *grf_pause_open(uint32_t kernel_tgid, size_t room, struct grf_pause_probe **ret);
void grf_pause_close(struct grf_pause_probe *probe);

/* How many of the threads that were seen to stop were seen to run again. */
uint64_t grf_pause_running(const struct grf_pause_probe *probe);
/* The CPUs, of the first 64, that threads of the process are on: bit c for CPU c. */
uint64_t grf_pause_cpus(const struct grf_pause_probe *probe);

/* Waits until every thread that was seen to stop runs again, some milliseconds at most. False: none
 * was seen to stop, or they did not all come back in that time. Later stops are not looked at; it
 * may be called again for the same result. */
bool grf_pause_finish(struct grf_pause_probe *probe, struct grf_pause_clock *ret);

#endif
