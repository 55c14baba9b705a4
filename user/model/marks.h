/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The objects that the garbage collector has marked, where the image can tell.
 *
 * At the end of a mark phase, before the sweep, a span's mark bits are set for every reachable
 * object, for objects that became garbage during the marking, and for those that were allocated
 * during it. With GODEBUG=gccheckmark=1 the runtime marks once more with the world stopped, into a
 * bitmap of its own: exactly the reachable objects.
 */
#ifndef GRF_MODEL_MARKS_H
#define GRF_MODEL_MARKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/model.h"

struct grf_marks {
	bool at_gc_point;     /* the image was taken where marks are complete */
	pid_t tid;            /* at_gc_point: the thread that ends the collection */
	const char *function; /* the function that it is in; borrowed from the model */
	bool exact;           /* from the second marking */
	uint8_t *bits;        /* one for each object id: alive; all zero unless at_gc_point */
};

/* Reads what the collector marked, and gives it to the caller, who frees it. Borrows the model.
 * Errors: NO_MEMORY. */
struct grf_error *grf_marks_read(const struct grf_model *model, struct grf_marks *ret);
void grf_marks_free(struct grf_marks *marks);

/*
 * Whether a conservative word does not mark an object. An object that was allocated while the
 * collector marked is black, and a conservative scan passes it over (isFreeOrNewlyAllocated in
 * runtime/mbitmap.go, Go 1.25 on).
 */
bool grf_marks_pass_over(const struct grf_model *model, const struct grf_span *span, uint32_t slot);

static inline bool grf_marked(const struct grf_marks *marks, uint64_t id)
{
	return marks->bits[id >> 3] >> (id & 7) & 1;
}

#endif
