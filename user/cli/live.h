/* SPDX-License-Identifier: BSD-2-Clause */
/* From the id of a process to an image of it: what attach and verify do alike. */
#ifndef GRF_CLI_LIVE_H
#define GRF_CLI_LIVE_H

#include "cli/cli.h"
#include "image/executable.h"
#include "model/pointer_free.h"

struct grf_live_options {
	struct grf_capture_options capture;
	struct grf_debug_options debug;
	pid_t pid;
	const char *executable; /* that the user named, or NULL */
	bool pause_given;       /* capture.max_pause is */
	int nice;               /* by how much our priority is lowered while the process runs */
	bool contents;          /* copy those of objects without pointers too */
	bool wait_given;        /* capture.gc_wait is the user's, not for us to choose */
	/* For the capture, while it is made. */
	struct grf_pointer_free pointer_free;
	struct grf_left_out_finder left_out;
};

/* An argp child for how to hold and copy; its input is the struct. */
extern const struct argp grf_live_argp;

/* The EXE beside a PID: a usage error through argp where it is the id of a second process, as
 * `$(pidof server)` gives where there are two. */
const char *grf_parse_executable(const struct argp_state *state, const char *text);

/* Holds and copies the process. On success both results are the caller's. */
struct grf_error *grf_live_image(struct grf_live_options *options,
				 struct grf_executable **ret_executable, struct grf_image **ret);

#endif
