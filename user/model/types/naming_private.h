/* SPDX-License-Identifier: BSD-2-Clause */
/* What a naming is made of; private to the model. naming.h is the face. */
#ifndef GRF_MODEL_TYPES_NAMING_PRIVATE_H
#define GRF_MODEL_TYPES_NAMING_PRIVATE_H

#include "model/types/naming.h"
#include "model/types/types_parts.h"

/* What keys and values of maps are called, in every naming. */
#define GRF_ELEMENT_KEY   "$mapkey"
#define GRF_ELEMENT_VALUE "$mapval"

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
	const char *(*index)(struct grf_types *types, struct grf_type *type, int index);
	/* Of an object of an inferred `type`. */
	const char *(*found)(struct grf_types *types, const struct grf_type *type);
	/* Of one that has a `base`, with the type that was found. */
	const char *(*with_type)(struct grf_types *types, const struct grf_element *about,
				 const char *type);
	/* Of one that is `nameless`, called after what is `above` it. */
	const char *(*below)(struct grf_types *types, const struct grf_element *about,
			     const char *above);
	/* Of an object by itself, of which `room` bytes are at `memory`. */
	const char *(*object)(struct grf_types *types, struct grf_type *type, const uint8_t *memory,
			      uint64_t room);
	/* Of the function that a frame runs, or that captured variables belong to, by the name of
	 * its code, which several instances share, and by this one's; NULL: not known. */
	const char *(*function)(struct grf_types *types, const char *shared, const char *instance);
	/* Whether elements of arrays of a type add nothing to paths. */
	bool (*folds)(const char *type);
	/* Whether objects of a type are a part of a container, and say nothing of their own. */
	bool (*part)(const char *type);
	/* Of a variable, function or type, whose name is as the linker has it. */
	const char *(*root)(struct grf_types *types, const char *name);
};

/* Notes what is known of an element. False: out of memory. */
bool grf_element_note(struct grf_types *types, const char *name, const struct grf_element *element);

/* "BEFORE. (TYPE)", which is noted. NULL: out of memory. */
const char *grf_noted_element(struct grf_types *types, const char *before, const char *type,
			      struct grf_element element);

/* A field of `owner` as what it is from outside of a container of the standard library. */
struct grf_type_field grf_folded_field(const char *owner, const struct grf_type_field *field);

/* Whether arrays of a type are such a container's own. */
bool grf_folds_elements(const char *type);

/* Whether it is a structure inside of such a container. */
bool grf_folds_type(const char *type);

/* The element of a field as the analysis knows it, in every naming: what is compared where types
 * are told apart. NULL: it adds nothing, or memory is out. */
const char *grf_field_element(struct grf_types *types, const struct grf_type_field *field);

#endif
