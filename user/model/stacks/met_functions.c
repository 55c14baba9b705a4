/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks the function table once for each pc, and keeps one copy of each function. */
#include "model/stacks/met_functions.h"

#include <stdlib.h>
#include <uthash.h>

struct known_function {
	UT_hash_handle hh;
	struct grf_function function; /* by its entry */
};

struct known_pc {
	UT_hash_handle hh;
	uint64_t pc;
	struct grf_met_pc found;
};

struct grf_met_functions {
	const struct grf_pclntab *table;
	struct known_function *functions;
	struct known_pc *pcs;
};

struct grf_met_functions *grf_met_functions_create(const struct grf_pclntab *table)
{
	struct grf_met_functions *met = calloc(1, sizeof(*met));

	if (met)
		met->table = table;
	return met;
}

void grf_met_functions_destroy(struct grf_met_functions *met)
{
	struct known_function *function, *next_function;
	struct known_pc *pc, *next_pc;

	if (!met)
		return;
	HASH_ITER (hh, met->functions, function, next_function) {
		HASH_DEL(met->functions, function);
		free(function);
	}
	HASH_ITER (hh, met->pcs, pc, next_pc) {
		HASH_DEL(met->pcs, pc);
		free(pc);
	}
	free(met);
}

/* The one copy of a function. NULL: out of memory. */
static const struct grf_function *keep_function(struct grf_met_functions *met,
						const struct grf_function *function)
{
	struct known_function *known;

	HASH_FIND(hh, met->functions, &function->entry, sizeof(function->entry), known);
	if (known)
		return &known->function;
	known = calloc(1, sizeof(*known));
	if (!known)
		return NULL;
	known->function = *function;
	HASH_ADD(hh, met->functions, function.entry, sizeof(known->function.entry), known);
	return &known->function;
}

bool grf_met_functions_find(struct grf_met_functions *met, uint64_t pc, struct grf_met_pc *ret)
{
	struct grf_function function;
	struct known_pc *known;

	HASH_FIND(hh, met->pcs, &pc, sizeof(pc), known);
	if (known) {
		*ret = known->found;
		return true;
	}
	known = calloc(1, sizeof(*known));
	if (!known)
		return false;
	known->pc = pc;
	known->found.frame_size = -1;
	if (grf_pclntab_find(met->table, pc, &function)) {
		known->found.function = keep_function(met, &function);
		if (!known->found.function) {
			free(known);
			return false;
		}
		if (!grf_pclntab_value(met->table, &function, function.pcsp, pc,
				       &known->found.frame_size, NULL))
			known->found.frame_size = -1;
	}
	if (known->found.function)
		known->found.stack_map =
		    grf_pclntab_pcdata(met->table, &function, GRF_PCDATA_STACK_MAP,
				       pc == function.entry ? pc : pc - 1);
	HASH_ADD(hh, met->pcs, pc, sizeof(known->pc), known);
	*ret = known->found;
	return true;
}
