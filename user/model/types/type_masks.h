/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The collector's pointer masks of types, read from runtime._type descriptors; private to the
 * model. grf_types_pointer_mask() is the public way to them.
 */
#ifndef GRF_MODEL_TYPES_TYPE_MASKS_H
#define GRF_MODEL_TYPES_TYPE_MASKS_H

#include <stdint.h>

#include "image/image.h"
#include "model/code/modules.h"
#include "model/release/layout.h"

struct grf_type_masks;

/* `modules` may be NULL. NULL: out of memory. */
struct grf_type_masks *grf_type_masks_create(const struct grf_image *image,
					     const struct grf_layout *layout,
					     const struct grf_modules *modules);
void grf_type_masks_destroy(struct grf_type_masks *masks);

/* See grf_types_pointer_mask(). Not NULL for a plausible type without pointers (0 words). */
const uint64_t *grf_type_masks_find(struct grf_type_masks *masks, uint64_t address,
				    uint64_t *ret_words, uint64_t *ret_type_size);

#endif
