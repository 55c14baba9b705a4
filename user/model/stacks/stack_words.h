/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the live pointers in a stack; private to the model. */
#ifndef GRF_MODEL_STACKS_STACK_WORDS_H
#define GRF_MODEL_STACKS_STACK_WORDS_H

#include "model/stacks/unwind.h"

typedef GRF_ARRAY(struct grf_stack_word) grf_stack_word_array;
typedef GRF_ARRAY(struct grf_goroutine_value) grf_value_array;

struct grf_stack_object;

/* The scan of one goroutine; its arrays are used again for the next. */
struct grf_stack_scan {
	const struct grf_image *image;
	const struct grf_layout *layout;
	const struct grf_pclntab *table;
	uint64_t low, high;    /* the goroutine's stack */
	const uint8_t *memory; /* of [low, high) */
	grf_stack_word_array words;
	GRF_ARRAY(struct grf_stack_object) objects;
	uint64_t left; /* steps that the current stack may still take */
	bool whole;    /* the image has every byte of the stack */
	bool no_memory;
};

/*
 * Finds the live words of the frames, which are innermost first. `interrupted`: the innermost one
 * was stopped at any instruction. `rest`: where to go on conservatively when the frames end before
 * the stack does; 0: they do not. `values`: roots that stand off the stack and may point into it.
 * The result is in scan->words, sorted by address.
 */
void grf_stack_scan_frames(struct grf_stack_scan *scan, struct grf_frame *frames, uint32_t count,
			   bool interrupted, uint64_t rest,
			   const struct grf_goroutine_value *values, uint32_t value_count);
void grf_stack_scan_free(struct grf_stack_scan *scan);

#endif
