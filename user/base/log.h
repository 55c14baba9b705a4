/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the user is told on standard error while work goes on. Nothing here allocates after
 * grf_log_init(), and none of it is called between stop and resume of a target.
 */
#ifndef GRF_BASE_LOG_H
#define GRF_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* `verbosity` 0: warnings only; 1 (-v): decisions and figures; 2 (-vv): details for developers. */
void grf_log_init(int verbosity);
int grf_log_verbosity(void);

/* A line on standard error, "grf-bpf: " before it. */
void grf_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void grf_verbose(const char *format, ...) __attribute__((format(printf, 1, 2)));
void grf_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Progress of a long step, drawn on one line of a terminal once the step has taken a second;
 * nothing into a pipe or file. `total` 0: unknown. grf_progress_end() clears the line.
 */
void grf_progress(const char *step, uint64_t done, uint64_t total);
void grf_progress_end(void);

/*
 * Interruption: the command's signal handler calls grf_interrupt(); long loops ask
 * grf_interrupted() (cheap) and return grf_error_interrupted().
 */
void grf_interrupt(int signal_number);
bool grf_interrupted(void);
/* The same for a reason of our own, which grf_error_interrupted() gives then. From one thread. */
void grf_give_up(enum grf_error_code code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same from any thread, and in a signal's handler; the message stays the caller's, as it is. */
void grf_give_up_at_once(enum grf_error_code code, const char *message);
/* Whether that was the reason. */
bool grf_gave_up(void);
struct grf_error *grf_error_interrupted(void);
/* Returns when there is one, or after grf_end_wait_for_interruption(). For one thread. */
void grf_wait_for_interruption(void);
void grf_end_wait_for_interruption(void);

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t grf_now(void);

#endif
