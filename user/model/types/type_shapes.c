/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Types that the compiler made up for code that several instances of a generic function or type
 * share (cmd/compile/internal/typecheck/subr.go, Shapify; Go 1.18 to 1.27): "go.shape.int" stands
 * for all types whose underlying type is int, "go.shape.*uint8" for all pointers, and
 * "p.Box[go.shape.int]" is what "p.Box[p.Celsius]" looks like. No variable is declared with one,
 * but an allocation in shared code may name one to the runtime.
 */
#include <string.h>

#include "model/types/types_parts.h"

/* How far pointers, fields and elements are followed, and how many are looked at in all. */
#define DEPTH_MAX 4
#define STEPS_MAX 4096
/* Up to Go 1.19 the place of the type parameter follows: "go.shape.int_0". */
#define DIGITS "0123456789"

bool grf_type_is_shape(const struct grf_type *type)
{
	return strstr(type->name, GRF_SHAPE_MARK) != NULL;
}

/* Code for pointers of any type is compiled once, for *uint8: "go.shape.*uint8". */
bool grf_type_is_any_pointer(const struct grf_type *type)
{
	static const char any[] = GRF_SHAPE_MARK "*uint8";
	const char *rest = type->name + sizeof(any) - 1;

	if (strncmp(type->name, any, sizeof(any) - 1) != 0)
		return false;
	return !*rest || (*rest == '_' && rest[1] && !rest[1 + strspn(rest + 1, DIGITS)]);
}

/* Whether two types are instances of one generic type, or neither is one. */
static bool is_instance_of_one(const struct grf_type *type, const struct grf_type *shape)
{
	size_t length = strcspn(shape->name, "[");

	/* The type that an argument of the shape is may have any name. */
	if (grf_type_is_bare_shape(shape))
		return true;
	return !strncmp(type->name, shape->name, length) &&
	       type->name[length] == shape->name[length];
}

struct comparison {
	struct grf_types *types;
	unsigned int steps; /* left */
};

static bool has_shape(struct comparison *comparison, struct grf_type *type, struct grf_type *shape,
		      unsigned int depth);

static bool has_fields(struct comparison *comparison, const struct grf_shape *left,
		       const struct grf_shape *right, unsigned int depth)
{
	if (left->field_count != right->field_count)
		return false;
	for (uint32_t i = 0; i < left->field_count; i++) {
		const struct grf_type_field *a = &left->fields[i], *b = &right->fields[i];

		if (a->offset != b->offset || !a->name != !b->name ||
		    (a->name && strcmp(a->name, b->name) != 0) ||
		    !has_shape(comparison, a->type, b->type, depth))
			return false;
	}
	return true;
}

static bool has_parts(struct comparison *comparison, const struct grf_shape *left,
		      const struct grf_shape *right, unsigned int depth)
{
	if (left->count != right->count || !left->element != !right->element ||
	    !left->key != !right->key)
		return false;
	return (!left->element || has_shape(comparison, left->element, right->element, depth)) &&
	       (!left->key || has_shape(comparison, left->key, right->key, depth));
}

/* Whether an interface or function type matches its shape. Only names tell its methods and
 * parameters here. */
static bool has_signature(const struct grf_type *type, const struct grf_type *shape,
			  const struct grf_shape *left, const struct grf_shape *right)
{
	if (left->declared == GRF_KIND_INTERFACE && left->empty_interface && right->empty_interface)
		return true;
	return grf_type_is_bare_shape(shape) &&
	       !strcmp(shape->name + sizeof(GRF_SHAPE_MARK) - 1, type->name);
}

static bool has_shape(struct comparison *comparison, struct grf_type *type, struct grf_type *shape,
		      unsigned int depth)
{
	const struct grf_shape *left, *right;

	if (!comparison->steps)
		return false;
	comparison->steps--;
	if (grf_type_is_same(type, shape))
		return true;
	if (type->size != shape->size || !grf_type_is_shape(shape) ||
	    !is_instance_of_one(type, shape))
		return false;
	left = grf_types_shape(comparison->types, type);
	right = grf_types_shape(comparison->types, shape);
	if (left->declared != right->declared)
		return false;
	if (left->declared == GRF_KIND_INTERFACE || left->declared == GRF_KIND_FUNC)
		return has_signature(type, shape, left, right);
	if (!depth || grf_type_is_any_pointer(shape))
		return true;
	switch (left->declared) {
	case GRF_KIND_STRUCT:
		return has_fields(comparison, left, right, depth - 1);
	case GRF_KIND_ARRAY:
	case GRF_KIND_CHAN:
	case GRF_KIND_MAP:
	case GRF_KIND_POINTER:
	case GRF_KIND_SLICE:
		return has_parts(comparison, left, right, depth - 1);
	default:
		return true;
	}
}

bool grf_type_has_shape(struct grf_types *types, struct grf_type *type, struct grf_type *shape)
{
	struct comparison comparison = {types, STEPS_MAX};

	return has_shape(&comparison, type, shape, DEPTH_MAX);
}
