/* SPDX-License-Identifier: BSD-2-Clause */
/* The options for how a process is held and copied: those that attach and verify share. */
#ifndef GRF_CLI_LIVE_H
#define GRF_CLI_LIVE_H

#include "cli/cli.h"
#include "program/source.h"

/* An argp child for them; its input is a struct grf_process_options. */
extern const struct argp grf_live_argp;

/* The EXE beside a PID: a usage error through argp where it is the id of a second process, as
 * `$(pidof server)` gives where there are two. */
const char *grf_parse_executable(const struct argp_state *state, const char *text);

#endif
