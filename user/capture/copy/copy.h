/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copying pieces of a process with several threads: first a touch of the destination, then reading.
 * What the space keeps in a file goes there by way of buffers.
 */
#ifndef GRF_CAPTURE_COPY_COPY_H
#define GRF_CAPTURE_COPY_COPY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/copy/dead_stacks.h"
#include "capture/copy/maps.h"
#include "capture/copy/resident.h"
#include "capture/copy/space.h"
#include "capture/copy/spill.h"
#include "image/left_out.h"

/* A run of target memory that is to be copied to `data`. */
struct grf_piece {
	uint64_t start;
	uint64_t end;
	uint32_t flags; /* enum grf_segment_flags */
	enum grf_map_part part;
	uint8_t *data;
};

enum grf_copy_action {
	GRF_COPY_TOUCH, /* make the destination's pages exist */
	GRF_COPY_READ,  /* fill them from the target */
};

struct grf_copy {
	pid_t pid;
	int mem;                      /* /proc/PID/mem, or -1 */
	bool through_mem;             /* process_vm_readv is refused or not wanted */
	struct grf_resident resident; /* the pages that exist */

	/* Where copies go; NULL: all to memory. */
	const struct grf_space *space;
	struct grf_spill *spill;

	/* What the passes leave out, or NULL. */
	const struct grf_left_out_set *left_out;
	/* Parts of stacks that are not read, or NULL; bytes, not pages. */
	const struct grf_dead_stacks *dead;
	/* One pass over the pieces, handed out to the threads in batches. */
	enum grf_copy_action action;
	const struct grf_piece *pieces;
	size_t count;
	size_t at;
	uint64_t cursor;
	uint64_t deadline; /* grf_now() after which the pass is broken off; 0: none */
	pthread_mutex_t mutex;

	/* Results, written atomically. */
	uint64_t bytes;
	uint64_t dead_bytes;    /* that were left out as `dead` */
	uint64_t pages_skipped; /* that were there and could not be read */
	bool late;              /* the pass was broken off */
	int error;              /* errno; ESRCH: the process is gone */
};

/* Without `mem` and pagemap, which the caller sets. */
void grf_copy_init(struct grf_copy *copy, pid_t pid);
void grf_copy_destroy(struct grf_copy *copy);

/* Begins a pass over `pieces`. */
void grf_copy_begin(struct grf_copy *copy, enum grf_copy_action action,
		    const struct grf_piece *pieces, size_t count);

/* How many bytes a copy of `pieces` takes. */
uint64_t grf_copy_measure(struct grf_copy *copy, const struct grf_piece *pieces, size_t count);

/* Takes part in the pass until nothing is left, an error occurs or the user interrupts. Called
 * from any number of threads at a time; allocates nothing. */
void grf_copy_work(struct grf_copy *copy);

/* Copies `runs` of the target's memory, no more than 256 of them, to where they belong in `data`,
 * whose first byte is that of address `base`. From any number of threads; allocates nothing. */
void grf_copy_runs(struct grf_copy *copy, const struct grf_run *runs, size_t count, uint8_t *data,
		   uint64_t base);

/* The same for one run, which may be long, where the target runs and little of it was copied
 * before: makes our pages first, and leaves others the CPU in between. */
void grf_copy_long_run(struct grf_copy *copy, const struct grf_run *run, uint8_t *data,
		       uint64_t base);

/* Makes the copy of `length` bytes at `data` read as zero, at no cost of memory. Not at the stop.
 */
void grf_copy_discard(struct grf_copy *copy, uint8_t *data, uint64_t length);

/* Reads runs of the target's memory, see grf_read_runs(); `copy` is a struct grf_copy. From any
 * number of threads; allocates nothing. */
size_t grf_copy_gather(void *copy, const struct grf_run *runs, size_t count, uint8_t *ret);

#endif
