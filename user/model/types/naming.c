/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of namings, and what the graph and views ask of the one that is at work. */
#include "model/types/naming_private.h"

#include <string.h>

const struct grf_naming *const grf_namings[] = {&grf_naming_go, &grf_naming_goref, NULL};

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

const char *grf_element_with_type(struct grf_types *types, const char *name, const char *type)
{
	const struct grf_element *about = grf_element_of(types, name);

	return about && about->base ? types->naming->with_type(types, about, type) : NULL;
}

const char *grf_element_below(struct grf_types *types, const char *name, const char *above)
{
	const struct grf_element *about = grf_element_of(types, name);

	return about && about->nameless ? types->naming->below(types, about, above) : name;
}

const char *grf_element_with_target(struct grf_types *types, const char *name, const char *type,
				    bool array)
{
	const struct grf_element *about = grf_element_of(types, name);
	const char *pointer = NULL;

	if (about && about->base)
		pointer = grf_types_intern_format(types, "? %s%s", array ? "[]" : "*", type);
	return pointer ? types->naming->with_type(types, about, pointer) : NULL;
}

const char *grf_object_name(struct grf_types *types, struct grf_type *type, const uint8_t *memory,
			    uint64_t room)
{
	return types->naming->object(types, type, memory, room);
}

bool grf_type_is_part(const struct grf_types *types, const struct grf_type *type)
{
	return types->naming->part(type->name);
}

const char *grf_type_shown_name(struct grf_types *types, const struct grf_type *type)
{
	return grf_root_name(types, type->name);
}

const char *grf_root_name(struct grf_types *types, const char *name)
{
	return types ? types->naming->root(types, name) : name;
}
