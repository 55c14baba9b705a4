/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is to be looked at, opened: a process or a core, with the executable, the libraries, the
 * plugins and the debug information that belong to it. Whoever analyses need not know which it was.
 */
#ifndef GRF_PROGRAM_SOURCE_H
#define GRF_PROGRAM_SOURCE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "capture/capture.h"
#include "image/executable/debug_file.h"
#include "image/executable/executable.h"
#include "image/image.h"

/* An image with the executable that it borrows from. Both are owned. */
struct grf_source {
	struct grf_executable *executable;
	struct grf_image *image;
};

/* Frees what a source owns; one that is all zero owns nothing. */
void grf_source_close(struct grf_source *source);

static inline void grf_source_cleanup_fn(struct grf_source *source)
{
	grf_source_close(source);
}
#define _cleanup_source_ __attribute__((cleanup(grf_source_cleanup_fn)))

/* How a process is held and copied. Paths are borrowed. */
struct grf_process_options {
	/* As the user wishes, but for `target`, `injection`, `gc_point`, `left_out` and the
	 * addresses, which are looked for. */
	struct grf_capture_options capture;
	struct grf_debug_options debug;
	pid_t pid;
	const char *executable; /* of the same build with debug information; NULL: what runs */
	bool pause_given;       /* capture.max_pause is the user's; else it follows from the way */
	bool wait_given;        /* capture.gc_wait is the user's; else it follows from the wish */
	int nice;               /* by how much our priority is lowered while the process runs */
	bool contents;          /* copy those of objects without pointers too */
};

/**
 * Holds and copies a process. Gives the source to the caller. Errors: those of
 * grf_capture_process(), NOT_GO, UNSUPPORTED, MISMATCH (`executable` is of another build),
 * BAD_INPUT.
 */
struct grf_error *grf_source_of_process(const struct grf_process_options *options,
					struct grf_source *ret);

/**
 * Opens a core or a snapshot with the executable that it is of (NULL: it is looked for, see
 * program/core_executable.h), and debug information where that is elsewhere. Where the executable
 * is a C program, the Go library that it had loaded takes its place, if it is where the core says.
 * Gives the source to the caller. Errors: NOT_GO, UNSUPPORTED, MISMATCH, BAD_INPUT.
 */
struct grf_error *grf_source_of_core(const char *executable, const char *core,
				     const struct grf_debug_options *debug, struct grf_source *ret);

/**
 * Writes a source of a process as a snapshot. `with_files`: with the executable, its debug
 * information and its libraries. Errors: those of the sink, NO_MEMORY.
 */
struct grf_snapshot_sink;
struct grf_error *grf_source_write(const struct grf_source *source, bool with_files,
				   const struct grf_snapshot_sink *sink);

/* Checks what can be checked of an executable before anything else is done: that it is a Go
 * program, of a version that is handled. Errors: NOT_GO, UNSUPPORTED. */
struct grf_error *grf_check_executable(struct grf_executable *executable);

#endif
