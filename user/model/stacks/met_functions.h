/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions that frames are of, each once, and what the function table says of each pc that was
 * met. Goroutines stand at few places: a hundred thousand frames may have a dozen pcs.
 */
#ifndef GRF_MODEL_STACKS_MET_FUNCTIONS_H
#define GRF_MODEL_STACKS_MET_FUNCTIONS_H

#include <stdint.h>

#include "model/code/pclntab.h"

struct grf_met_functions;

/* Borrows the table. NULL: out of memory. */
struct grf_met_functions *grf_met_functions_create(const struct grf_pclntab *table);
void grf_met_functions_destroy(struct grf_met_functions *met);

/* A pc in a function. */
struct grf_met_pc {
	const struct grf_function *function; /* owned by `met`; NULL: the pc is in no known one */
	int32_t frame_size;                  /* bytes of the frame at this pc; below 0: not known */
	int32_t stack_map; /* index of the stack map of a call that returns here; below 0: none */
};

/* What is known of a pc. False: out of memory. */
bool grf_met_functions_find(struct grf_met_functions *met, uint64_t pc, struct grf_met_pc *ret);

#endif
