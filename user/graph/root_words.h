/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where roots stand: the enumeration that both grf_graph_roots() and the walk go by, so that
 * neither has a root that the other lacks. It is made of the runtime's masks, stack maps and
 * specials alone; what a root is taken for is the walk's.
 */
#ifndef GRF_GRAPH_ROOT_WORDS_H
#define GRF_GRAPH_ROOT_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"

/* A data or bss segment of a module. */
struct grf_root_segment {
	const char *name;
	uint64_t start, end;
	const uint8_t *mask; /* a bit for each word; NULL: none is a root */
	uint64_t words;      /* that the mask has bits for, all of them in the segment */
};

size_t grf_root_segment_count(const struct grf_model *model);
struct grf_root_segment grf_root_segment(const struct grf_model *model, size_t index);

typedef void grf_root_address_visit(void *context, uint64_t address);
typedef void grf_root_stack_visit(void *context, const struct grf_stack_word *word);
typedef void grf_root_value_visit(void *context, const struct grf_goroutine_value *value);
typedef void grf_root_special_visit(void *context, size_t index,
				    const struct grf_special_root *root);

/* Calls visit() with each word of the segment that is a root, ascending. */
void grf_root_segment_words(const struct grf_root_segment *segment, grf_root_address_visit *visit,
			    void *context);

/* The same of a goroutine's stack: words that are aligned and in the bounds of the stack. */
void grf_root_stack_words(const struct grf_goroutine *goroutine, grf_root_stack_visit *visit,
			  void *context);

/* The same of what a goroutine holds that is in no word of its stack. No value is 0. */
void grf_root_values(const struct grf_goroutine *goroutine, grf_root_value_visit *visit,
		     void *context);

/* The same of specials, in the order of the model. No value is 0. Of GRF_ROOT_REFERENTS the object
 * is no root, but what it points to. */
void grf_root_specials(const struct grf_model *model, grf_root_special_visit *visit, void *context);

/* The function of a goroutine's frame, which a root without a variable is named after. */
const char *grf_root_frame_name(const struct grf_goroutine *goroutine, uint32_t frame);

#endif
