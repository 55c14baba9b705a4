/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the types that the shapes in a generic function's code stand for.
 *
 * "p.F[go.shape.int]" is compiled once for all type arguments of one shape. Each instance has a
 * dictionary that names its type arguments: an array of addresses
 * (cmd/compile/internal/noder/reader.go, Go 1.18 to 1.27), some of which are descriptors of types
 * that the code makes. Its symbol has the arguments: "p..dict.F[p.Celsius]". Without symbols no
 * dictionary is found.
 */
#ifndef GRF_MODEL_TYPES_GENERICS_DICTIONARIES_H
#define GRF_MODEL_TYPES_GENERICS_DICTIONARIES_H

#include "model/types/types_parts.h"

struct grf_dictionary;
struct grf_dictionaries;

/* NULL: out of memory. */
struct grf_dictionaries *grf_dictionaries_create(void);
void grf_dictionaries_destroy(struct grf_dictionaries *dictionaries);

/**
 * The dictionary at `address`, if `function` may be called with it. `function` is the full name of
 * a generic function ("p.F[go.shape.int]"), of a method of a generic type, or of a closure in one.
 * NULL: it is no such dictionary.
 */
const struct grf_dictionary *grf_dictionary_at(struct grf_types *types, uint64_t address,
					       const char *function);

/* Whether the program has a symbol for `address`. */
bool grf_dictionaries_symbol(const struct grf_types *types, uint64_t address);

/* The type that `shape` stands for in a function that runs with `dictionary`. Returns `shape` where
 * that is not known, or `shape` is no shape. */
struct grf_type *grf_dictionary_type(struct grf_types *types,
				     const struct grf_dictionary *dictionary,
				     struct grf_type *shape);

/* The same for all dictionaries that `function` (an interned name) may run with. Returns `shape`
 * where two of them differ. */
struct grf_type *grf_dictionaries_type(struct grf_types *types, const char *function,
				       struct grf_type *shape);

/* How `function` is called where it runs with `dictionary`. Interned, or `function` itself. */
const char *grf_dictionary_function(struct grf_types *types,
				    const struct grf_dictionary *dictionary, const char *function);

#endif
