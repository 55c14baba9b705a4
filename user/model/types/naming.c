/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of namings, what is noted of elements, and the naming of goref: "field. (type)",
 * "[0]. (type)" to "[10+]. (type)", "$mapkey. (type)".
 */
#include <stdio.h>
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

const struct grf_naming *const grf_namings[] = {&grf_naming_goref, NULL};

const struct grf_naming *grf_naming_find(const char *name)
{
	for (const struct grf_naming *const *at = grf_namings; *at; at++)
		if (!strcmp((*at)->name, name))
			return *at;
	return NULL;
}

const char *grf_naming_name(const struct grf_naming *naming)
{
	return naming->name;
}

/* --- what is known of elements ---------------------------------------------------------------- */

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

/* --- goref ------------------------------------------------------------------------------------ */

/* "BEFORE. (TYPE)", which is noted. */
static const char *typed_element(struct grf_types *types, const char *before, const char *type,
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
		return typed_element(types, name, type, (struct grf_element){.field = name});
	case GRF_ROLE_KEY:
		return typed_element(types, "$mapkey", type, (struct grf_element){0});
	case GRF_ROLE_VALUE:
		return typed_element(types, "$mapval", type, (struct grf_element){0});
	case GRF_ROLE_FUNCTION:
		return field->name;
	case GRF_ROLE_PLAIN:
		break;
	}
	return NULL;
}

static const char *goref_owner(struct grf_types *types, const struct grf_type *structure)
{
	(void)types;
	return structure->name;
}

static const char *goref_inside(struct grf_types *types, const char *owner,
				const struct grf_type_field *field)
{
	(void)types;
	(void)owner;
	(void)field;
	return NULL;
}

static const char *goref_field(struct grf_types *types, const char *owner,
			       const struct grf_type_field *field)
{
	(void)owner;
	return grf_field_element(types, field);
}

static const char *goref_index(struct grf_types *types, const struct grf_type *type, int index)
{
	struct grf_element element = {.alike =
					  grf_types_intern_format(types, "[]. (%s)", type->name)};
	char before[16] = "[<0]";

	if (index == GRF_ELEMENT_BEFORE)
		element.alike = NULL;
	else
		snprintf(before, sizeof(before), index == GRF_ELEMENT_LATER ? "[%d+]" : "[%d]",
			 index);
	return typed_element(types, before, type->name, element);
}

static const char *goref_found(struct grf_types *types, const struct grf_type *type)
{
	return typed_element(types, "?", type->name, (struct grf_element){.field = "?"});
}

const struct grf_naming grf_naming_goref = {
    .name = "goref",
    .owner = goref_owner,
    .inside = goref_inside,
    .field = goref_field,
    .index = goref_index,
    .found = goref_found,
};
