/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists the words of a type that are not pointers and cannot hold any value: bools, and itabs, with
 * their interface type. Shapes have them and plans do not, as a walk does not need them.
 */
#include <string.h>

#include "model/types/types_parts.h"

#define SCALARS_MAX 256 /* of one type */
#define LOOKED_AT   512 /* bytes of it */
#define ITAB_INTER  0   /* internal/abi.ITab: Inter comes first */

struct scalar_list {
	struct grf_type_scalar items[SCALARS_MAX];
	uint32_t count;
	uint32_t steps; /* left */
};

static void list_scalars(struct grf_types *types, struct grf_type *type, uint64_t offset,
			 struct scalar_list *list);

static void add_scalar(struct scalar_list *list, enum grf_scalar_kind kind, uint64_t offset,
		       const struct grf_type *type)
{
	if (list->count < SCALARS_MAX)
		list->items[list->count++] =
		    (struct grf_type_scalar){(uint16_t)offset, (uint8_t)kind, type};
}

static void list_elements(struct grf_types *types, const struct grf_shape *shape, uint64_t offset,
			  struct scalar_list *list)
{
	uint64_t size = shape->element ? shape->element->size : 0;

	for (uint64_t i = 0; size && i < shape->count && offset + i * size < LOOKED_AT; i++)
		list_scalars(types, shape->element, offset + i * size, list);
}

static void list_scalars(struct grf_types *types, struct grf_type *type, uint64_t offset,
			 struct scalar_list *list)
{
	const struct grf_shape *shape;

	if (offset >= LOOKED_AT || !list->steps || types->depth >= GRF_TYPES_DEPTH_MAX)
		return;
	list->steps--;
	types->depth++;
	shape = grf_types_shape(types, type);
	switch (shape->kind) {
	case GRF_KIND_BOOL:
		add_scalar(list, GRF_SCALAR_BOOL, offset, type);
		break;
	case GRF_KIND_INTERFACE:
		/* Code that several types share has an interface's shape for all of them. */
		if (!shape->empty_interface && type->descriptor && !grf_type_is_shape(type))
			add_scalar(list, GRF_SCALAR_ITAB, offset, type);
		break;
	case GRF_KIND_ARRAY:
		list_elements(types, shape, offset, list);
		break;
	case GRF_KIND_STRUCT:
		for (uint32_t i = 0; i < shape->field_count; i++)
			if (shape->fields[i].offset <= LOOKED_AT)
				list_scalars(types, shape->fields[i].type,
					     offset + shape->fields[i].offset, list);
		break;
	}
	types->depth--;
}

const struct grf_type_scalar *grf_type_scalars(struct grf_types *types, struct grf_type *type,
					       uint32_t *ret_count)
{
	struct grf_type_source *source = type->source;
	struct scalar_list list = {.steps = 4 * SCALARS_MAX};

	*ret_count = 0;
	if (!source)
		return NULL;
	if (!source->scalars_listed) {
		source->scalars_listed = true;
		list_scalars(types, type, 0, &list);
		if (list.count)
			source->scalars =
			    grf_types_allocate(types, list.count * sizeof(*source->scalars));
		if (source->scalars) {
			memcpy(source->scalars, list.items, list.count * sizeof(*source->scalars));
			source->scalar_count = list.count;
		}
	}
	*ret_count = source->scalar_count;
	return source->scalars;
}

bool grf_types_itab_is_of(struct grf_types *types, uint64_t itab, const struct grf_type *interface)
{
	struct grf_type *found;
	uint64_t address;

	if (!grf_image_u64(types->image, itab + ITAB_INTER, &address))
		return false;
	if (address == interface->descriptor)
		return true;
	/* Modules may have a descriptor of it each. */
	found = types->modules && types->modules->count > 1
		    ? grf_types_by_descriptor(types, address)
		    : NULL;
	return found && !strcmp(found->name, interface->name);
}
