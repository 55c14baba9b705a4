/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of stacks that nobody uses: a goroutine that waits has its stack pointer in its g, and
 * nothing below it is anybody's. Where all is copied at the stop, these parts are not.
 */
#ifndef GRF_CAPTURE_COPY_DEAD_STACKS_H
#define GRF_CAPTURE_COPY_DEAD_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pages.h"
#include "grf/goroutine_records.h"

struct grf_dead_stacks {
	/* Where stacks were before the stop, ascending, so that nothing need be sorted in it. */
	struct grf_stack_place {
		uint64_t low, high;
		size_t index; /* of its record */
	} * places;
	size_t place_count;
	struct grf_run *runs; /* parts that are not in use: bytes, not pages; ascending */
	size_t run_count;
	uint64_t bytes; /* in all */
};

/**
 * Makes ready for the stop with records that were taken before it.
 * @return NO_MEMORY
 */
struct grf_error *grf_dead_stacks_expect(struct grf_dead_stacks *dead,
					 const struct grf_goroutine_record *records, size_t count);

/**
 * Finds the dead parts of `minimum` bytes or more by records that were taken at the stop. A stack
 * that is not where it was counts as in use, and so does all of a stack that a thread runs on.
 * Allocates nothing.
 */
void grf_dead_stacks_find(struct grf_dead_stacks *dead, const struct grf_goroutine_record *records,
			  size_t count, uint64_t minimum);

/**
 * Puts the dead parts in between other runs of memory that was not copied.
 * @param runs ascending, the caller's; replaced by a larger array
 * @return NO_MEMORY
 */
struct grf_error *grf_dead_stacks_add_to(const struct grf_dead_stacks *dead, struct grf_run **runs,
					 size_t *count);

void grf_dead_stacks_free(struct grf_dead_stacks *dead);

#endif
