/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of the target that the analysis does not need. Who knows what memory is for finds it
 * while the target runs; the target may put a part of it to another use at any time, which is seen
 * by the words that say what it is for, its witnesses.
 */
#ifndef GRF_IMAGE_LEFT_OUT_H
#define GRF_IMAGE_LEFT_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pages.h"

/* What is smaller is not worth asking its witnesses at the stop. */
#define GRF_LEFT_OUT_LARGE (256u << 10)

#define GRF_WITNESS_BYTES 16u
#define GRF_WITNESSES     2u

/* Memory of the target, and what stood there. */
struct grf_witness {
	uint64_t address;
	uint32_t length; /* up to GRF_WITNESS_BYTES; 0: none */
	uint8_t bytes[GRF_WITNESS_BYTES];
};

/* Whole pages that are not needed as long as all their witnesses say the same. */
struct grf_left_out {
	uint64_t start, end;
	struct grf_witness witnesses[GRF_WITNESSES];
};

/*
 * Reads target memory: `count` runs, one behind the other into `ret`. What cannot be read becomes
 * zero. Returns how many runs were read whole.
 */
typedef size_t grf_read_runs(void *memory, const struct grf_run *runs, size_t count, uint8_t *ret);

/* Finds what is not needed; *ret is an array of *ret_count, in any order, the caller's to free. */
struct grf_left_out_finder {
	struct grf_error *(*find)(void *context, grf_read_runs *read, void *memory,
				  struct grf_left_out **ret, size_t *ret_count);
	void *context;
};

/* What was found: ascending, not overlapping. All zero: nothing. */
struct grf_left_out_set {
	struct grf_left_out *items;
	size_t count;
	struct grf_run *runs; /* the same as runs of pages, neighbours put together */
	size_t run_count;
	uint64_t bytes;
};

/*
 * Asks `finder` (NULL: nothing is left out), and keeps what has `minimum` bytes or more. Errors:
 * NO_MEMORY and those of the finder.
 */
struct grf_error *grf_left_out_find(const struct grf_left_out_finder *finder, grf_read_runs *read,
				    void *memory, uint64_t minimum, struct grf_left_out_set *ret);
void grf_left_out_free(struct grf_left_out_set *set);

/* Is told of memory that may be needed by now. */
typedef void grf_left_out_no_longer(void *context, const struct grf_run *run);

/* Looks at all witnesses again, and drops what may be needed by now; `dropped` is told of it, in
 * ascending order (NULL: nobody is). Allocates nothing. */
void grf_left_out_check(struct grf_left_out_set *set, grf_read_runs *read, void *memory,
			grf_left_out_no_longer *dropped, void *context);

/*
 * The first part of [start, end) that is not left out, as *ret. False: none is. Goes on from
 * *index, 0 at first, which serves for ascending calls.
 */
bool grf_left_out_next(const struct grf_left_out_set *set, size_t *index, uint64_t start,
		       uint64_t end, struct grf_run *ret);

/* The index for grf_left_out_next() to begin with at `address`. */
size_t grf_left_out_index(const struct grf_left_out_set *set, uint64_t address);

#endif
