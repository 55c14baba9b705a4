/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing a snapshot of a process: what `snapshot` and `attach --snapshot` share. */
#ifndef GRF_CLI_SAVING_H
#define GRF_CLI_SAVING_H

#include "cli/cli.h"
#include "outputs/file.h"
#include "program/source.h"

/* Paths are borrowed from the command line. */
struct grf_saving_options {
	const char *path;   /* NULL: no snapshot is wanted */
	uint64_t max_bytes; /* that it may take on the disk; 0: any */
	bool compress;      /* by zstd, so that each part can be unpacked by itself */
	bool with_exe;      /* put the executable in, and what belongs to it */
};

/* An argp child for all but the path; its input is a struct grf_saving_options. */
extern const struct argp grf_saving_argp;

/* Takes the path; a second one is a usage error through argp. */
void grf_saving_set_path(struct grf_saving_options *options, const struct argp_state *state,
			 const char *path);

/* A snapshot in the making; all zero: none is wanted. */
struct grf_saving {
	struct grf_output *output; /* owned */
	struct grf_capture_file file;
	const struct grf_saving_options *options;
};

/**
 * Finds out that the snapshot can be written, and is none of the files that are read for `process`,
 * which is told to copy to the file where it can. The caller closes it, and does not move it.
 * `analysed`: an analysis follows. Errors: OUTPUT.
 */
struct grf_error *grf_saving_open(const struct grf_saving_options *options, bool analysed,
				  struct grf_process_options *process, struct grf_saving *ret);
void grf_saving_close(struct grf_saving *saving);

/* Refuses a snapshot that is one of the results too. */
struct grf_error *grf_saving_check_apart(const struct grf_saving *saving,
					 const struct grf_results *results);

static inline void grf_saving_cleanup_fn(struct grf_saving *saving)
{
	grf_saving_close(saving);
}
#define _cleanup_saving_ __attribute__((cleanup(grf_saving_cleanup_fn)))

/* Writes the snapshot, and gives it its name. Does nothing where none is wanted. Errors: OUTPUT,
 * NO_MEMORY (also for more than may be written), INTERRUPTED. */
struct grf_error *grf_saving_write(struct grf_saving *saving, const struct grf_source *source);

#endif
