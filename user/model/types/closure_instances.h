/* SPDX-License-Identifier: BSD-2-Clause */
/* What the closures of generic functions hold, by what the functions' shapes stand for. */
#ifndef GRF_MODEL_TYPES_CLOSURE_INSTANCES_H
#define GRF_MODEL_TYPES_CLOSURE_INSTANCES_H

#include "model/variables/dictionaries.h"

#define GRF_CLOSURE_NO_DICTIONARY UINT64_MAX

/* Where in an object of the type `closure`, which grf_types_closure() made, the address of a
 * dictionary stands, or GRF_CLOSURE_NO_DICTIONARY. */
uint64_t grf_closure_dictionary(struct grf_types *types, const struct grf_type *closure);

/* `closure` where its function runs with `dictionary`, NULL: with any that it may run with. The
 * same type where that tells no more, or memory is out. */
struct grf_type *grf_closure_instance(struct grf_types *types, struct grf_type *closure,
				      const struct grf_dictionary *dictionary);

/* Of a type that grf_types_closure() made: the struct of the captured variables alone, whose paths
 * do not begin with the function; NULL when it captures nothing. */
struct grf_type *grf_closure_variables(const struct grf_type *closure);

#endif
