/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Corrects types whose declaration does not say what the runtime and the standard library keep in
 * them: an unsafe.Pointer that always points to one type, a struct whose object holds more than its
 * static type. Names that a release lacks are not found and change nothing, so one table serves all
 * releases.
 */
#include <string.h>

#include "model/types/types_parts.h"

enum field_action {
	POINTS_TO,          /* a pointer to the type `argument` */
	POINTS_TO_ARRAY,    /* a pointer to an array of them */
	POINTS_TO_ARGUMENT, /* a pointer to the structure's type argument, which it stands for */
	HAS_TYPE,           /* is of type `argument` */
	EMPTY_INTERFACE,    /* data word of an interface{}; the word before it is its type */
	INTERFACE,          /* the same for an interface with methods: an itab */
	REFLECTED,          /* as EMPTY_INTERFACE; a flag behind it says what the word is */
};

/* The true type of a field. A structure's name that ends with '[' matches all its instances. */
static const struct field_rule {
	const char *structure;
	const char *field;
	enum field_action action;
	const char *argument;
} field_rules[] = {
    {"sync/atomic.Pointer[", "v", POINTS_TO_ARGUMENT, NULL},
    {"internal/runtime/atomic.Pointer[", "u", POINTS_TO_ARGUMENT, NULL}, /* 1.23 on */
    {"runtime/internal/atomic.Pointer[", "u", POINTS_TO_ARGUMENT, NULL},
    /* A weak pointer keeps a word of the runtime's alive, not what it points to. */
    {"weak.Pointer[", "u", POINTS_TO, "uintptr"},
    {"internal/weak.Pointer[", "u", POINTS_TO, "uintptr"},
    {"sync.Pool", "local", POINTS_TO_ARRAY, "sync.poolLocal"},
    {"sync.Pool", "victim", POINTS_TO_ARRAY, "sync.poolLocal"},
    {"sync.eface", "val", EMPTY_INTERFACE, NULL},
    {"sync.entry", "p", POINTS_TO, "interface {}"}, /* to 1.19 */
    {"sync.notifyList", "head", POINTS_TO, "runtime.sudog"},
    {"sync.notifyList", "tail", POINTS_TO, "runtime.sudog"},
    {"reflect.Value", "ptr", REFLECTED, NULL},
    {"reflect.emptyInterface", "word", EMPTY_INTERFACE, NULL},
    {"reflect.nonEmptyInterface", "word", INTERFACE, NULL},
    {"internal/abi.EmptyInterface", "Data", EMPTY_INTERFACE, NULL},
    {"internal/abi.NonEmptyInterface", "Data", INTERFACE, NULL},
    {"internal/reflectlite.Value", "ptr", REFLECTED, NULL},
    {"internal/reflectlite.emptyInterface", "word", EMPTY_INTERFACE, NULL},
    {"runtime.eface", "data", EMPTY_INTERFACE, NULL},
    {"runtime.iface", "data", INTERFACE, NULL},
    {"runtime.stringStruct", "str", POINTS_TO, "uint8"},
    {"runtime.timeTimer", "c", HAS_TYPE, "<-chan time.Time"},
    {"runtime.g", "labels", POINTS_TO, "runtime/pprof.labelMap"},
};

/* Objects that are more than their static type: nodes of HashTrieMap (sync.Map from 1.24 on), which
 * are entries or inner nodes by a flag. */
static const struct flag_variant {
	const char *type, *flag, *when_set, *otherwise;
} flag_variants[] = {
    {"internal/sync.node[", "isEntry", "internal/sync.entry[", "internal/sync.indirect["},
    {"internal/concurrent.node[", "isEntry", "internal/concurrent.entry[",
     "internal/concurrent.indirect["},
    {"unique.node[", "isEntry", "unique.entry[", "unique.indirect["},
};

/* The same where only the size of the object tells: time.NewTimer returns the beginning of a
 * runtime.timeTimer (1.23 on, runtime/time.go). */
static const struct room_variant {
	const char *type, *whole;
} room_variants[] = {
    {"time.Timer", "runtime.timeTimer"},
    {"time.Ticker", "runtime.timeTimer"},
    {"iter.coro", "runtime.coro"},
};

/* Atomic pointers to another instance of generic types with the same arguments. In the instance
 * that all types of one shape share, the pointers are to nameless structs. */
static const struct sibling_rule {
	const char *structure, *field, *sibling;
} sibling_rules[] = {
    {"internal/sync.indirect[", "children", "internal/sync.node["},
    {"internal/sync.entry[", "overflow", "internal/sync.entry["},
    {"internal/concurrent.indirect[", "children", "internal/concurrent.node["},
    {"internal/concurrent.entry[", "overflow", "internal/concurrent.entry["},
    {"unique.indirect[", "children", "unique.node["},
    {"unique.entry[", "overflow", "unique.entry["},
};

/* --- fields ----------------------------------------------------------------------------------- */

/* The type argument: from a field `_ [0]*T`, else by the name between the brackets. */
static struct grf_type *type_argument(struct grf_types *types, const struct grf_type *type,
				      const struct grf_shape *shape)
{
	const char *begin = strchr(type->name, '['), *name;
	size_t length;

	for (uint32_t i = 0; i < shape->field_count; i++) {
		const struct grf_shape *array = grf_types_shape(types, shape->fields[i].type);

		if (array->kind == GRF_KIND_ARRAY && !array->count && array->element)
			return grf_types_shape(types, array->element)->element;
	}
	length = begin ? strlen(begin) : 0;
	if (length < 3 || begin[length - 1] != ']')
		return NULL;
	name = grf_types_intern_format(types, "%.*s", (int)(length - 2), begin + 1);
	return name ? grf_types_by_name(types, name) : NULL;
}

static struct grf_type *interface_type(struct grf_types *types, bool empty)
{
	struct grf_type *made = grf_types_make(
	    types, GRF_KIND_INTERFACE, empty ? "interface {}" : "interface", 2 * GRF_WORD_BYTES, 0);

	if (made)
		grf_type_source(made)->shape.empty_interface = empty;
	return made;
}

static struct grf_type *ruled_type(struct grf_types *types, const struct field_rule *rule,
				   const struct grf_type *structure, const struct grf_shape *shape)
{
	struct grf_type *argument =
	    rule->argument ? grf_types_by_name(types, rule->argument) : NULL;

	switch (rule->action) {
	case POINTS_TO:
		return grf_types_make_pointer(types, GRF_KIND_POINTER, argument);
	case POINTS_TO_ARRAY:
		return grf_types_make_pointer(types, GRF_KIND_ARRAY_POINTER, argument);
	case POINTS_TO_ARGUMENT:
		return grf_types_make_pointer(types, GRF_KIND_POINTER,
					      type_argument(types, structure, shape));
	case HAS_TYPE:
		return argument;
	case EMPTY_INTERFACE:
	case INTERFACE:
		return interface_type(types, rule->action == EMPTY_INTERFACE);
	case REFLECTED:
		argument = interface_type(types, true);
		if (argument)
			grf_type_source(argument)->shape.discriminator = GRF_REFLECT_FLAG;
		return argument;
	}
	return NULL;
}

static void apply_rule(struct grf_types *types, const struct field_rule *rule,
		       const struct grf_type *structure, struct grf_shape *shape)
{
	bool pair = rule->action == EMPTY_INTERFACE || rule->action == INTERFACE ||
		    rule->action == REFLECTED;

	for (uint32_t i = 0; i < shape->field_count; i++) {
		struct grf_type_field *field = &shape->fields[i];
		struct grf_type *type;
		enum grf_kind kind;

		if (!field->name || strcmp(field->name, rule->field) != 0)
			continue;
		kind = grf_types_shape(types, field->type)->kind;
		/* Some releases have the right type already. */
		if (kind != GRF_KIND_UNSAFE_POINTER && rule->action != POINTS_TO_ARGUMENT)
			return;
		type = ruled_type(types, rule, structure, shape);
		if (!type || (pair && field->offset < GRF_WORD_BYTES))
			return;
		/* These stand for the value itself. */
		if (pair || rule->action == POINTS_TO_ARGUMENT)
			field->role = GRF_ROLE_PLAIN;
		field->type = type;
		if (pair)
			field->offset -= GRF_WORD_BYTES;
		return;
	}
}

/* --- variants --------------------------------------------------------------------------------- */

/* An instance of another generic type with the same arguments: "p.entry[" of "p.node[K,V]". */
static struct grf_type *find_sibling(struct grf_types *types, const struct grf_type *type,
				     const char *name)
{
	const char *arguments = strchr(type->name, '[');
	const char *full =
	    arguments ? grf_types_intern_format(types, "%s%s", name, arguments + 1) : NULL;

	return full ? grf_types_instance(types, full) : NULL;
}

/* "sync/atomic.Pointer[go.shape.struct {...}]", where only the struct's own name says what it is.
 */
static bool points_to_shape(const struct grf_type *type)
{
	static const char prefix[] = "sync/atomic.Pointer[go.shape.struct ";

	return !strncmp(type->name, prefix, sizeof(prefix) - 1) && type->size == GRF_WORD_BYTES;
}

/* Makes a field of such a pointer, or of an array of them, point to `target`; names stay. */
static void point_to(struct grf_types *types, struct grf_type_field *field, struct grf_type *target)
{
	const struct grf_shape *shape = grf_types_shape(types, field->type);
	bool is_array = shape->kind == GRF_KIND_ARRAY;
	struct grf_type *old = is_array ? shape->element : field->type, *pointer, *array;

	if (!old || !points_to_shape(old))
		return;
	pointer = grf_types_make(types, GRF_KIND_POINTER, old->name, GRF_WORD_BYTES, 0);
	if (!pointer)
		return;
	grf_type_source(pointer)->shape.element = target;
	if (!is_array) {
		field->type = pointer;
		return;
	}
	array = grf_types_make(types, GRF_KIND_ARRAY, field->type->name, field->type->size, 0);
	if (!array)
		return;
	grf_type_source(array)->shape.element = pointer;
	grf_type_source(array)->shape.count = shape->count;
	field->type = array;
}

static void apply_siblings(struct grf_types *types, struct grf_type *type, struct grf_shape *shape)
{
	for (size_t i = 0; i < sizeof(sibling_rules) / sizeof(*sibling_rules); i++) {
		const struct sibling_rule *rule = &sibling_rules[i];
		struct grf_type *target;

		if (!grf_type_name_is(type->name, rule->structure))
			continue;
		for (uint32_t k = 0; k < shape->field_count; k++) {
			struct grf_type_field *field = &shape->fields[k];

			if (!field->name || strcmp(field->name, rule->field) != 0)
				continue;
			target = grf_type_name_is(type->name, rule->sibling)
				     ? type
				     : find_sibling(types, type, rule->sibling);
			if (target)
				point_to(types, field, target);
		}
	}
}

static void set_variant(struct grf_types *types, struct grf_type *type,
			const struct grf_shape *shape)
{
	for (size_t i = 0; i < sizeof(flag_variants) / sizeof(*flag_variants); i++) {
		const struct flag_variant *variant = &flag_variants[i];
		const struct grf_type_field *flag;

		if (!grf_type_name_is(type->name, variant->type))
			continue;
		flag = grf_shape_field(shape, variant->flag);
		type->variant_type = find_sibling(types, type, variant->when_set);
		type->variant_else = find_sibling(types, type, variant->otherwise);
		if (!flag || !type->variant_type || !type->variant_else)
			return;
		type->variant_offset = flag->offset;
		type->variant = GRF_VARIANT_IF_BYTE_SET;
		return;
	}
	if (grf_type_name_is(type->name, "runtime.hchan")) {
		const struct grf_type_field *element = grf_shape_field(shape, "elemtype");

		type->variant_offset = element ? element->offset : 0;
		type->variant = element ? GRF_VARIANT_CHANNEL : GRF_VARIANT_NONE;
		return;
	}
	for (size_t i = 0; i < sizeof(room_variants) / sizeof(*room_variants); i++) {
		if (!grf_type_name_is(type->name, room_variants[i].type))
			continue;
		type->variant_type = grf_types_by_name(types, room_variants[i].whole);
		if (type->variant_type && type->variant_type->size > type->size)
			type->variant = GRF_VARIANT_IF_ROOM;
		return;
	}
}

/* The channel that an hchan is, by its element's type; the size of an element, in the hchan as 16
 * bits, must be that of the type. */
static struct grf_type *channel_variant(struct grf_types *types, const struct grf_type *type,
					const uint8_t *memory, uint64_t room)
{
	int64_t size_at = grf_offset(types->layout, hchan, elemsize);
	struct grf_type *element;
	uint64_t address;
	uint16_t size;

	if (room < type->size || type->variant_offset + GRF_WORD_BYTES > type->size ||
	    size_at < 0 || (uint64_t)size_at + sizeof(size) > type->size)
		return NULL;
	address = grf_load_u64(memory + type->variant_offset);
	memcpy(&size, memory + size_at, sizeof(size));
	element = address ? grf_types_by_descriptor(types, address) : NULL;
	return element && element->size == size ? grf_container_channel(types, element) : NULL;
}

struct grf_type *grf_type_variant(struct grf_types *types, struct grf_type *type,
				  const uint8_t *memory, uint64_t room)
{
	switch (type->variant) {
	case GRF_VARIANT_IF_ROOM:
		return type->variant_type && room >= type->variant_type->size ? type->variant_type
									      : NULL;
	case GRF_VARIANT_IF_BYTE_SET:
		if (type->variant_offset >= room)
			return NULL;
		return memory[type->variant_offset] ? type->variant_type : type->variant_else;
	case GRF_VARIANT_CHANNEL:
		return channel_variant(types, type, memory, room);
	default:
		return NULL;
	}
}

void grf_special_types_apply(struct grf_types *types, struct grf_type *type,
			     struct grf_shape *shape)
{
	if (shape->kind == GRF_KIND_POINTER && grf_type_is_any_pointer(type))
		shape->kind = GRF_KIND_UNSAFE_POINTER;
	if (shape->kind == GRF_KIND_POINTER && shape->element &&
	    !strcmp(shape->element->name, "runtime.funcval"))
		shape->kind = GRF_KIND_FUNC;
	if (shape->kind != GRF_KIND_STRUCT)
		return;
	if (grf_container_is_group(type)) {
		shape->is_group = true;
		type->array_unnamed = true;
		return;
	}
	for (size_t i = 0; i < sizeof(field_rules) / sizeof(*field_rules); i++) {
		if (grf_type_name_is(type->name, field_rules[i].structure))
			apply_rule(types, &field_rules[i], type, shape);
	}
	apply_siblings(types, type, shape);
	set_variant(types, type, shape);
}
