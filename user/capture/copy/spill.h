/* SPDX-License-Identifier: BSD-2-Clause */
/* A part of the copy that is kept in a file instead of memory; see spill.c. */
#ifndef GRF_CAPTURE_COPY_SPILL_H
#define GRF_CAPTURE_COPY_SPILL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A thread reads so much at a time before it writes it. */
#define GRF_SPILL_BUFFER (1u << 20)

/* Memory to read into that has a place in the file. */
struct grf_spill_part {
	uint8_t *data;
	size_t size;
	uint64_t offset;
	size_t buffer; /* for grf_spill_put() */
};

struct grf_spill {
	int fd;     /* -1: none, all is in memory */
	char *name; /* of the folder, or of the file that was given */
	bool given; /* the file stays: what is all zero becomes holes in it */
	bool drop;  /* what was written is taken out of the page cache */
	int error;  /* atomic: errno of the first write that failed */

	/* Between the target and the file, one for each thread. */
	uint8_t *buffers;
	size_t buffer_count;
	bool *taken;
	pthread_mutex_t mutex;
	pthread_cond_t put;

	/* While the target stands nothing is written; it is held here. */
	bool holding;
	uint8_t *held;
	size_t held_size, held_used; /* the latter atomic */
	struct grf_spill_part *parts;
	size_t part_count; /* atomic */

	uint64_t written; /* atomic: bytes, to the file */
	uint64_t settled; /* of them, those that the disk was told of */
};

/*
 * Makes the file in `directory`, or where that is NULL in the first of $TMPDIR and /var/tmp that
 * will do: `bytes` free, and holes; no memory either (tmpfs), unless it was named. For `threads`
 * threads, and `held` bytes at a stop. Errors: NO_MEMORY, saying what each place lacks.
 */
struct grf_error *grf_spill_open(struct grf_spill *spill, const char *directory, uint64_t bytes,
				 unsigned int threads, size_t held);
/* The same with a file that is there, whose name in messages is `name`; `fd` stays the caller's.
 * Errors: NO_MEMORY; UNSUPPORTED: its file system has no holes. */
struct grf_error *grf_spill_use(struct grf_spill *spill, int fd, const char *name,
				unsigned int threads, size_t held);
/* Whether a file can be made in `directory`, before it is needed. Errors: OUTPUT. */
struct grf_error *grf_spill_check(const char *directory);
void grf_spill_init(struct grf_spill *spill);
void grf_spill_close(struct grf_spill *spill);

/*
 * Memory for up to `size` bytes that belong at `offset`; zeroed. Waits for a buffer where all are
 * taken. What was read into it goes to the file with grf_spill_put(), or, while the target stands
 * and as long as there is room for that, with grf_spill_flush(). Both from any number of threads;
 * they allocate nothing. False: a write has failed.
 */
void grf_spill_take(struct grf_spill *spill, uint64_t offset, size_t size,
		    struct grf_spill_part *ret);
bool grf_spill_put(struct grf_spill *spill, const struct grf_spill_part *part);

/* Around the time for which the target stands: begin and end. */
void grf_spill_hold(struct grf_spill *spill, bool holding);

/* Writes what was held. */
void grf_spill_flush(struct grf_spill *spill);

/* [offset, offset + length) reads as zero from now on. */
void grf_spill_discard(struct grf_spill *spill, uint64_t offset, uint64_t length);

/* Writes to a place of the file what is in memory, while the target runs. False: it failed. */
bool grf_spill_write(struct grf_spill *spill, const uint8_t *data, uint64_t size, uint64_t offset);

/* Maps a part of the file over `data`, which is our own address space; to be read only. */
bool grf_spill_map(struct grf_spill *spill, uint8_t *data, uint64_t length, uint64_t offset);

/* Makes the file `length` bytes long, for grf_spill_map(). */
bool grf_spill_finish(struct grf_spill *spill, uint64_t length);

/* What went wrong with the file, if anything. */
struct grf_error *grf_spill_explain(const struct grf_spill *spill, int pid);

#endif
