/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the garbage collector itself says is alive, where an image has that to tell.
 *
 * At the end of a collection's mark phase, before anything is swept, each span's mark bits are what
 * was marked. That is everything reachable, and besides what became garbage while marking went on,
 * and what was allocated meanwhile. With GODEBUG=gccheckmark=1 the runtime marks once more with the
 * world stopped, into a bitmap of its own: exactly what is reachable.
 */
#ifndef GRF_MODEL_HEAP_MARKS_H
#define GRF_MODEL_HEAP_MARKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/model.h"

struct grf_marks {
	bool at_gc_point;     /* the image was taken where marks are complete */
	pid_t tid;            /* at_gc_point: the thread that ends the collection */
	const char *function; /* in which it stands; borrowed from the model */
	bool exact;           /* from the second marking */
	uint8_t *bits;        /* one for each object id: alive; all zero unless at_gc_point */
};

struct grf_error *grf_marks_read(const struct grf_model *model, struct grf_marks *ret);
void grf_marks_free(struct grf_marks *marks);

/*
 * Whether a conservative word makes no exact mark for an object: it was allocated while the
 * collector marked, black, so that who scans a frame conservatively passes it over
 * (isFreeOrNewlyAllocated in runtime/mbitmap.go, Go 1.25 on).
 */
bool grf_marks_pass_over(const struct grf_model *model, const struct grf_span *span, uint32_t slot);

static inline bool grf_marked(const struct grf_marks *marks, uint64_t id)
{
	return marks->bits[id >> 3] >> (id & 7) & 1;
}

#endif
