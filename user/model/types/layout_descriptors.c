/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program without DWARF tells of its runtime's structures: those that the runtime allocates
 * have type descriptors, with the names and offsets of their fields, to which the functions that
 * allocate them refer. The layout's table may be of another release, or of another's patch of it.
 */
#include <string.h>

#include "arch/arch.h"
#include "model/types/types_parts.h"

#define MAX_FUNCTION (1u << 16) /* bytes of code */

/* Functions that allocate a structure which the layout has. */
static const char *const allocators[] = {
    "runtime.malg",          "runtime.makechan",
    "runtime.allocm",        "runtime.acquireSudog",
    "runtime.procresize",    "runtime.newdefer",
    "runtime.deferproc",     "internal/runtime/maps.NewEmptyMap",
    "runtime.makemap",       "internal/runtime/maps.NewMap",
    "runtime.makemap_small", "internal/runtime/maps.newTable",
};

static void take_type(struct grf_types *types, struct grf_layout *layout, uint64_t descriptor)
{
	struct grf_type *type = grf_types_by_descriptor(types, descriptor);
	const struct grf_shape *shape = type ? grf_types_shape(types, type) : NULL;

	if (!shape || shape->kind != GRF_KIND_STRUCT ||
	    !grf_layout_take_size(layout, type->name, type->size))
		return;
	for (uint32_t i = 0; i < shape->field_count; i++)
		if (shape->fields[i].name)
			grf_layout_take_field(layout, type->name, shape->fields[i].name,
					      shape->fields[i].offset);
}

static void take_function(struct grf_types *types, struct grf_layout *layout,
			  const struct grf_function *function)
{
	const struct grf_arch *arch = grf_image_arch(types->image);
	struct grf_code code = {.length = function->end - function->entry,
				.address = function->entry};
	struct grf_code_reference taken;

	code.bytes = code.length < MAX_FUNCTION
			 ? grf_image_at(types->image, code.address, code.length)
			 : NULL;
	for (uint64_t from = 0; code.bytes && arch->next_address(&code, from, &taken);
	     from = taken.at + 1)
		if (!(taken.target % 8) && grf_modules_by_type(types->modules, taken.target))
			take_type(types, layout, taken.target);
}

void grf_layout_take_descriptors(struct grf_types *types, struct grf_layout *layout)
{
	struct grf_function function;

	for (size_t i = 0; i < sizeof(allocators) / sizeof(*allocators); i++)
		if (types->table && grf_pclntab_by_name(types->table, allocators[i], &function))
			take_function(types, layout, &function);
}
