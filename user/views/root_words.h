/* SPDX-License-Identifier: BSD-2-Clause */
/* The words outside the heap that the collector begins with, by the runtime's masks and stack maps
 * alone. */
#ifndef GRF_VIEWS_ROOT_WORDS_H
#define GRF_VIEWS_ROOT_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"

struct grf_root_word {
	uint64_t address; /* where it stands; 0: in no memory (a register) */
	uint64_t value;   /* not 0 */
	const char *name; /* function or segment */
	bool conservative;
};

typedef void grf_root_word_visit(void *context, const struct grf_root_word *word);

/* Calls visit() for each word of data and bss segments, of stacks, and for what else goroutines and
 * specials hold. Objects of which only the referents are roots are not among them. */
void grf_root_words(const struct grf_model *model, grf_root_word_visit *visit, void *context);

#endif
