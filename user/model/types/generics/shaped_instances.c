/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes instances of generic types that a program has as shapes only: "p.entry[p.Key]" from
 * "p.entry[go.shape.struct { A string; B int }]". These are types that only shared code makes
 * values of, without DWARF, and with the DWARF of Go 1.27.
 */
#include <string.h>

#include "model/types/generics/instance_names.h"

struct text {
	char bytes[GRF_NAME_BYTES];
	size_t length;
	bool broken; /* the text did not fit, or could not be made */
};

static void append_bytes(struct text *text, const char *bytes, size_t length)
{
	if (length >= sizeof(text->bytes) - text->length) {
		text->broken = true;
		return;
	}
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
	text->bytes[text->length] = '\0';
}

static void append_string(struct text *text, const char *string)
{
	append_bytes(text, string, strlen(string));
}

/* --- what a type's shape is called ------------------------------------------------------------ */

/* "p." of "p.T", "a/b." of "a/b.T[c.D]". */
static size_t qualifier_length(const char *name)
{
	size_t end = strcspn(name, "["), dot = 0;

	for (size_t i = 0; i < end; i++)
		if (name[i] == '.')
			dot = i + 1;
		else if (name[i] == '/')
			dot = 0;
	return dot;
}

/* "struct { A int; p.b string }", as of the type `name` in package p. */
static void append_struct(struct text *text, const char *name, const struct grf_shape *shape)
{
	append_string(text, "struct {");
	for (uint32_t i = 0; i < shape->field_count && !text->broken; i++) {
		const struct grf_type_field *field = &shape->fields[i];

		append_string(text, i ? "; " : " ");
		if (!field->name || !field->type || (uint8_t)field->name[0] >= 0x80) {
			text->broken = true;
			return;
		}
		if (field->name[0] < 'A' || field->name[0] > 'Z')
			append_bytes(text, name, qualifier_length(name));
		append_string(text, field->name);
		append_string(text, " ");
		append_string(text, field->type->name);
	}
	append_string(text, shape->field_count ? " }" : "}");
}

/* The basic types, from bool on (internal/abi.Kind). */
static const char *const basic_names[] = {
    "bool",   "int",    "int8",   "int16",   "int32",   "int64",   "uint",      "uint8",
    "uint16", "uint32", "uint64", "uintptr", "float32", "float64", "complex64", "complex128",
};
#define BASIC_COUNT (sizeof(basic_names) / sizeof(*basic_names))

/* The type that a named type is declared as; `name` itself where it is not known to be one. */
static void append_underlying(struct grf_types *types, struct text *text, const char *name)
{
	struct grf_type *type =
	    qualifier_length(name) && !strpbrk(name, "*{(") ? grf_types_by_name(types, name) : NULL;
	const struct grf_shape *shape = type ? grf_types_shape(types, type) : NULL;
	uint8_t kind = shape ? shape->declared : GRF_KIND_UNKNOWN;

	if (kind == GRF_KIND_STRUCT)
		append_struct(text, name, shape);
	else if (kind == GRF_KIND_STRING)
		append_string(text, "string");
	else if (kind >= GRF_KIND_BOOL && kind < GRF_KIND_BOOL + BASIC_COUNT)
		append_string(text, basic_names[kind - GRF_KIND_BOOL]);
	else
		append_string(text, name);
}

/* "p.entry[K,V]" as the compiler names the instance that all types of one shape share:
 * "p.entry[go.shape.K,go.shape.V]"; `underlying`: with what K and V are declared as. NULL: there is
 * no such name, or memory is out. */
static const char *shaped_name(struct grf_types *types, const char *name, bool underlying)
{
	struct text text = {0};
	const char *at = strchr(name, '[');

	if (!at)
		return NULL;
	append_bytes(&text, name, (size_t)(at - name));
	do {
		const char *begin = at + 1, *end = grf_instance_argument_end(begin), *argument;

		if (!end)
			return NULL;
		append_bytes(&text, at, 1);
		append_string(&text, GRF_SHAPE_MARK);
		argument = grf_types_intern_format(types, "%.*s", (int)(end - begin), begin);
		if (!argument)
			return NULL;
		if (underlying)
			append_underlying(types, &text, argument);
		else
			append_string(&text, argument);
		at = end;
	} while (*at == ',');
	append_string(&text, at);
	return text.broken ? NULL : grf_types_intern(types, text.bytes);
}

/* --- the instance ----------------------------------------------------------------------------- */

/* The type of a field in the instance `made`, from that in the shape's instance, and its name
 * there. NULL: not known. */
static struct grf_type *plain_type(struct grf_types *types, struct grf_type *type, const char *name,
				   const struct grf_type *shaped, struct grf_type *made)
{
	const struct grf_slot *slot;
	struct grf_type *plain;

	if (!grf_type_is_shape(type))
		return type;
	plain = name ? grf_types_by_name(types, name) : NULL;
	if (plain && plain->size == type->size)
		return plain;
	slot = type->size == GRF_WORD_BYTES ? grf_plans_first_pointer(types, type) : NULL;
	if (slot && slot->kind == GRF_SLOT_POINTER && slot->target == shaped)
		return grf_types_make_pointer(types, GRF_KIND_POINTER, made);
	return type;
}

/* The instance `name` with the fields of `shaped`, the one of its shape. */
static struct grf_type *make_instance(struct grf_types *types, const char *name,
				      struct grf_type *shaped)
{
	const struct grf_shape *shape = grf_types_shape(types, shaped);
	const struct grf_instance_names *names = grf_instance_names_of(types, shaped->name, name);
	struct grf_type *made =
	    grf_types_make(types, GRF_KIND_STRUCT, name, shaped->size, shape->field_count);

	if (!made || !names)
		return NULL;
	types->depth++;
	for (uint32_t i = 0; i < shape->field_count; i++) {
		struct grf_type_field field = shape->fields[i];
		const char *type_name = grf_instance_name(types, names, field.type->name);

		field.role = GRF_ROLE_FIELD;
		field.type_name = type_name ? type_name : field.type->name;
		field.type = plain_type(types, field.type, type_name, shaped, made);
		grf_types_add_field(made, &field);
	}
	types->depth--;
	return made;
}

struct grf_type *grf_types_instance(struct grf_types *types, const char *name)
{
	struct grf_type *found = grf_types_by_name(types, name);

	for (int underlying = 0; !found && underlying < 2; underlying++) {
		const char *other = types->depth < GRF_TYPES_DEPTH_MAX
					? shaped_name(types, name, underlying)
					: NULL;
		struct grf_type *shaped = other ? grf_types_by_name(types, other) : NULL;

		if (shaped)
			found = make_instance(types, name, shaped);
	}
	return found;
}
