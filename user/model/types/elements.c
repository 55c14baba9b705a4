/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is noted of elements, and the elements of fields by which the analysis compares types. They
 * are apart from the namings, as plans are made with them and namings ask for types.
 */
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "model/types/naming_private.h"

/* What is noted of an element, by the address of its text, of which there is one copy. */
struct grf_noted_element {
	const char *name;
	struct grf_element element;
	UT_hash_handle hh;
};

static struct grf_noted_element *find_noted(const struct grf_types *types, const char *name)
{
	struct grf_noted_element *noted;

	HASH_FIND(hh, types->elements, &name, sizeof(name), noted);
	return noted;
}

const struct grf_element *grf_element_of(const struct grf_types *types, const char *name)
{
	const struct grf_noted_element *noted = types ? find_noted(types, name) : NULL;

	return noted ? &noted->element : NULL;
}

bool grf_element_note(struct grf_types *types, const char *name, const struct grf_element *element)
{
	struct grf_noted_element *noted;

	if (find_noted(types, name))
		return true;
	noted = grf_types_allocate(types, sizeof(*noted));
	if (!noted)
		return false;
	noted->name = name;
	noted->element = *element;
	HASH_ADD(hh, types->elements, name, sizeof(noted->name), noted);
	return true;
}

void grf_elements_forget(struct grf_types *types)
{
	HASH_CLEAR(hh, types->elements);
}

const char *grf_noted_element(struct grf_types *types, const char *before, const char *type,
			      struct grf_element element)
{
	const char *name = grf_types_intern_format(types, "%s. (%s)", before, type);

	if (name && (!strncmp(type, "interface {", 11) || !strncmp(type, "func(", 5)))
		element.unspecific = grf_types_intern_format(types, "%s. (", before);
	return name && grf_element_note(types, name, &element) ? name : NULL;
}

const char *grf_field_element(struct grf_types *types, const struct grf_type_field *field)
{
	const char *type = field->type_name ? field->type_name : field->type->name;
	const char *name = field->name ? field->name : "_";

	switch ((enum grf_field_role)field->role) {
	case GRF_ROLE_FIELD:
	case GRF_ROLE_CAPTURED:
		return grf_noted_element(types, name, type, (struct grf_element){.field = name});
	case GRF_ROLE_KEY:
		return grf_noted_element(types, GRF_ELEMENT_KEY, type, (struct grf_element){0});
	case GRF_ROLE_VALUE:
		return grf_noted_element(types, GRF_ELEMENT_VALUE, type, (struct grf_element){0});
	case GRF_ROLE_FUNCTION:
		return field->name;
	case GRF_ROLE_PLAIN:
	case GRF_ROLE_POOLED:
		break;
	}
	return NULL;
}
