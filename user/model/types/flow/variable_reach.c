/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The linker puts the variables of a segment in the order of their sizes, the small ones first
 * (dodataSect in cmd/link/internal/ld/data.go, Go 1.17 to 1.27). So none is larger than one that
 * stands behind it, of which some are known:
 *
 * - in bss, runtime.allgs and runtime.allp, which are slices, and runtime.m0;
 * - in data, the module's own description.
 *
 * Behind the last of them a variable may be as large as the rest of the segment.
 */
#include "model/types/flow/variable_reach.h"

#include "model/code/runtime_variables.h"
#include "model/types/types_parts.h"

/* Bytes. Those of the runtime's structures are more than any release has. */
#define SLICE_BYTES  24
#define M_BYTES      2048
#define MODULE_BYTES 1024
#define MAX_MS       (1u << 20) /* threads of a process */

static const struct grf_module *module_of(const struct grf_types *types, uint64_t address,
					  bool *ret_is_bss)
{
	for (size_t i = 0; i < types->modules->count; i++) {
		const struct grf_module *module = &types->modules->items[i];

		*ret_is_bss = address >= module->bss && address < module->ebss;
		if (*ret_is_bss || (address >= module->data && address < module->edata))
			return module;
	}
	return NULL;
}

static bool is_in_bss(const struct grf_types *types, uint64_t address)
{
	const struct grf_module *module = types->modules->items;

	return types->modules->count && address >= module->bss && address < module->ebss;
}

static uint64_t runtime_variable(struct grf_types *types, const char *name)
{
	return grf_runtime_variable(types->image, types->layout, types->modules, types->table,
				    name);
}

/* The first m is a variable, and the last of the list of all: those that come later stand before it
 * (mcommoninit in runtime/proc.go). */
static uint64_t find_m0(struct grf_types *types)
{
	uint64_t allm = runtime_variable(types, "runtime.allm"), m = 0, next = 0;

	if (!allm || !grf_image_u64(types->image, allm, &next))
		return 0;
	for (unsigned int i = 0; next && i < MAX_MS; i++) {
		m = next;
		next = grf_image_field(types->image, m, grf_offset(types->layout, m, alllink));
	}
	return next || !is_in_bss(types, m) ? 0 : m;
}

void grf_variable_reach_find(struct grf_types *types, struct grf_variable_reach *ret)
{
	static const char *const slices[] = {"runtime.allgs", "runtime.allp"};
	uint64_t m0 = find_m0(types);

	*ret = (struct grf_variable_reach){.m0_end = m0 ? m0 + M_BYTES : 0};
	for (size_t i = 0; i < sizeof(slices) / sizeof(*slices); i++) {
		uint64_t slice = runtime_variable(types, slices[i]);

		if (is_in_bss(types, slice) && slice + SLICE_BYTES > ret->slices_end)
			ret->slices_end = slice + SLICE_BYTES;
	}
}

uint64_t grf_variable_end(const struct grf_types *types, const struct grf_variable_reach *reach,
			  uint64_t address)
{
	bool is_bss;
	const struct grf_module *module = module_of(types, address, &is_bss);
	uint64_t end, most;

	if (!module)
		return address;
	end = is_bss ? module->ebss : module->edata;
	most = end - address;
	/* A plugin has none of these variables, but for its description. */
	if (is_bss && is_in_bss(types, address)) {
		if (address < reach->slices_end)
			most = SLICE_BYTES;
		else if (address < reach->m0_end)
			most = M_BYTES;
	} else if (!is_bss && address < module->address && module->address < module->edata) {
		most = MODULE_BYTES;
	}
	return most < end - address ? address + most : end;
}
