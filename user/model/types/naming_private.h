/* SPDX-License-Identifier: BSD-2-Clause */
/* What a naming is made of; private to the model. naming.h is the face. */
#ifndef GRF_MODEL_TYPES_NAMING_PRIVATE_H
#define GRF_MODEL_TYPES_NAMING_PRIVATE_H

#include "model/types/naming.h"
#include "model/types/types_private.h"

struct grf_naming {
	const char *name;
	/* What the fields of a struct are called after, for the two below. */
	const char *(*owner)(struct grf_types *types, const struct grf_type *structure);
	/* What the fields of a struct that is a field are called after, where they are called as
	 * those of the struct around it. NULL: after their own struct, behind the field's. */
	const char *(*inside)(struct grf_types *types, const char *owner,
			      const struct grf_type_field *field);
	/* What a field adds to paths. NULL: nothing, or memory is out. */
	const char *(*field)(struct grf_types *types, const char *owner,
			     const struct grf_type_field *field);
	/* Each gives an interned element. NULL: out of memory. */
	/* Of element `index` of an array of `type`s, or GRF_ELEMENT_LATER, GRF_ELEMENT_BEFORE. */
	const char *(*index)(struct grf_types *types, const struct grf_type *type, int index);
	/* Of an object of an inferred `type`. */
	const char *(*found)(struct grf_types *types, const struct grf_type *type);
};

/* Notes what is known of an element. False: out of memory. */
bool grf_element_note(struct grf_types *types, const char *name, const struct grf_element *element);

/* The element of a field as the analysis knows it, in every naming: what is compared where types
 * are told apart. NULL: it adds nothing, or memory is out. */
const char *grf_field_element(struct grf_types *types, const struct grf_type_field *field);

#endif
