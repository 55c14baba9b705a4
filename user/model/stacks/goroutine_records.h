/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The records of goroutines that were taken at the stop (include/grf/goroutine_records.h), by the
 * layout of the target's runtime.
 */
#ifndef GRF_MODEL_STACKS_GOROUTINE_RECORDS_H
#define GRF_MODEL_STACKS_GOROUTINE_RECORDS_H

#include <stdbool.h>

#include "base/address_set.h"
#include "base/error.h"
#include "grf/goroutine_records.h"
#include "image/image.h"
#include "model/release/layout.h"

/**
 * Where the fields of a record are in a runtime.g.
 * @return false: one that this release has is not known, or too far from the beginning
 */
bool grf_goroutine_fields_find(const struct grf_layout *layout, struct grf_goroutine_fields *ret);

/* The records of an image, by the address of their g. */
struct grf_goroutine_index {
	const struct grf_image *image;
	const struct grf_layout *layout;
	const struct grf_goroutine_record *taken; /* at the stop; the image's */
	size_t count;
	struct grf_address_set by_address;
};

/**
 * Makes an index of what was taken at the stop.
 * @param image borrowed
 * @param layout borrowed
 * @return NO_MEMORY
 */
struct grf_error *grf_goroutine_index_make(const struct grf_image *image,
					   const struct grf_layout *layout,
					   struct grf_goroutine_index *ret);
void grf_goroutine_index_free(struct grf_goroutine_index *index);

/**
 * The record of the g at `g`: what was taken at the stop, if that was, else what the copied memory
 * has. The former is held against the latter: both are of one instant, and so equal, unless the
 * copy is torn.
 * @param ret `g` is 0 where the image has none at that address
 * @return TORN, and which word of what goroutine differs
 */
struct grf_error *grf_goroutine_index_find(const struct grf_goroutine_index *index, uint64_t g,
					   struct grf_goroutine_record *ret);

#endif
