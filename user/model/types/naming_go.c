/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The naming of Go: a field behind its package and type, "a/b.Server.conn", as pprof shortens,
 * colours and finds names of functions. The type of a value follows in parentheses where the name
 * does not say it: what an interface holds, which function a func is, elements of arrays and maps.
 * All elements of an array are one, "[] (T)".
 *
 * The type that an interface holds is known when the walk is there. Until then the element has the
 * static type, or none; its `base` is what the dynamic one is put behind.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/types/naming_private.h"

/* What fields of struct types without a name are called after, where nothing else is near. */
#define NAMELESS "struct"

/* --- text ------------------------------------------------------------------------------------- */

static int hex_digit(char digit)
{
	const char *digits = "0123456789abcdef", *at = digit ? strchr(digits, digit) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Undoes what the compiler writes for dots and others in the last element of a package's path
 * (cmd/internal/objabi.PathToPrefix, in every release): "yaml%2ev3". */
static void undo_escapes(char *text)
{
	char *to = text;

	for (const char *at = text; *at; to++) {
		int high = *at == '%' ? hex_digit(at[1]) : -1;
		int low = high >= 0 ? hex_digit(at[2]) : -1;
		int byte = low >= 0 ? high * 16 + low : 0;

		*to = byte ? (char)byte : *at;
		at += byte ? 3 : 1;
	}
	*to = '\0';
}

static const char *intern_text(struct grf_types *types, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static const char *intern_text(struct grf_types *types, const char *format, ...)
{
	char text[GRF_NAME_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	undo_escapes(text);
	return grf_types_intern(types, text);
}

static bool begins_with(const char *text, const char *beginning)
{
	return !strncmp(text, beginning, strlen(beginning));
}

/* Whether a struct type has no name of its own. */
static bool is_unnamed(const char *type)
{
	return begins_with(type, "struct {") || begins_with(type, GRF_SHAPE_MARK "struct {");
}

/* What stands in place of a type that is written out, which may be longer than a screen. NULL: it
 * has a name. */
static const char *kind_word(const char *type)
{
	if (is_unnamed(type))
		return "struct";
	if (!strcmp(type, "interface {}"))
		return "any";
	if (begins_with(type, "interface {"))
		return "interface";
	return begins_with(type, "func(") ? "func" : NULL;
}

/* "BASE (TYPE)" */
static const char *put_type(struct grf_types *types, const char *base, const char *type)
{
	size_t before = strspn(type, "*[]0123456789");
	const char *word = kind_word(type + before);

	return intern_text(types, "%s (%.*s%s)", base, (int)before, type,
			   word ? word : type + before);
}

/* --- fields ----------------------------------------------------------------------------------- */

/* Whether what a value of the type leads to may be of many types. */
static bool is_dynamic(struct grf_types *types, struct grf_type *type)
{
	const struct grf_shape *shape = grf_types_shape(types, type);

	switch (shape->kind) {
	case GRF_KIND_FUNC:
	case GRF_KIND_INTERFACE:
	case GRF_KIND_UNSAFE_POINTER:
		return true;
	case GRF_KIND_POINTER:
		return shape->element && grf_type_is_timer(shape->element);
	default:
		return !strcmp(type->name, "sync/atomic.Value");
	}
}

static const char *go_owner(struct grf_types *types, const struct grf_type *structure)
{
	(void)types;
	if (grf_type_source(structure)->kind == GRF_SOURCE_CONTENTS)
		return "runtime.hchan";
	return is_unnamed(structure->name) ? NAMELESS : structure->name;
}

/* Whether a field has the name that it has where the struct is embedded. */
static bool is_embedded(const struct grf_type_field *field)
{
	const char *type = field->type->name;
	size_t length = strcspn(type, "["), begin = length;

	while (begin && type[begin - 1] != '.' && type[begin - 1] != '/')
		begin--;
	return field->name && strlen(field->name) == length - begin &&
	       !strncmp(type + begin, field->name, length - begin);
}

static const char *go_inside(struct grf_types *types, const char *owner,
			     const struct grf_type_field *field)
{
	const struct grf_shape *shape = grf_types_shape(types, field->type);

	if (field->role != GRF_ROLE_FIELD || !field->name || shape->kind != GRF_KIND_STRUCT ||
	    shape->is_group || (!is_unnamed(field->type->name) && !is_embedded(field)))
		return NULL;
	/* Where its own fields add nothing, its name must. */
	for (uint32_t i = 0; i < shape->field_count; i++)
		if (grf_folded_field(field->type->name, &shape->fields[i]).role != GRF_ROLE_FIELD)
			return NULL;
	return intern_text(types, "%s.%s", owner, field->name);
}

/* An element that stands for a value of a type, `base` before it. */
static const char *typed_element(struct grf_types *types, const char *base, const char *type,
				 bool dynamic)
{
	const char *name = put_type(types, base, type);
	const struct grf_element element = {.base = dynamic ? base : NULL};

	return name && grf_element_note(types, name, &element) ? name : NULL;
}

static const char *go_field(struct grf_types *types, const char *owner,
			    const struct grf_type_field *field)
{
	const struct grf_type_field folded = grf_folded_field(owner, field);
	const char *type = folded.type_name ? folded.type_name : field->type->name, *name;
	bool dynamic = is_dynamic(types, field->type) || !strcmp(type, "interface {}");
	struct grf_element element = {.field = field->name};

	switch ((enum grf_field_role)folded.role) {
	case GRF_ROLE_FIELD:
	case GRF_ROLE_CAPTURED:
		name = intern_text(types, "%s.%s", owner, field->name ? field->name : "_");
		element.base = dynamic ? name : NULL;
		element.named = name;
		if (name && begins_with(name, NAMELESS "."))
			element.nameless = name + sizeof(NAMELESS);
		return name && grf_element_note(types, name, &element) ? name : NULL;
	case GRF_ROLE_KEY:
		return typed_element(types, GRF_ELEMENT_KEY, type, dynamic);
	case GRF_ROLE_VALUE:
		return typed_element(types, GRF_ELEMENT_VALUE, type, dynamic);
	case GRF_ROLE_POOLED:
		return typed_element(types, "$pooled", type, dynamic);
	case GRF_ROLE_FUNCTION:
	case GRF_ROLE_PLAIN:
		break;
	}
	return NULL;
}

/* --- other elements --------------------------------------------------------------------------- */

static const char *go_index(struct grf_types *types, struct grf_type *type, int index)
{
	return typed_element(types, index == GRF_ELEMENT_BEFORE ? "[<0]" : "[]", type->name,
			     is_dynamic(types, type));
}

/* What is below it is not called after what is above it: that may be a function, and the field of a
 * nameless struct would read as a variable of it. */
static const char *go_found(struct grf_types *types, const struct grf_type *type)
{
	const char *name = put_type(types, "?", type->name);
	const struct grf_element element = {.renamed = true};

	return name && grf_element_note(types, name, &element) ? name : NULL;
}

static const char *go_with_type(struct grf_types *types, const struct grf_element *about,
				const char *type)
{
	const char *name = put_type(types, about->base, type);
	const struct grf_element element = {
	    .field = about->field, .named = about->named, .renamed = about->renamed};

	return name && grf_element_note(types, name, &element) ? name : NULL;
}

static const char *go_below(struct grf_types *types, const struct grf_element *about,
			    const char *above)
{
	const char *name = grf_types_intern_format(types, "%s.%s", above, about->nameless);
	const struct grf_element element = {
	    .field = about->field, .base = about->base ? name : NULL, .renamed = true};

	return name && grf_element_note(types, name, &element) ? name : NULL;
}

static const char *go_root(struct grf_types *types, const char *name)
{
	return strchr(name, '%') ? intern_text(types, "%s", name) : name;
}

static const char *go_object(struct grf_types *types, struct grf_type *type, const uint8_t *memory,
			     uint64_t room)
{
	const char *name = NULL;

	if (memory && grf_type_is_timer(type))
		name = grf_timer_name(types, type, memory, room);
	return name ? name : go_root(types, type->name);
}

static const char *go_function(struct grf_types *types, const char *shared, const char *instance)
{
	(void)types;
	return instance ? instance : shared;
}

const struct grf_naming grf_naming_go = {
    .name = "go",
    .owner = go_owner,
    .inside = go_inside,
    .field = go_field,
    .index = go_index,
    .found = go_found,
    .with_type = go_with_type,
    .below = go_below,
    .object = go_object,
    .function = go_function,
    .folds = grf_folds_elements,
    .part = grf_folds_type,
    .root = go_root,
};
