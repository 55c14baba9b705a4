/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which captured variable stands where in a closure object, from the machine code of the function;
 * private to the model. See closure_loads.c.
 */
#ifndef GRF_MODEL_CODE_CLOSURE_LOADS_H
#define GRF_MODEL_CODE_CLOSURE_LOADS_H

#include <elfutils/libdw.h>
#include <stddef.h>
#include <stdint.h>

#define GRF_CLOSURE_OFFSET_UNKNOWN UINT64_MAX
#define GRF_CLOSURE_STORES         128

struct grf_closure_loads {
	const uint8_t *code;
	uint64_t length;
	uint64_t entry; /* link-time address of code[0] */
	int64_t frame;  /* bytes that the function takes from the stack; 0: not seen */
	size_t count;
	struct grf_closure_store {
		int64_t slot;    /* offset from the stack pointer */
		uint64_t offset; /* in the closure object, of the word that was put there */
	} stores[GRF_CLOSURE_STORES];
};

void grf_closure_loads_read(struct grf_closure_loads *loads, const uint8_t *code, uint64_t length,
			    uint64_t entry);

/* The offset in the closure object of the variable with that DW_AT_location and size. */
uint64_t grf_closure_loads_offset(const struct grf_closure_loads *loads, Dwarf_Attribute *location,
				  uint64_t size);

/* A closure object that a function keeps in its frame. */
struct grf_stack_closure {
	int64_t offset; /* from the canonical frame address */
	uint64_t entry; /* link-time address of the closure's function */
};

/* The first `capacity` of those that the code makes; returns how many were written. */
size_t grf_closure_loads_on_stack(const struct grf_closure_loads *loads,
				  struct grf_stack_closure *ret, size_t capacity);

#endif
