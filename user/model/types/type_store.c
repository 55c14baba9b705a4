/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory and strings that live as long as the types, and the making of types out of them. It is
 * apart from types.c, as all readers of types build on it and it builds on none of them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "model/types/naming_private.h"

#define ARENA_CHUNK ((size_t)256 << 10)
#define ALIGNMENT   16

struct grf_arena_chunk {
	struct grf_arena_chunk *next;
	size_t used, size;
	_Alignas(ALIGNMENT) uint8_t memory[];
};

struct grf_interned {
	UT_hash_handle hh;
	char string[];
};

/* --- memory and strings ----------------------------------------------------------------------- */

void *grf_types_allocate(struct grf_types *types, size_t size)
{
	struct grf_arena_chunk *chunk = types->arena;
	void *memory;

	if (size > SIZE_MAX / 2 || !grf_types_may_make(types))
		return NULL;
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (!chunk || chunk->size - chunk->used < size) {
		size_t wanted = size > ARENA_CHUNK / 4 ? size : ARENA_CHUNK;
		struct grf_arena_chunk *made =
		    wanted <= types->arena_left ? calloc(1, sizeof(*made) + wanted) : NULL;

		if (!made)
			return NULL;
		types->arena_left -= wanted;
		made->size = wanted;
		/* A chunk of one large piece goes behind the one that still has room. */
		if (chunk && wanted == size) {
			made->next = chunk->next;
			chunk->next = made;
		} else {
			made->next = chunk;
			types->arena = made;
		}
		chunk = made;
	}
	memory = chunk->memory + chunk->used;
	chunk->used += size;
	return memory;
}

const char *grf_types_intern(struct grf_types *types, const char *string)
{
	size_t length = strlen(string);
	struct grf_interned *found;

	HASH_FIND(hh, types->interned, string, length, found);
	if (found)
		return found->string;
	found = grf_types_allocate(types, sizeof(*found) + length + 1);
	if (!found)
		return NULL;
	memcpy(found->string, string, length + 1);
	HASH_ADD_KEYPTR(hh, types->interned, found->string, length, found);
	return found->string;
}

const char *grf_types_intern_format(struct grf_types *types, const char *format, ...)
{
	char string[GRF_NAME_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(string, sizeof(string), format, arguments);
	va_end(arguments);
	return grf_types_intern(types, string);
}

/* --- making types ----------------------------------------------------------------------------- */

struct grf_type *grf_types_new(struct grf_types *types, enum grf_source_kind kind, const char *name,
			       uint64_t size)
{
	struct made {
		struct grf_type type;
		struct grf_type_source source;
	} *made = grf_types_allocate(types, sizeof(*made));

	if (!made)
		return NULL;
	made->type.name = grf_types_intern(types, name);
	if (!made->type.name)
		return NULL;
	made->type.size = size;
	made->type.source = &made->source;
	made->source.kind = kind;
	return &made->type;
}

struct grf_type *grf_types_make(struct grf_types *types, enum grf_kind kind, const char *name,
				uint64_t size, uint32_t fields)
{
	struct grf_type *type = grf_types_new(types, GRF_SOURCE_MADE, name, size);
	struct grf_shape *shape;

	if (!type)
		return NULL;
	shape = &grf_type_source(type)->shape;
	shape->kind = kind;
	if (fields) {
		shape->fields = grf_types_allocate(types, fields * sizeof(*shape->fields));
		if (!shape->fields)
			return NULL;
	}
	grf_type_source(type)->shaped = true;
	return type;
}

struct grf_type *grf_types_make_pointer(struct grf_types *types, enum grf_kind kind,
					struct grf_type *element)
{
	const char *name = element ? grf_types_intern_format(types, "*%s", element->name) : NULL;
	struct grf_type *type = name ? grf_types_make(types, kind, name, 8, 0) : NULL;

	if (type)
		grf_type_source(type)->shape.element = element;
	return type;
}

bool grf_types_add_field(struct grf_type *structure, const struct grf_type_field *field)
{
	struct grf_shape *shape = &grf_type_source(structure)->shape;

	if (!field->type)
		return false;
	shape->fields[shape->field_count++] = *field;
	return true;
}

bool grf_types_add_plain(struct grf_type *structure, struct grf_type *type, uint64_t offset)
{
	return grf_types_add_field(
	    structure,
	    &(struct grf_type_field){.role = GRF_ROLE_PLAIN, .type = type, .offset = offset});
}

const struct grf_type_field *grf_shape_field(const struct grf_shape *shape, const char *name)
{
	for (uint32_t i = 0; i < shape->field_count; i++) {
		if (shape->fields[i].name && !strcmp(shape->fields[i].name, name))
			return &shape->fields[i];
	}
	return NULL;
}

const char *const *grf_type_element_names(struct grf_types *types, struct grf_type *type)
{
	const char **names;

	if (type->element_names)
		return type->element_names;
	names = grf_types_allocate(types, GRF_ELEMENT_NAMES * sizeof(*names));
	if (!names)
		return NULL;
	for (int i = 0; i < GRF_ELEMENT_NAMES; i++) {
		names[i] = types->naming->index(types, type, i);
		if (!names[i])
			return NULL;
	}
	type->element_names = names;
	return names;
}

void grf_types_free_memory(struct grf_types *types)
{
	HASH_CLEAR(hh, types->interned);
	while (types->arena) {
		struct grf_arena_chunk *next = types->arena->next;

		free(types->arena);
		types->arena = next;
	}
}
