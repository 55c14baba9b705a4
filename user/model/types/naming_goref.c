/* SPDX-License-Identifier: BSD-2-Clause */
/* The naming of goref: "field. (type)", "[0]. (type)" to "[10+]. (type)", "$mapkey. (type)". */
#include <stdio.h>

#include "model/types/naming_private.h"

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

static const char *goref_index(struct grf_types *types, struct grf_type *type, int index)
{
	struct grf_element element = {.alike =
					  grf_types_intern_format(types, "[]. (%s)", type->name)};
	char before[16] = "[<0]";

	if (index == GRF_ELEMENT_BEFORE)
		element.alike = NULL;
	else
		snprintf(before, sizeof(before), index == GRF_ELEMENT_LATER ? "[%d+]" : "[%d]",
			 index);
	return grf_noted_element(types, before, type->name, element);
}

static const char *goref_found(struct grf_types *types, const struct grf_type *type)
{
	return grf_noted_element(types, "?", type->name, (struct grf_element){.field = "?"});
}

static const char *goref_object(struct grf_types *types, struct grf_type *type,
				const uint8_t *memory, uint64_t room)
{
	(void)types;
	(void)memory;
	(void)room;
	return type->name;
}

static const char *goref_function(struct grf_types *types, const char *shared, const char *instance)
{
	(void)types;
	(void)instance;
	return shared;
}

static const char *goref_below(struct grf_types *types, const struct grf_element *about,
			       const char *above)
{
	(void)types;
	(void)above;
	return about->nameless;
}

static bool goref_folds(const char *type)
{
	(void)type;
	return false;
}

static const char *goref_root(struct grf_types *types, const char *name)
{
	(void)types;
	return name;
}

const struct grf_naming grf_naming_goref = {
    .name = "goref",
    .owner = goref_owner,
    .inside = goref_inside,
    .field = goref_field,
    .index = goref_index,
    .found = goref_found,
    .object = goref_object,
    .function = goref_function,
    .below = goref_below,
    .folds = goref_folds,
    .part = goref_folds,
    .root = goref_root,
};
