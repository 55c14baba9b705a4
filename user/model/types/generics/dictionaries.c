/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the type that a shape stands for in one dictionary, or in all dictionaries of a function.
 * Each answer is remembered, so that a type that contains itself ends.
 */
#include "model/types/generics/dictionaries.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "model/types/generics/instance_names.h"
#include "model/types/naming_private.h"

#define DICTIONARIES_MAX 64 /* of one function, that are looked at */
#define DEPTH_MAX        24 /* of types in types: those in the memory of a map are 12 deep */

struct grf_dictionary {
	uint64_t address; /* in the image */
	const char *function;
	uint64_t count; /* entries */
	const struct grf_instance_names *names;
	UT_hash_handle hh;
};

/* The type that a shape stands for, by dictionary or by function. */
struct known {
	struct known_key {
		const void *of; /* a dictionary, or the interned name of a function */
		const struct grf_type *shape;
	} key;
	struct grf_type *type;
	UT_hash_handle hh;
};

struct dictionary_key {
	uint64_t address;
	const char *function;
};

struct grf_dictionaries {
	struct grf_dictionary *by_address;
	struct known *known;
	unsigned int depth;
};

struct grf_dictionaries *grf_dictionaries_create(void)
{
	return calloc(1, sizeof(struct grf_dictionaries));
}

void grf_dictionaries_destroy(struct grf_dictionaries *dictionaries)
{
	if (!dictionaries)
		return;
	HASH_CLEAR(hh, dictionaries->by_address);
	HASH_CLEAR(hh, dictionaries->known);
	free(dictionaries);
}

/* --- dictionaries ----------------------------------------------------------------------------- */

/* The symbol that covers an address of the process, and the offset into it. NULL: none. */
static const char *symbol_at(const struct grf_types *types, uint64_t address, uint64_t *ret_offset,
			     uint64_t *ret_size)
{
	for (size_t i = 0; i < types->file_count; i++) {
		const struct grf_dwarf_file *file = &types->files[i];
		uint64_t link = address - grf_dwarf_file_bias(file), start;
		const char *name =
		    file->executable
			? grf_executable_symbol_at(file->executable, link, &start, ret_size)
			: NULL;

		if (name) {
			*ret_offset = link - start;
			return name;
		}
	}
	return NULL;
}

bool grf_dictionaries_symbol(const struct grf_types *types, uint64_t address)
{
	uint64_t offset, size;

	return symbol_at(types, address, &offset, &size) != NULL;
}

static const struct grf_dictionary *make_dictionary(struct grf_types *types, uint64_t address,
						    const char *function, const char *symbol,
						    uint64_t size)
{
	struct grf_dictionary *made = grf_types_allocate(types, sizeof(*made));

	if (!made)
		return NULL;
	made->address = address;
	made->function = function;
	made->count = size / sizeof(uint64_t) < GRF_DICTIONARY_ENTRIES ? size / sizeof(uint64_t)
								       : GRF_DICTIONARY_ENTRIES;
	made->names = grf_instance_names_read(types, function, symbol);
	HASH_ADD(hh, types->dictionaries->by_address, address, sizeof(struct dictionary_key), made);
	return made;
}

/* `function` is interned. */
static const struct grf_dictionary *find_dictionary(struct grf_types *types, uint64_t address,
						    const char *function)
{
	struct dictionary_key key = {address, function};
	struct grf_dictionary *found;
	const char *symbol;
	uint64_t offset, size;

	_Static_assert(offsetof(struct grf_dictionary, function) == sizeof(uint64_t),
		       "a dictionary begins with its key");
	/* NOLINTNEXTLINE(clang-analyzer-*): all of the key is set. */
	HASH_FIND(hh, types->dictionaries->by_address, &key, sizeof(key), found);
	if (found)
		return found;
	if (!grf_types_may_make(types))
		return NULL;
	symbol = symbol_at(types, address, &offset, &size);
	return symbol && !offset && grf_instance_is_dictionary(symbol, function)
		   ? make_dictionary(types, address, function, symbol, size)
		   : NULL;
}

const struct grf_dictionary *grf_dictionary_at(struct grf_types *types, uint64_t address,
					       const char *function)
{
	const struct grf_dictionary *found;
	const char *name;

	if (!types->dictionaries || !address || address % sizeof(uint64_t) ||
	    !strstr(function, GRF_SHARED_BY_MARK))
		return NULL;
	name = grf_types_intern(types, function);
	found = name ? find_dictionary(types, address, name) : NULL;
	return found && found->names ? found : NULL;
}

/* --- the type for a shape --------------------------------------------------------------------- */

/* Whether a type with the right name may be what `shape` stands for. */
static bool type_agrees(struct grf_types *types, struct grf_type *type, struct grf_type *shape)
{
	return type->size == shape->size &&
	       grf_types_shape(types, type)->declared == grf_types_shape(types, shape)->declared;
}

/* The type of that name in the dictionary. */
static struct grf_type *entry_type(struct grf_types *types, const struct grf_dictionary *dictionary,
				   const char *name, struct grf_type *shape)
{
	for (uint64_t i = 0; i < dictionary->count; i++) {
		struct grf_type *type;
		uint64_t descriptor;

		if (!grf_image_u64(types->image, dictionary->address + i * sizeof(uint64_t),
				   &descriptor) ||
		    !grf_modules_by_type(types->modules, descriptor))
			continue;
		type = grf_types_by_descriptor(types, descriptor);
		if (type && !strcmp(type->name, name) && type_agrees(types, type, shape))
			return type;
	}
	return NULL;
}

static struct grf_type *named_type(struct grf_types *types, const struct grf_dictionary *dictionary,
				   const char *name, struct grf_type *shape)
{
	struct grf_type *found = entry_type(types, dictionary, name, shape);

	if (found)
		return found;
	found = grf_types_by_name(types, name);
	return found && type_agrees(types, found, shape) ? found : NULL;
}

/* What paths have as the type of a field, where that is no matter of its type alone. */
static void rename_type(struct grf_types *types, const struct grf_dictionary *dictionary,
			struct grf_type_field *field)
{
	const char *name = field->type_name;

	if (!name && field->type && field->role != GRF_ROLE_FIELD)
		name = field->type->name;
	field->type_name = name ? grf_instance_name(types, dictionary->names, name) ?: name : NULL;
}

/* Copies the fields of `shape` to `made`, with the types that theirs stand for. */
static bool copy_fields(struct grf_types *types, const struct grf_dictionary *dictionary,
			const struct grf_shape *shape, struct grf_shape *made)
{
	made->fields = grf_types_allocate(types, shape->field_count * sizeof(*made->fields));
	if (!made->fields)
		return false;
	for (uint32_t i = 0; i < shape->field_count; i++) {
		struct grf_type_field *field = &made->fields[i];

		*field = shape->fields[i];
		rename_type(types, dictionary, field);
		if (field->type)
			field->type = grf_dictionary_type(types, dictionary, field->type);
	}
	made->field_count = shape->field_count;
	return true;
}

static struct grf_type *part_type(struct grf_types *types, const struct grf_dictionary *dictionary,
				  struct grf_type *shape)
{
	return shape ? grf_dictionary_type(types, dictionary, shape) : NULL;
}

/* Makes a type like `shape` from the types that its parts stand for. */
static struct grf_type *make_type(struct grf_types *types, const struct grf_dictionary *dictionary,
				  const char *name, struct grf_type *type)
{
	const struct grf_shape *shape = grf_types_shape(types, type);
	struct grf_type *made = grf_types_make(types, shape->kind, name, type->size, 0);
	struct grf_shape *copy;

	if (!made)
		return NULL;
	copy = &grf_type_source(made)->shape;
	*copy = *shape;
	copy->fields = NULL;
	copy->field_count = 0;
	made->array_unnamed = type->array_unnamed;
	made->variant = type->variant;
	made->variant_offset = type->variant_offset;
	made->variant_type = part_type(types, dictionary, type->variant_type);
	made->variant_else = part_type(types, dictionary, type->variant_else);
	copy->element = part_type(types, dictionary, shape->element);
	copy->key = part_type(types, dictionary, shape->key);
	copy->header = part_type(types, dictionary, shape->header);
	copy->group = part_type(types, dictionary, shape->group);
	return !shape->field_count || copy_fields(types, dictionary, shape, copy) ? made : NULL;
}

/* Whether a type can be made from the types that its parts stand for. */
static bool has_parts(struct grf_types *types, struct grf_type *type)
{
	switch (grf_types_shape(types, type)->kind) {
	case GRF_KIND_ARRAY:
	case GRF_KIND_CHAN:
	case GRF_KIND_MAP:
	case GRF_KIND_POINTER:
	case GRF_KIND_SLICE:
	case GRF_KIND_STRUCT:
		return true;
	default:
		return false;
	}
}

static struct grf_type *work_out(struct grf_types *types, const struct grf_dictionary *dictionary,
				 struct grf_type *shape)
{
	const char *name = grf_instance_name(types, dictionary->names, shape->name);
	struct grf_type *found;

	if (!name)
		return NULL;
	found = named_type(types, dictionary, name, shape);
	return found || !has_parts(types, shape) ? found
						 : make_type(types, dictionary, name, shape);
}

static struct known *find_known(struct grf_dictionaries *dictionaries, const void *of,
				const struct grf_type *shape)
{
	const struct known_key key = {of, shape};
	struct known *found;

	/* NOLINTNEXTLINE(clang-analyzer-*): all of the key is set. */
	HASH_FIND(hh, dictionaries->known, &key, sizeof(key), found);
	return found;
}

/* Remembers the shape as its own answer, until the true one is known. NULL: out of memory. */
static struct known *add_known(struct grf_types *types, const void *of, struct grf_type *shape)
{
	struct known *known = grf_types_allocate(types, sizeof(*known));

	if (!known)
		return NULL;
	known->key = (struct known_key){of, shape};
	known->type = shape;
	HASH_ADD(hh, types->dictionaries->known, key, sizeof(known->key), known);
	return known;
}

struct grf_type *grf_dictionary_type(struct grf_types *types,
				     const struct grf_dictionary *dictionary,
				     struct grf_type *shape)
{
	struct grf_dictionaries *dictionaries = types->dictionaries;
	struct grf_type *found;
	struct known *known;

	if (!grf_type_is_shape(shape))
		return shape;
	known = find_known(dictionaries, dictionary, shape);
	if (known)
		return known->type;
	known = dictionaries->depth < DEPTH_MAX ? add_known(types, dictionary, shape) : NULL;
	if (!known)
		return shape;
	dictionaries->depth++;
	found = work_out(types, dictionary, shape);
	dictionaries->depth--;
	if (found)
		known->type = found;
	return known->type;
}

const char *grf_dictionary_function(struct grf_types *types,
				    const struct grf_dictionary *dictionary, const char *function)
{
	const char *name = types->naming->function(
	    types, function, grf_instance_name(types, dictionary->names, function));

	return name ? name : function;
}

/* --- all dictionaries of a function ----------------------------------------------------------- */

/* Finds the type that all dictionaries whose symbols begin with `prefix` agree on. False: two
 * differ. */
static bool dictionaries_agree(struct grf_types *types, const char *function, const char *prefix,
			       struct grf_type *shape, struct grf_type **found)
{
	for (size_t f = 0; f < types->file_count; f++) {
		const struct grf_dwarf_file *file = &types->files[f];
		uint64_t address, size;
		const char *symbol;

		for (size_t i = 0; file->executable; i++) {
			const struct grf_dictionary *dictionary;
			struct grf_type *type;

			symbol = grf_executable_symbol_like(file->executable, prefix, i, &address,
							    &size);
			if (!symbol)
				break;
			if (i == DICTIONARIES_MAX)
				return false;
			if (!grf_instance_is_dictionary(symbol, function))
				continue;
			dictionary =
			    find_dictionary(types, address + grf_dwarf_file_bias(file), function);
			if (!dictionary || !dictionary->names)
				return false;
			type = grf_dictionary_type(types, dictionary, shape);
			if (*found && *found != type)
				return false;
			*found = type;
		}
	}
	return true;
}

struct grf_type *grf_dictionaries_type(struct grf_types *types, const char *function,
				       struct grf_type *shape)
{
	struct grf_dictionaries *dictionaries = types->dictionaries;
	struct grf_type *found = NULL;
	struct known *known;
	bool same = true;

	/* A library without symbols may have other dictionaries. */
	if (!dictionaries || !grf_type_is_shape(shape) ||
	    (types->modules && types->modules->count > types->file_count))
		return shape;
	known = find_known(dictionaries, function, shape);
	if (known)
		return known->type;
	known = add_known(types, function, shape);
	if (!known)
		return shape;
	for (int form = 0; same && form < GRF_INSTANCE_PREFIXES; form++) {
		const char *prefix = grf_instance_prefix(types, function, form);

		same = !prefix || dictionaries_agree(types, function, prefix, shape, &found);
	}
	if (same && found)
		known->type = found;
	return known->type;
}
