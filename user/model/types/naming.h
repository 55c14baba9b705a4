/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the elements of reference chains are written. A naming is a const table of functions; it
 * alone knows what an element looks like. Who wants to know what an element is about asks for its
 * struct grf_element, and takes no name apart.
 */
#ifndef GRF_MODEL_TYPES_NAMING_H
#define GRF_MODEL_TYPES_NAMING_H

#include <stdbool.h>
#include <stdint.h>

struct grf_naming;
struct grf_type;
struct grf_types;

/* All namings, and NULL behind the last; the first is the default. */
extern const struct grf_naming *const grf_namings[];

extern const struct grf_naming grf_naming_go, grf_naming_goref;

/** A naming by its name, such as "goref". NULL: no naming has it. */
const struct grf_naming *grf_naming_find(const char *name);

const char *grf_naming_name(const struct grf_naming *naming);

/* What is known of an element beside its text. Texts are interned, and live as long as the types.
 */
struct grf_element {
	const char *field; /* the name of the field or captured variable alone; NULL: it has none */
	const char *alike; /* what the elements of an array are called together; NULL: the same */
	/* The text before the type, where that is the static one of an interface or a function,
	 * which says less than the type of the object; else NULL. */
	const char *unspecific;
	/* What the type that an interface holds, or the function that a func is, is put behind,
	 * where the element shall say it; else NULL. */
	const char *base;
	const char *named; /* of a field: the text without a type; NULL: see below, or no field */
	/* Of a field of a struct type without a name: its name in that; else NULL. Such an element
	 * is called after the nearest one above it that is `named`, or after its root. */
	const char *nameless;
	bool renamed; /* it is so called; what is below it is not called after it again */
};

/** Of an element by its name, which is one that the types or the tree gave. NULL: it is a root, or
 * has nothing more to say. */
const struct grf_element *grf_element_of(const struct grf_types *types, const char *name);

/** The element in place of `name` for a value that turns out to be of the type, or to be the
 * function, that is called `type`. NULL: it has no such element, or memory is out. */
const char *grf_element_with_type(struct grf_types *types, const char *name, const char *type);

/** The element in place of `name`, which is `nameless`, below one that is called `above`. NULL:
 * memory is out. */
const char *grf_element_below(struct grf_types *types, const char *name, const char *above);

/** The same as grf_element_with_type() for a pointer to what seems to be a `type`, or an array of
 * them: it is marked so. */
const char *grf_element_with_target(struct grf_types *types, const char *name, const char *type,
				    bool array);

/** How an object of a type is called where no element leads to it, `room` bytes of which are at
 * `memory` (NULL: none). NULL: memory is out. */
const char *grf_object_name(struct grf_types *types, struct grf_type *type, const uint8_t *memory,
			    uint64_t room);

/** How a type is called. NULL: memory is out. */
const char *grf_type_shown_name(struct grf_types *types, const struct grf_type *type);

/** Whether objects of a type are parts of a container that have no element of their own. */
bool grf_type_is_part(const struct grf_types *types, const struct grf_type *type);

/** How a variable or function is called whose name is `name`. NULL: memory is out. */
const char *grf_root_name(struct grf_types *types, const char *name);

#endif
