/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the types of captured variables in closures of generic functions. All type arguments of a
 * shape share the code, so captured variables have shapes as types. A closure that needs the types
 * also captures the function's dictionary: a field of type *[N]uintptr, or up to Go 1.19 a uintptr
 * named ".dict".
 */
#include <string.h>

#include "model/variables/closure_instances.h"
#include "model/variables/variables_private.h"

static bool is_dictionary(struct grf_types *types, const struct grf_type_field *field)
{
	const struct grf_shape *pointer = grf_types_shape(types, field->type), *array;

	if (field->name && !strcmp(field->name, ".dict"))
		return true;
	if (pointer->kind != GRF_KIND_POINTER || !pointer->element)
		return false;
	array = grf_types_shape(types, pointer->element);
	return array->kind == GRF_KIND_ARRAY && array->element &&
	       grf_types_shape(types, array->element)->kind == GRF_KIND_UINTPTR;
}

static bool is_generic(const struct grf_type *closure)
{
	return strstr(closure->name, GRF_SHARED_BY_MARK) != NULL;
}

struct grf_type *grf_closure_variables(const struct grf_type *closure)
{
	const struct grf_shape *shape = &grf_type_source(closure)->shape;

	return shape->field_count == 1 && shape->fields[0].role == GRF_ROLE_FUNCTION
		   ? shape->fields[0].type
		   : NULL;
}

uint64_t grf_closure_dictionary(struct grf_types *types, const struct grf_type *closure)
{
	const struct grf_type *variables =
	    is_generic(closure) ? grf_closure_variables(closure) : NULL;
	const struct grf_shape *shape = variables ? &grf_type_source(variables)->shape : NULL;

	for (uint32_t i = 0; shape && i < shape->field_count; i++)
		if (is_dictionary(types, &shape->fields[i]))
			return shape->fields[i].offset;
	return GRF_CLOSURE_NO_DICTIONARY;
}

struct grf_type *grf_closure_instance(struct grf_types *types, struct grf_type *closure,
				      const struct grf_dictionary *dictionary)
{
	const struct grf_type *from = is_generic(closure) ? grf_closure_variables(closure) : NULL;
	const struct grf_shape *shape = from ? &grf_type_source(from)->shape : NULL;
	struct grf_type *variables, *made;
	const char *name = closure->name;
	bool changed;

	if (!from)
		return closure;
	if (dictionary)
		name = grf_dictionary_function(types, dictionary, name);
	changed = name != closure->name;
	made = grf_types_make(types, GRF_KIND_STRUCT, name, closure->size, 1);
	variables = grf_types_make(types, GRF_KIND_STRUCT, name, from->size, shape->field_count);
	if (!made || !variables)
		return closure;
	for (uint32_t i = 0; i < shape->field_count; i++) {
		struct grf_type_field field = shape->fields[i];
		struct grf_type *type =
		    dictionary ? grf_dictionary_type(types, dictionary, field.type)
			       : grf_dictionaries_type(types, closure->name, field.type);

		changed = changed || type != field.type;
		field.type = type;
		if (!grf_types_add_field(variables, &field))
			return closure;
	}
	if (!changed ||
	    !grf_types_add_field(made, &(struct grf_type_field){.name = made->name,
								.role = GRF_ROLE_FUNCTION,
								.type = variables}))
		return closure;
	made->descriptor = closure->descriptor;
	grf_type_plan(types, made);
	return made;
}
