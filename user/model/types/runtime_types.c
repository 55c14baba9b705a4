/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads types from the runtime's descriptors (internal/abi.Type; runtime._type before 1.21), where
 * DWARF lacks them: types that package reflect made, and all types in a program without DWARF.
 *
 * A descriptor has a common part and a tail by kind. Its name is as %T prints it, with the last
 * element of the package path only; a named type's path is in its "uncommon" part. Only the runtime
 * can find the names of types that reflect made (negative offsets), so the names of composite types
 * are put together from those of their parts, as in DWARF.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "arch/arch.h"
#include "model/types/types_parts.h"

/* Types that one name may need. */
#define NAME_STEPS 256

/* internal/abi.TFlag, all releases */
#define TFLAG_UNCOMMON   1
#define TFLAG_EXTRA_STAR 2
#define TFLAG_NAMED      4

/* internal/abi.Name: bits of its first byte */
#define NAME_EXPORTED 1
#define NAME_EMBEDDED 8

/* The tails, behind the common part. */
#define ARRAY_LENGTH      16 /* element, slice, length */
#define CHAN_DIRECTION    8  /* element, direction */
#define FUNC_IN_COUNT     0  /* uint16; then outCount, whose top bit says variadic */
#define FUNC_SIZE         8
#define INTERFACE_METHODS 8 /* pkgPath, methods */
#define MAP_KEY           0
#define MAP_ELEMENT       8
#define MAP_GROUP         16 /* or bucket */
#define STRUCT_FIELDS     8  /* pkgPath, fields */
#define MAP_PART_FIELDS   8  /* a map's group, slot or bucket has fewer */
#define ARRAY_TAIL_SIZE   24
#define CHAN_TAIL_SIZE    16
#define INTERFACE_TAIL    32
#define POINTER_TAIL_SIZE 8
#define STRUCT_TAIL_SIZE  32

/* --- the common part -------------------------------------------------------------------------- */

/* Sizes that a kind fixes; 0: any. */
static uint64_t size_of_kind(enum grf_kind kind)
{
	static const uint8_t sizes[GRF_KIND_LAST + 1] = {
	    [1] = 1,  [2] = 8,  [3] = 1,   [4] = 2,  [5] = 4,  [6] = 8,   [7] = 8,   [8] = 1,
	    [9] = 2,  [10] = 4, [11] = 8,  [12] = 8, [13] = 4, [14] = 8,  [15] = 8,  [16] = 16,
	    [18] = 8, [19] = 8, [20] = 16, [21] = 8, [22] = 8, [23] = 24, [24] = 16, [26] = 8,
	};

	return sizes[kind];
}

bool grf_descriptor_read(struct grf_types *types, uint64_t address, struct grf_descriptor *ret)
{
	const struct grf_layout *layout = types->layout;
	const struct grf_descriptor_form *form = layout->release->descriptor;
	int64_t common = grf_offset(layout, type, _size);
	const uint8_t *at;
	uint8_t kind;

	if (common <= 0 || !address || address % GRF_WORD_BYTES)
		return false;
	at = grf_image_at(types->image, address, (uint64_t)common);
	if (!at)
		return false;
	kind = at[grf_offset(layout, type, kind)];
	*ret = (struct grf_descriptor){
	    .address = address,
	    .size = grf_load_u64(at + grf_offset(layout, type, size)),
	    .pointer_bytes = grf_load_u64(at + grf_offset(layout, type, ptr_bytes)),
	    .kind = (enum grf_kind)(kind & GRF_KIND_MASK),
	    .tflag = at[grf_offset(layout, type, tflag)],
	    .name = (int32_t)grf_load_u32(at + grf_offset(layout, type, str)),
	    .tail = address + (uint64_t)common,
	};
	ret->direct = (kind & form->direct_kind) || (ret->tflag & form->direct_tflag);
	if (ret->kind == GRF_KIND_UNKNOWN || ret->kind > GRF_KIND_LAST ||
	    ret->size >= grf_image_arch(types->image)->address_limit ||
	    ret->pointer_bytes > ret->size || ret->pointer_bytes % GRF_WORD_BYTES)
		return false;
	return !size_of_kind(ret->kind) || ret->size == size_of_kind(ret->kind);
}

static uint64_t tail_size(const struct grf_types *types, enum grf_kind kind)
{
	switch (kind) {
	case GRF_KIND_ARRAY:
		return ARRAY_TAIL_SIZE;
	case GRF_KIND_CHAN:
		return CHAN_TAIL_SIZE;
	case GRF_KIND_FUNC:
		return FUNC_SIZE;
	case GRF_KIND_INTERFACE:
		return INTERFACE_TAIL;
	case GRF_KIND_MAP:
		return types->layout->release->descriptor->map_tail;
	case GRF_KIND_POINTER:
	case GRF_KIND_SLICE:
		return POINTER_TAIL_SIZE;
	case GRF_KIND_STRUCT:
		return STRUCT_TAIL_SIZE;
	default:
		return 0;
	}
}

/* --- names ------------------------------------------------------------------------------------ */

struct name_text {
	char text[GRF_NAME_BYTES];
	size_t length;
	int steps;
	unsigned int depth;
};

static void append_name(struct name_text *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append_name(struct name_text *name, const char *format, ...)
{
	size_t room = sizeof(name->text) - name->length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(name->text + name->length, room, format, arguments);
	va_end(arguments);
	if (length > 0)
		name->length += (size_t)length < room ? (size_t)length : room - 1;
}

/* The bytes of an encoded name (internal/abi.Name): flags, length, bytes. NULL: none. */
static const char *name_bytes(const struct grf_types *types, uint64_t address, size_t *ret_length)
{
	uint8_t byte = 0x80;
	uint64_t at = address + 1, length = 0;

	if (!address)
		return NULL;
	for (unsigned int shift = 0; byte & 0x80; shift += 7) {
		if (shift > 14 || !grf_image_u8(types->image, at++, &byte))
			return NULL;
		length |= (uint64_t)(byte & 0x7f) << shift;
	}
	*ret_length = length;
	return length < GRF_NAME_BYTES ? (const char *)grf_image_at(types->image, at, length)
				       : NULL;
}

static const char *name_at_offset(const struct grf_types *types, uint64_t near, int32_t offset,
				  size_t *ret_length)
{
	const struct grf_module *module =
	    types->modules ? grf_modules_by_type(types->modules, near) : NULL;

	if (!module || offset <= 0 || (uint64_t)offset >= module->etypes - module->types)
		return NULL;
	return name_bytes(types, module->types + (uint64_t)offset, ret_length);
}

/* Reads the name in the descriptor. False: it is not found. */
static bool own_name(const struct grf_types *types, const struct grf_descriptor *type,
		     const char **ret, size_t *ret_length)
{
	*ret = name_at_offset(types, type->address, type->name, ret_length);
	if (*ret && (type->tflag & TFLAG_EXTRA_STAR) && *ret_length) {
		(*ret)++;
		(*ret_length)--;
	}
	return *ret && *ret_length;
}

static const char *package_path(const struct grf_types *types, const struct grf_descriptor *type,
				size_t *ret_length)
{
	uint32_t offset;

	if (!(type->tflag & TFLAG_UNCOMMON) ||
	    !grf_image_u32(types->image, type->tail + tail_size(types, type->kind), &offset))
		return NULL;
	return name_at_offset(types, type->address, (int32_t)offset, ret_length);
}

/* "template.Template" with the path of its package: "html/template.Template". */
static void append_named(const struct grf_types *types, const struct grf_descriptor *type,
			 const char *text, size_t length, struct name_text *name)
{
	const char *bracket = memchr(text, '[', length);
	size_t head = bracket ? (size_t)(bracket - text) : length, path_length;
	const char *dot = memchr(text, '.', head);
	const char *path = dot ? package_path(types, type, &path_length) : NULL;

	/* Some names have the whole path already. */
	if (path && path_length < length && !memcmp(path, text, path_length) &&
	    text[path_length] == '.')
		path = NULL;
	if (path && path_length)
		append_name(name, "%.*s%.*s", (int)path_length, path,
			    (int)(length - (size_t)(dot - text)), dot);
	else
		append_name(name, "%.*s", (int)length, text);
}

/* False: the type is not known, nor what follows it. */
static bool append_type(struct grf_types *types, uint64_t address, struct name_text *name);

static void append_list(struct grf_types *types, uint64_t at, unsigned int count, bool variadic,
			struct name_text *name)
{
	for (unsigned int i = 0; i < count && name->steps > 0; i++) {
		uint64_t type = grf_image_word(types->image, at + i * GRF_WORD_BYTES);

		if (i)
			append_name(name, ", ");
		/* The last parameter is a slice. */
		if (variadic && i == count - 1) {
			append_name(name, "...");
			type = grf_image_word(
			    types->image, type + (uint64_t)grf_offset(types->layout, type, _size));
		}
		if (!append_type(types, type, name) && i + 1 < count) {
			append_name(name, ", ...");
			return;
		}
	}
}

/* func(int, ...string) (int, error) */
static void append_func(struct grf_types *types, const struct grf_descriptor *type,
			struct name_text *name)
{
	uint64_t parameters = type->tail + FUNC_SIZE;
	uint16_t in, out;

	if (!grf_image_u16(types->image, type->tail + FUNC_IN_COUNT, &in) ||
	    !grf_image_u16(types->image, type->tail + FUNC_IN_COUNT + 2, &out))
		return;
	/* Parameters stand behind the uncommon part. */
	if (type->tflag & TFLAG_UNCOMMON)
		parameters += 16;
	append_name(name, "func(");
	append_list(types, parameters, in, out >> 15, name);
	append_name(name, ")");
	out &= 0x7fff;
	if (out)
		append_name(name, out > 1 ? " (" : " ");
	append_list(types, parameters + (uint64_t)in * GRF_WORD_BYTES, out, false, name);
	if (out > 1)
		append_name(name, ")");
}

/* DWARF qualifies fields that other packages do not see: struct { net.addr string; Port int } */
static bool append_field(struct grf_types *types, uint64_t field, uint64_t package,
			 struct name_text *name)
{
	uint64_t address = grf_image_word(types->image, field);
	uint8_t flags = 0;
	size_t length, path_length;
	const char *text = name_bytes(types, address, &length);
	const char *path = name_bytes(types, package, &path_length);
	bool embedded = grf_image_u8(types->image, address, &flags) && (flags & NAME_EMBEDDED);

	if (text && !embedded) {
		if (path && path_length && !(flags & NAME_EXPORTED))
			append_name(name, "%.*s.", (int)path_length, path);
		append_name(name, "%.*s ", (int)length, text);
	}
	return append_type(types, grf_image_word(types->image, field + GRF_WORD_BYTES), name);
}

static void append_struct(struct grf_types *types, const struct grf_descriptor *type,
			  struct name_text *name)
{
	uint64_t package = grf_image_word(types->image, type->tail);
	uint64_t fields = grf_image_word(types->image, type->tail + STRUCT_FIELDS);
	uint64_t count = grf_image_word(types->image, type->tail + STRUCT_FIELDS + GRF_WORD_BYTES);

	append_name(name, "struct {");
	for (uint64_t i = 0; i < count; i++) {
		append_name(name, i ? "; " : " ");
		if (append_field(types, fields + i * GRF_STRUCT_FIELD_SIZE, package, name))
			continue;
		if (i + 1 < count)
			append_name(name, "; ...");
		break;
	}
	append_name(name, count ? " }" : "}");
}

static void append_composite(struct grf_types *types, const struct grf_descriptor *type,
			     struct name_text *name)
{
	static const char *const directions[] = {"chan ", "<-chan ", "chan<- ", "chan "};
	uint64_t first = grf_image_word(types->image, type->tail);

	switch (type->kind) {
	case GRF_KIND_ARRAY:
		append_name(
		    name, "[%llu]",
		    (unsigned long long)grf_image_word(types->image, type->tail + ARRAY_LENGTH));
		append_type(types, first, name);
		break;
	case GRF_KIND_CHAN:
		append_name(
		    name, "%s",
		    directions[grf_image_word(types->image, type->tail + CHAN_DIRECTION) & 3]);
		append_type(types, first, name);
		break;
	case GRF_KIND_FUNC:
		append_func(types, type, name);
		break;
	case GRF_KIND_MAP:
		append_name(name, "map[");
		append_type(types, first, name);
		append_name(name, "]");
		append_type(types, grf_image_word(types->image, type->tail + MAP_ELEMENT), name);
		break;
	case GRF_KIND_POINTER:
		append_name(name, "*");
		append_type(types, first, name);
		break;
	case GRF_KIND_SLICE:
		append_name(name, "[]");
		append_type(types, first, name);
		break;
	case GRF_KIND_STRUCT:
		append_struct(types, type, name);
		break;
	case GRF_KIND_INTERFACE:
		append_name(name, "interface {}");
		break;
	default:
		append_name(name, "?");
		break;
	}
}

static bool is_composite(enum grf_kind kind)
{
	switch (kind) {
	case GRF_KIND_ARRAY:
	case GRF_KIND_CHAN:
	case GRF_KIND_FUNC:
	case GRF_KIND_MAP:
	case GRF_KIND_POINTER:
	case GRF_KIND_SLICE:
		return true;
	default:
		return false;
	}
}

/* The type of a field of a map's group, slot or bucket. 0: it has none of that name. */
static uint64_t field_named(const struct grf_types *types, const struct grf_descriptor *type,
			    const char *wanted)
{
	uint64_t fields = grf_image_word(types->image, type->tail + STRUCT_FIELDS);
	uint64_t count = grf_image_word(types->image, type->tail + STRUCT_FIELDS + GRF_WORD_BYTES);

	for (uint64_t i = 0; i < count && i < MAP_PART_FIELDS; i++) {
		uint64_t at = fields + i * GRF_STRUCT_FIELD_SIZE;
		size_t length;
		const char *text = name_bytes(types, grf_image_word(types->image, at), &length);

		if (text && length == strlen(wanted) && !memcmp(text, wanted, length))
			return grf_image_word(types->image, at + GRF_WORD_BYTES);
	}
	return 0;
}

/* What an array, or a pointer, is of. 0: it is none. */
static uint64_t element_of_kind(struct grf_types *types, uint64_t address, enum grf_kind kind)
{
	struct grf_descriptor type;

	if (!grf_descriptor_read(types, address, &type) || type.kind != kind)
		return 0;
	return grf_image_word(types->image, type.tail);
}

/* The type of the keys, or of the elements, in a map's group or bucket, whose arrays are of slots
 * or of these. A large one is behind a pointer there. 0: not found. */
static uint64_t part_of_map(struct grf_types *types, const struct grf_descriptor *type,
			    const char *one, const char *several, const char *shown)
{
	uint64_t slots = field_named(types, type, "slots"), part, pointee;
	struct grf_descriptor slot;

	part = element_of_kind(types, slots ? slots : field_named(types, type, several),
			       GRF_KIND_ARRAY);
	if (slots && grf_descriptor_read(types, part, &slot))
		part = slot.kind == GRF_KIND_STRUCT ? field_named(types, &slot, one) : 0;
	pointee = *shown == '*' ? 0 : element_of_kind(types, part, GRF_KIND_POINTER);
	return pointee ? pointee : part;
}

/* Appends the name of a map's group or bucket, "map.group[template.Name]int", with the paths of
 * packages. False: it is none. */
static bool append_map_part(struct grf_types *types, const struct grf_descriptor *type,
			    const char *text, size_t length, struct name_text *name)
{
	const char *key = memchr(text, '[', length), *end = text + length, *element;
	uint64_t keys, elements;
	int brackets = 0;

	if (type->kind != GRF_KIND_STRUCT || !key ||
	    !grf_container_is_group_name(text, (size_t)(key - text) + 1))
		return false;
	element = ++key;
	while (element < end && (*element != ']' || brackets)) {
		brackets += (*element == '[') - (*element == ']');
		element++;
	}
	if (element + 1 >= end)
		return false;
	keys = part_of_map(types, type, "key", "keys", key);
	elements = part_of_map(types, type, "elem", "elems", element + 1);
	if (!keys || !elements)
		return false;
	append_name(name, "%.*s", (int)(key - text), text);
	append_type(types, keys, name);
	append_name(name, "]");
	append_type(types, elements, name);
	return true;
}

/* The groups and buckets of maps are structs with names of their own. */
static bool is_struct_literal(const char *text, size_t length)
{
	static const char prefix[] = "struct {";

	return length >= sizeof(prefix) - 1 && !memcmp(text, prefix, sizeof(prefix) - 1);
}

static void append_descriptor(struct grf_types *types, const struct grf_descriptor *type,
			      struct name_text *name)
{
	size_t length;
	const char *text;
	bool found = own_name(types, type, &text, &length);

	if (found && (type->tflag & TFLAG_NAMED))
		append_named(types, type, text, length, name);
	else if (found && append_map_part(types, type, text, length, name))
		return;
	else if (found && !is_composite(type->kind) && !is_struct_literal(text, length))
		append_name(name, "%.*s", (int)length, text);
	else
		append_composite(types, type, name);
}

static bool append_type(struct grf_types *types, uint64_t address, struct name_text *name)
{
	struct grf_descriptor type;

	if (name->steps-- <= 0 || name->depth >= GRF_TYPES_DEPTH_MAX ||
	    !grf_descriptor_read(types, address, &type)) {
		append_name(name, "?");
		return false;
	}
	name->depth++;
	append_descriptor(types, &type, name);
	name->depth--;
	return true;
}

const char *grf_descriptor_name(struct grf_types *types, const struct grf_descriptor *descriptor)
{
	struct name_text name = {.steps = NAME_STEPS};

	append_descriptor(types, descriptor, &name);
	return grf_types_intern(types, name.text);
}

/* --- shapes ----------------------------------------------------------------------------------- */

static const char *field_name(struct grf_types *types, uint64_t address)
{
	size_t length;
	const char *text = name_bytes(types, address, &length);

	return text ? grf_types_intern_format(types, "%.*s", (int)length, text) : NULL;
}

static void read_fields(struct grf_types *types, const struct grf_descriptor *type,
			struct grf_shape *ret)
{
	uint64_t fields = grf_image_word(types->image, type->tail + STRUCT_FIELDS);
	uint64_t count = grf_image_word(types->image, type->tail + STRUCT_FIELDS + GRF_WORD_BYTES);
	uint8_t shift = types->layout->release->descriptor->offset_shift;
	const uint8_t *memory;

	if (!count || count > GRF_FIELDS_MAX)
		return;
	memory = grf_image_at(types->image, fields, count * GRF_STRUCT_FIELD_SIZE);
	ret->fields = memory ? grf_types_allocate(types, count * sizeof(*ret->fields)) : NULL;
	if (!ret->fields)
		return;
	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *at = memory + i * GRF_STRUCT_FIELD_SIZE;
		struct grf_type_field *field = &ret->fields[ret->field_count];

		field->name = field_name(types, grf_load_u64(at));
		field->type = grf_types_by_descriptor(types, grf_load_u64(at + GRF_WORD_BYTES));
		field->offset = grf_load_u64(at + 2 * GRF_WORD_BYTES) >> shift;
		if (field->type)
			ret->field_count++;
	}
}

void grf_descriptor_fields(struct grf_types *types, uint64_t address, struct grf_shape *ret)
{
	struct grf_descriptor descriptor;

	if (grf_descriptor_read(types, address, &descriptor) && descriptor.kind == GRF_KIND_STRUCT)
		read_fields(types, &descriptor, ret);
}

static void field_parts(struct grf_types *types, const struct grf_descriptor *type,
			void (*take)(void *context, uint64_t address), void *context)
{
	uint64_t fields = grf_image_word(types->image, type->tail + STRUCT_FIELDS);
	uint64_t count = grf_image_word(types->image, type->tail + STRUCT_FIELDS + GRF_WORD_BYTES);
	const uint8_t *memory;

	if (!count || count > GRF_FIELDS_MAX)
		return;
	memory = grf_image_at(types->image, fields, count * GRF_STRUCT_FIELD_SIZE);
	for (uint64_t i = 0; memory && i < count; i++)
		take(context, grf_load_u64(memory + i * GRF_STRUCT_FIELD_SIZE + GRF_WORD_BYTES));
}

void grf_descriptor_parts(struct grf_types *types, const struct grf_descriptor *descriptor,
			  void (*take)(void *context, uint64_t address), void *context)
{
	switch (descriptor->kind) {
	case GRF_KIND_ARRAY:
	case GRF_KIND_CHAN:
	case GRF_KIND_POINTER:
	case GRF_KIND_SLICE:
		take(context, grf_image_word(types->image, descriptor->tail));
		break;
	case GRF_KIND_MAP:
		take(context, grf_image_word(types->image, descriptor->tail + MAP_KEY));
		take(context, grf_image_word(types->image, descriptor->tail + MAP_ELEMENT));
		take(context, grf_image_word(types->image, descriptor->tail + MAP_GROUP));
		break;
	case GRF_KIND_STRUCT:
		field_parts(types, descriptor, take, context);
		break;
	default:
		break;
	}
}

void grf_runtime_types_shape(struct grf_types *types, struct grf_type *type, struct grf_shape *ret)
{
	struct grf_descriptor descriptor;
	uint64_t tail;

	if (!grf_descriptor_read(types, grf_type_source(type)->address, &descriptor))
		return;
	tail = descriptor.tail;
	ret->kind = (uint8_t)descriptor.kind;
	switch (descriptor.kind) {
	case GRF_KIND_ARRAY:
		ret->count = grf_image_word(types->image, tail + ARRAY_LENGTH);
		ret->element = grf_types_by_descriptor(types, grf_image_word(types->image, tail));
		break;
	case GRF_KIND_CHAN:
	case GRF_KIND_POINTER:
	case GRF_KIND_SLICE:
		ret->element = grf_types_by_descriptor(types, grf_image_word(types->image, tail));
		break;
	case GRF_KIND_MAP:
		ret->key =
		    grf_types_by_descriptor(types, grf_image_word(types->image, tail + MAP_KEY));
		ret->element = grf_types_by_descriptor(
		    types, grf_image_word(types->image, tail + MAP_ELEMENT));
		ret->group =
		    grf_types_by_descriptor(types, grf_image_word(types->image, tail + MAP_GROUP));
		break;
	case GRF_KIND_INTERFACE:
		ret->empty_interface = !grf_image_word(types->image, tail + INTERFACE_METHODS +
									 (uint64_t)GRF_WORD_BYTES);
		break;
	case GRF_KIND_STRUCT:
		read_fields(types, &descriptor, ret);
		break;
	default:
		break;
	}
}
