/* SPDX-License-Identifier: BSD-2-Clause */
/* Where in a process the things are that hold and capture work with. */
#ifndef GRF_PROGRAM_SITES_H
#define GRF_PROGRAM_SITES_H

#include "image/left_out.h"
#include "model/heap/pointer_free.h"
#include "program/runtime_file.h"

/* What a capture borrows, all zero at first. */
struct grf_sites {
	struct grf_pointer_free pointer_free;
	struct grf_left_out_finder left_out;
};

/**
 * Tells `capture` where a collection ends, where a system call stands, where the goroutines are and
 * what may be left out. What is not found stays 0. `file` and `sites` are borrowed by `capture`.
 */
void grf_sites_find(const struct grf_process_options *options, const struct grf_runtime_file *file,
		    struct grf_sites *sites, struct grf_capture_options *capture);

#endif
