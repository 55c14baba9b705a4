/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The types that the program's code shows: of what it stores in package variables and frames. Reads
 * no DWARF.
 */
#ifndef GRF_MODEL_TYPES_FLOW_CODE_TYPES_H
#define GRF_MODEL_TYPES_FLOW_CODE_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "model/types/types.h"

/**
 * The type that the program's code stores somewhere, if it stores no other in any of its functions.
 */
struct grf_code_object {
	struct grf_type *type; /* planned */
	bool array;            /* an array of them */
	bool inside;           /* the pointer may lead to any place in it, else to its beginning */
	/* The code uses it as that type, perhaps after it checked the type. */
	bool by_use;
};

/**
 * The type of the objects that a word at `address` in a data segment points to, if it is one in all
 * code that names the word. False: not known. The first call reads all code.
 */
bool grf_types_in_data(struct grf_types *types, uint64_t address, struct grf_code_object *ret);

/**
 * The type that a stack word at `address` points to, in the frame of the function around `pc` with
 * canonical frame address `cfa`, or among its arguments. False: not known.
 */
bool grf_types_in_frame(struct grf_types *types, uint64_t pc, uint64_t cfa, uint64_t address,
			struct grf_code_object *ret);

/**
 * The address of read-only data that the call around `pc` gets as argument `number` (from 0 on) in
 * a register. 0: none, or not known.
 */
uint64_t grf_types_argument(struct grf_types *types, uint64_t pc, unsigned int number);

struct grf_code_types;

void grf_code_types_destroy(struct grf_code_types *code);

#endif
