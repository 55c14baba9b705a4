/* SPDX-License-Identifier: BSD-2-Clause */
/* What a naming would say of the elements of types made by hand, which have goref's names. */
#ifndef GRF_TESTS_GIVEN_NAMES_H
#define GRF_TESTS_GIVEN_NAMES_H

#include <stdio.h>
#include <string.h>

#include "model/types/types.h"

/* What there is to know of "a. (Leaf)" and "[0]. (Pair)". */
const struct grf_element *grf_element_of(const struct grf_types *types, const char *name)
{
	static const struct grf_element of_pairs = {.alike = "[]. (Pair)"};
	static struct grf_element of_field;
	static char fields[16][64];
	static unsigned int used;
	char *field = fields[used++ % 16];
	const char *end = strstr(name, ". (");

	(void)types;
	if (!end || *name == '$')
		return NULL;
	if (*name == '[')
		return strncmp(name, "[<", 2) ? &of_pairs : NULL;
	snprintf(field, sizeof(*fields), "%.*s", (int)(end - name), name);
	of_field.field = field;
	return &of_field;
}

const char *grf_element_with_type(struct grf_types *types, const char *name, const char *type)
{
	(void)types;
	(void)name;
	(void)type;
	return NULL;
}

const char *grf_element_with_target(struct grf_types *types, const char *name, const char *type,
				    bool array)
{
	(void)types;
	(void)name;
	(void)type;
	(void)array;
	return NULL;
}

bool grf_type_is_timer(const struct grf_type *type)
{
	(void)type;
	return false;
}

bool grf_timer_called(struct grf_types *types, struct grf_type *timer, const uint8_t *memory,
		      uint64_t room, struct grf_function *ret)
{
	(void)types;
	(void)timer;
	(void)memory;
	(void)room;
	(void)ret;
	return false;
}

const char *grf_timer_name(struct grf_types *types, struct grf_type *timer, const uint8_t *memory,
			   uint64_t room)
{
	(void)types;
	(void)timer;
	(void)memory;
	(void)room;
	return NULL;
}

const char *grf_object_name(struct grf_types *types, struct grf_type *type, const uint8_t *memory,
			    uint64_t room)
{
	(void)types;
	(void)memory;
	(void)room;
	return type->name;
}

const char *grf_type_shown_name(struct grf_types *types, const struct grf_type *type)
{
	(void)types;
	return type->name;
}

const char *grf_element_below(struct grf_types *types, const char *name, const char *above)
{
	(void)types;
	(void)above;
	return name;
}

bool grf_type_is_part(const struct grf_types *types, const struct grf_type *type)
{
	(void)types;
	(void)type;
	return false;
}

const char *grf_root_name(struct grf_types *types, const char *name)
{
	(void)types;
	return name;
}

#endif
