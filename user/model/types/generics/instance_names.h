/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of generic functions and of their dictionaries (cmd/compile/internal/noder, Go 1.18 to
 * 1.27):
 *
 *	p.F[go.shape.int]                 p..dict.F[p.Celsius]
 *	p.(*Box[go.shape.int]).Get        p..dict.Box[p.Celsius]
 *	                 to Go 1.19:      p..dict.(*Box[p.Celsius]).Get
 */
#ifndef GRF_MODEL_TYPES_GENERICS_INSTANCE_NAMES_H
#define GRF_MODEL_TYPES_GENERICS_INSTANCE_NAMES_H

#include "model/types/types_parts.h"

/* The end of the type argument that begins at `at`: the comma or the bracket behind it. Tags of
 * fields are quoted. NULL: none. */
const char *grf_instance_argument_end(const char *at);

/* The type arguments of a function by the shapes that its code has for them. */
struct grf_instance_names;

/* Whether `symbol` names a dictionary for `function`, or for the function that `function` is a
 * closure in. */
bool grf_instance_is_dictionary(const char *symbol, const char *function);

/* The prefix of the symbols of all dictionaries for `function`, in one of two forms; interned.
 * NULL: no such form. */
#define GRF_INSTANCE_PREFIXES 2
const char *grf_instance_prefix(struct grf_types *types, const char *function, int form);

/* The type arguments that `symbol` names for the shapes in `function`. NULL: they do not agree, or
 * memory is out. Lives as long as `types`. */
const struct grf_instance_names *grf_instance_names_read(struct grf_types *types,
							 const char *function, const char *symbol);

/* The same for the names of a generic type's instance `shaped` and of what it stands for. */
const struct grf_instance_names *grf_instance_names_of(struct grf_types *types, const char *shaped,
						       const char *instance);

/* `name` with type arguments in place of the shapes; interned. NULL: a shape in it has no argument,
 * or two that differ. */
const char *grf_instance_name(struct grf_types *types, const struct grf_instance_names *names,
			      const char *name);

#endif
