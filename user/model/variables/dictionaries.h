/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the shapes in a generic function's code stand for.
 *
 * "p.F[go.shape.int]" is compiled once for all type arguments of one shape, and gets a dictionary
 * that says which they are: an array of addresses (cmd/compile/internal/noder/reader.go, Go 1.18 to
 * 1.27), some of which are descriptors of types that the code makes. Its symbol tells the
 * arguments: "p..dict.F[p.Celsius]". Without symbols there are no dictionaries here.
 */
#ifndef GRF_MODEL_VARIABLES_DICTIONARIES_H
#define GRF_MODEL_VARIABLES_DICTIONARIES_H

#include "model/types/types_private.h"

struct grf_dictionary;
struct grf_dictionaries;

/* NULL: out of memory. */
struct grf_dictionaries *grf_dictionaries_create(void);
void grf_dictionaries_destroy(struct grf_dictionaries *dictionaries);

/**
 * The dictionary at `address`, if it is one that `function` may be called with: a generic function
 * by its full name ("p.F[go.shape.int]"), a method of a generic type, or a closure in one. NULL:
 * it is none.
 */
const struct grf_dictionary *grf_dictionary_at(struct grf_types *types, uint64_t address,
					       const char *function);

/* Whether the program has symbols that say what stands at `address`. */
bool grf_dictionaries_symbol(const struct grf_types *types, uint64_t address);

/* The type that `shape` stands for where the function runs with `dictionary`; `shape` itself where
 * that is not known or it is none. */
struct grf_type *grf_dictionary_type(struct grf_types *types,
				     const struct grf_dictionary *dictionary,
				     struct grf_type *shape);

/* The same for whatever dictionary `function`, an interned name, runs with: `shape` itself where
 * two of those that the program has differ. */
struct grf_type *grf_dictionaries_type(struct grf_types *types, const char *function,
				       struct grf_type *shape);

#endif
