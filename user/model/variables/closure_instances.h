/* SPDX-License-Identifier: BSD-2-Clause */
/* The types that closures of generic functions hold, by the types that the functions' shapes stand
 * for. */
#ifndef GRF_MODEL_VARIABLES_CLOSURE_INSTANCES_H
#define GRF_MODEL_VARIABLES_CLOSURE_INSTANCES_H

#include "model/types/generics/dictionaries.h"

#define GRF_CLOSURE_NO_DICTIONARY UINT64_MAX

/* The offset of a dictionary's address in an object of the type `closure`, which
 * grf_types_closure() made; or GRF_CLOSURE_NO_DICTIONARY. */
uint64_t grf_closure_dictionary(struct grf_types *types, const struct grf_type *closure);

/* The type of `closure` when its function runs with `dictionary`; NULL: with any that it may run
 * with. Returns `closure` where that tells no more, or memory is out. */
struct grf_type *grf_closure_instance(struct grf_types *types, struct grf_type *closure,
				      const struct grf_dictionary *dictionary);

/* The captured variables of a type that grf_types_closure() made, as a struct whose paths do not
 * begin with the function. NULL: it captures nothing. */
struct grf_type *grf_closure_variables(const struct grf_type *closure);

#endif
