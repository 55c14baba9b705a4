/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds captured variables in a closure object, by the machine code of its function; private to the
 * model. See closure_loads.c.
 */
#ifndef GRF_MODEL_VARIABLES_CLOSURE_LOADS_H
#define GRF_MODEL_VARIABLES_CLOSURE_LOADS_H

#include <elfutils/libdw.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"

struct grf_closure_loads {
	const struct grf_arch *arch;
	struct grf_code code; /* of the function; link-time address */
	struct grf_closure_stores stores;
};

/** Reads the code of a function, which is borrowed. */
void grf_closure_loads_read(struct grf_closure_loads *loads, const struct grf_arch *arch,
			    const struct grf_code *code);

/* The offset in the closure object of the variable with that DW_AT_location and size. */
uint64_t grf_closure_loads_offset(const struct grf_closure_loads *loads, Dwarf_Attribute *location,
				  uint64_t size);

/* Writes the first `capacity` closures that the code makes in its frame. Returns how many were
 * written. */
size_t grf_closure_loads_on_stack(const struct grf_closure_loads *loads,
				  struct grf_stack_closure *ret, size_t capacity);

#endif
