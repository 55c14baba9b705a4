/* SPDX-License-Identifier: BSD-2-Clause */
/* The labels of goroutines: what runtime/pprof.Do and SetGoroutineLabels gave them. */
#ifndef GRF_MODEL_STACKS_LABELS_H
#define GRF_MODEL_STACKS_LABELS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "image/image.h"
#include "model/release/layout.h"
#include "model/stacks/goroutines.h"

/** Where a goroutine's set of labels is; goroutines share them. 0: it has none. */
uint64_t grf_goroutine_label_set(const struct grf_image *image, const struct grf_layout *layout,
				 const struct grf_goroutine *goroutine);

/**
 * A set of labels as text, by key: "key=value, key=value". What would read as something else is in
 * quotes, what is long is cut, and of what is not to be read there is "...". *ret is for the caller
 * to free; NULL: there are none. False: out of memory.
 */
bool grf_labels_text(const struct grf_image *image, const struct grf_layout *layout, uint64_t set,
		     char **ret);

struct grf_label {
	char *key, *value;
};

/* By key. */
struct grf_label_list {
	GRF_ARRAY(struct grf_label) items;
};

/**
 * The first labels of a set, GRF_LABELS_LISTED of them at the most: a zero byte is "\x00", what is
 * long is cut, and of what is not to be read there is "...". The caller frees the list, also where
 * it fails. False: out of memory.
 */
#define GRF_LABELS_LISTED 16u
bool grf_labels_list(const struct grf_image *image, const struct grf_layout *layout, uint64_t set,
		     struct grf_label_list *ret);
void grf_label_list_free(struct grf_label_list *list);

#endif
