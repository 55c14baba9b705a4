/* SPDX-License-Identifier: BSD-2-Clause */
/* Variables, functions and frames from DWARF; private to the model. variables.h is the face. */
#ifndef GRF_MODEL_VARIABLES_VARIABLES_PRIVATE_H
#define GRF_MODEL_VARIABLES_VARIABLES_PRIVATE_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "image/executable/executable.h"
#include "model/variables/variables.h"

/* Go's own attributes (cmd/internal/dwarf/dwarf_defs.go). */
#define GRF_AT_GO_DICT_INDEX     0x2906
#define GRF_AT_GO_CLOSURE_OFFSET 0x2907

/* --- locations.c: where a variable is --------------------------------------------------------- */

/* A variable, or a piece of one, in the memory of a frame while the pc is in [low, high). */
struct grf_place {
	uint64_t low, high;    /* link-time addresses */
	int64_t offset;        /* from the canonical frame address */
	uint64_t piece_offset; /* offset of the piece in the variable */
	uint64_t size;
};

struct grf_places {
	GRF_ARRAY(struct grf_place) array;
};

/* Appends the parts of an expression that are in memory. `size`: bytes of the whole variable. */
void grf_places_add(struct grf_places *places, const Dwarf_Op *operations, size_t count,
		    uint64_t low, uint64_t high, uint64_t size);

/* Reads the operations of an attribute that is a single expression. Go writes those as
 * DW_FORM_block1 in DWARF 4 and 5 alike, which dwarf_getlocation() does not take for an expression.
 * Its encoding is that of DW_FORM_exprloc if the length fits in seven bits. */
bool grf_expression_read(Dwarf_Attribute *attribute, Dwarf_Op **ret, size_t *ret_count);

/* Appends the places of a DW_AT_location: an expression, which holds in [low, high), or a list. */
void grf_places_read(struct grf_places *places, Dwarf_Attribute *location, uint64_t low,
		     uint64_t high, uint64_t size);

/* --- variables.c: the index over all compilation units ---------------------------------------- */

struct grf_frame_description;

struct grf_subprogram {
	uint64_t low, high;                        /* link-time addresses */
	uint64_t die;                              /* offset in .debug_info */
	struct grf_frame_description *description; /* owned by locals.c; NULL until asked for */
	bool described;
};

/* The subprogram around a link-time pc, or NULL. */
struct grf_subprogram *grf_variables_subprogram(struct grf_variables *variables, uint64_t pc);

struct grf_dwarf_file;

/* The same for a pc of the process, in any file; *ret_file is that file. */
struct grf_subprogram *grf_types_subprogram(struct grf_types *types, uint64_t pc,
					    const struct grf_dwarf_file **ret_file);

#define GRF_NO_DICTIONARY UINT64_MAX

/*
 * The DIE that the DW_AT_type of `die` (or of its abstract origin) refers to. In generic functions
 * that is a typedef for an entry of the dictionary, over the type that the code was compiled for
 * (a shape): *ret is the shape then, and *ret_entry (may be NULL) the entry's index, else
 * GRF_NO_DICTIONARY. False: no type.
 */
bool grf_variables_type_die(Dwarf_Die *die, Dwarf_Die *ret, uint64_t *ret_entry);

#endif
