/* SPDX-License-Identifier: BSD-2-Clause */
/* Build ids in the memory of a process. */
#ifndef GRF_IMAGE_CORE_CORE_IDS_H
#define GRF_IMAGE_CORE_CORE_IDS_H

#include "image/image.h"
#include "image/snapshot.h"

/* Takes into `ret` the build ids that the notes of an executable have, whose `count` program
 * headers stand at `headers`, and which was moved by `bias`; as far as the image has them. */
void grf_core_ids_find(const struct grf_image *image, uint64_t headers, uint64_t count,
		       uint64_t bias, struct grf_core_program *ret);

#endif
