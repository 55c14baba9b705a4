/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The types that a program's code refers to: whoever makes a value gives the allocator the address
 * of its type's descriptor,
 *
 *	lea type:main.Node(%rip), %rax
 *	call runtime.newobject
 *
 * and so do makeslice, makemap, makechan and conversions to interfaces. Instructions are recognised
 * by their bytes, as in closure_sites.c; what is no descriptor is left out.
 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "model/types_private.h"

#define LEA_LENGTH 7
#define TYPES_MAX  (1u << 18)

typedef GRF_ARRAY(uint64_t) address_array;

/* lea disp32(%rip), %r64 */
static bool is_lea(const uint8_t *code)
{
	return (code[0] & 0xfb) == 0x48 && code[1] == 0x8d && (code[2] & 0xc7) == 0x05;
}

static bool scan(const struct grf_types *types, const struct grf_module *module,
		 address_array *addresses)
{
	uint64_t length = module->etext - module->text;
	const uint8_t *code = grf_image_at(types->image, module->text, length);

	for (uint64_t at = 0; code && at + LEA_LENGTH <= length; at++) {
		uint64_t target, *added;

		if (!is_lea(code + at))
			continue;
		target = module->text + at + LEA_LENGTH +
			 (uint64_t)(int64_t)(int32_t)grf_load_u32(code + at + 3);
		if (target < module->types || target >= module->etypes || target % 8)
			continue;
		added = grf_array_add(addresses);
		if (!added)
			return false;
		*added = target;
	}
	return true;
}

static int by_value(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

static void take(struct grf_types *types, address_array *addresses, struct grf_type_list *ret)
{
	uint64_t last = 0;

	for (size_t i = 0; i < addresses->count && ret->count < TYPES_MAX; i++) {
		struct grf_type *type;

		if (addresses->items[i] == last)
			continue;
		last = addresses->items[i];
		type = grf_types_by_descriptor(types, last);
		if (!type)
			continue;
		grf_type_plan(types, type);
		ret->items[ret->count++] = type;
	}
}

bool grf_types_in_code(struct grf_types *types, struct grf_type_list *ret)
{
	address_array addresses = {0};
	bool fits = true;

	*ret = (struct grf_type_list){0};
	for (size_t i = 0; fits && types->modules && i < types->modules->count; i++)
		fits = scan(types, &types->modules->items[i], &addresses);
	if (addresses.count)
		qsort(addresses.items, addresses.count, sizeof(*addresses.items), by_value);
	ret->items = calloc(addresses.count + 1, sizeof(*ret->items));
	if (fits && ret->items)
		take(types, &addresses, ret);
	grf_array_free(&addresses);
	return fits && ret->items;
}

struct grf_type *grf_type_object(struct grf_types *types, struct grf_type *type)
{
	const struct grf_shape *shape = grf_types_shape(types, type);
	struct grf_type *object = type;

	if (shape->kind == GRF_KIND_MAP || shape->kind == GRF_KIND_CHAN)
		object = grf_container_contents(types, type);
	else if (shape->kind == GRF_KIND_FUNC)
		object = NULL;
	if (object)
		grf_type_plan(types, object);
	return object;
}

uint64_t grf_type_channel_element(struct grf_types *types, const struct grf_type *contents)
{
	const struct grf_type_source *source = contents->source;
	const struct grf_shape *shape;

	if (!source || source->kind != GRF_SOURCE_CONTENTS)
		return 0;
	shape = grf_types_shape(types, source->container);
	return shape->kind == GRF_KIND_CHAN && shape->element ? shape->element->descriptor : 0;
}

const char *grf_type_found_name(struct grf_types *types, const struct grf_type *type)
{
	return grf_types_intern_format(types, "?. (%s)", type->name);
}
