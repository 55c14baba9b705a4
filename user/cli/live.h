/* SPDX-License-Identifier: BSD-2-Clause */
/* The options for how a process is held and copied: those that attach and verify share. */
#ifndef GRF_CLI_LIVE_H
#define GRF_CLI_LIVE_H

#include "cli/cli.h"
#include "program/source.h"

/* An argp child for them; its input is a struct grf_process_options. */
extern const struct argp grf_live_argp;

/* The id of a process; what is none is a usage error through argp. */
pid_t grf_parse_process(const struct argp_state *state, const char *text);

/* The EXE beside a PID: a usage error through argp where it is the id of a second process, as
 * `$(pidof server)` gives where there are two. */
const char *grf_parse_executable(const struct argp_state *state, const char *text);

/* The arguments `PID [EXE]` of a command that takes processes alone, for its parser to return what
 * it does not know itself: ARGP_KEY_ARG and ARGP_KEY_END are taken. */
error_t grf_parse_process_arguments(int key, char *argument, const struct argp_state *state,
				    struct grf_process_options *options);

#endif
