/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The variables of a program: those of packages, those of frames, and those that closures captured.
 * Names and types come from DWARF; closures are read without it too.
 */
#ifndef GRF_MODEL_VARIABLES_VARIABLES_H
#define GRF_MODEL_VARIABLES_VARIABLES_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/types/types.h"

/* A package variable. */
struct grf_global {
	const char *name;      /* "pkg/path.name" */
	uint64_t address;      /* in the image */
	struct grf_type *type; /* may be NULL: unknown */
};
/* All of them, by address, each address once. From DWARF; none without it. */
const struct grf_global *grf_types_globals(struct grf_types *types, size_t *ret_count);

/* The address in the image of a package variable, through DWARF or the symbol table, or where there
 * is neither, of those of the runtime's that runtime_variables.h names; 0 when not to be found. */
uint64_t grf_types_variable(struct grf_types *types, const char *name);

/* What a closure object of the function with entry `pc` holds, as a type whose slots' paths begin
 * with the function's name; slot offsets count from the funcval's start. A type without slots when
 * it captures nothing or nothing is known. NULL when `pc` is no function's entry. Cached. */
struct grf_type *grf_types_closure(struct grf_types *types, uint64_t pc);

/* The same for the closure object at `memory`, of which `room` bytes are there. Where its function
 * is generic and the object names the dictionary that it runs with, the variables have the types
 * that stand there. */
struct grf_type *grf_types_closure_object(struct grf_types *types, const uint8_t *memory,
					  uint64_t room);

/* Of a frame, no more variables than this are read. */
#define GRF_FRAME_LOCALS 4096

/* A variable of a function that is in memory at a pc: part of a frame's stack. */
struct grf_local {
	const char *function; /* full name of the (inlined) function it belongs to */
	const char *name;     /* "x"; "&x" for an escaped one is given as "x" with `indirect` */
	uint64_t address;     /* in the image */
	uint64_t size; /* bytes of this piece; the whole variable's size when not in pieces */
	uint64_t piece_offset; /* where in the variable the piece begins */
	struct grf_type *type; /* of the whole variable */
	bool indirect;         /* escaped: the word at `address` is a pointer to the variable */
	/* Not valid at this pc by its location list, but elsewhere in the function it lives in this
	 * slot: names a slot that the stack map calls live and that nothing valid covers. Such ones
	 * come last, but for pieces, which stand behind the piece that they continue. */
	bool stale_range;
	bool mixed;     /* a type word of an interface in it may be another one's */
	uint32_t entry; /* pieces with the same number are of one place of the variable */
};

/*
 * The variables and parameters (inlined functions' too, innermost scope first) that live in memory
 * in the frame of the function around `pc` with canonical frame address `cfa`. Appends to a
 * caller's array; returns how many there are in all, of which at most `capacity` are written. The
 * DWARF of a function is parsed once and cached.
 */
size_t grf_types_locals(struct grf_types *types, uint64_t pc, uint64_t cfa, struct grf_local *ret,
			size_t capacity);

/* --- the parts of struct grf_types that find these, which types_create.c makes -----------------
 */

struct grf_variables;
struct grf_locals;
struct grf_closures;

/* An index of the functions and variables of one file, empty. Borrows both, of which either may be
 * NULL. The caller destroys it. NULL: out of memory. */
struct grf_variables *grf_variables_create(struct grf_executable *executable,
					   const struct grf_modules *modules);
/* Adds a DIE that stands right below a unit of Go's, if it is a variable or function. */
void grf_variables_add(struct grf_variables *variables, Dwarf_Die *die);
/* Makes the index ready for questions, when all have been added. */
void grf_variables_end(struct grf_variables *variables);
void grf_variables_destroy(struct grf_variables *variables);

/* What is remembered of frames, empty. The caller destroys it, before the types' memory goes. NULL:
 * out of memory. */
struct grf_locals *grf_locals_create(void);
void grf_locals_destroy(struct grf_locals *locals);

/* What is remembered of closures, empty. The caller destroys it, before the types' memory goes.
 * NULL: out of memory. */
struct grf_closures *grf_closures_create(void);
void grf_closures_destroy(struct grf_closures *closures);

#endif
