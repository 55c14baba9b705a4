/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Creates the types of a target with all their parts, and destroys them. It is apart from types.c,
 * as the parts call that, and this calls the parts. Here is also the one pass over DWARF that the
 * indices of several parts are made from.
 */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "model/types/flow/code_types.h"
#include "model/types/generics/dictionaries.h"
#include "model/types/type_masks.h"
#include "model/types/types_parts.h"
#include "model/types_create.h"
#include "model/variables/variables.h"

/* What types, names and plans take in all, far above what real programs need. */
#define ARENA_LEAST    (UINT64_C(192) << 20)
#define ARENA_PER_BYTE 32

/* The module that the linker laid out with an executable or plugin; `first`: it is the executable,
 * whose module comes first. NULL: none. */
static const struct grf_module *module_of(const struct grf_types *types,
					  const struct grf_executable *executable, bool first)
{
	const struct grf_modules *modules = types->modules;
	uint64_t bias = executable ? grf_executable_bias(executable) : 0;
	const struct grf_load *loads;
	size_t count;

	if (!modules || !modules->count || first)
		return modules && modules->count ? modules->items : NULL;
	loads = grf_executable_loads(executable, &count);
	for (size_t i = 0; i < modules->count; i++)
		for (size_t k = 0; k < count; k++)
			if (modules->items[i].text - bias - loads[k].address < loads[k].file_size)
				return &modules->items[i];
	return NULL;
}

/* --- the pass over DWARF ---------------------------------------------------------------------- */

static bool is_go_unit(Dwarf_Die *unit)
{
	Dwarf_Attribute attribute;
	Dwarf_Word language;

	return dwarf_attr(unit, DW_AT_language, &attribute) &&
	       dwarf_formudata(&attribute, &language) == 0 && language == DW_LANG_Go;
}

/* Whether a package was compiled with -gcflags=-dwarf=false: the linker lists its functions all the
 * same, and the compiler says so in the producer (cmd/internal/objabi, in every release). */
static bool lacks_dwarf(Dwarf_Die *unit)
{
	Dwarf_Attribute attribute;
	const char *producer = dwarf_formstring(dwarf_attr(unit, DW_AT_producer, &attribute));

	return producer && strstr(producer, "-dwarf=false");
}

/* False: out of memory. */
static bool read_unit(struct grf_dwarf_file *file, Dwarf_Die *unit)
{
	Dwarf_Die die;

	if (!is_go_unit(unit) || dwarf_child(unit, &die) != 0)
		return true;
	do {
		if (!grf_dwarf_types_add(file, &die))
			return false;
		grf_variables_add(file->variables, &die);
	} while (grf_dwarf_next_sibling(&die));
	return true;
}

/* Indexes types, variables and functions: all stand right below the units, and one pass takes about
 * as long as skipping over .debug_info. */
static struct grf_error *read_units(struct grf_dwarf_file *file)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Half version;
	uint8_t unit_type;
	Dwarf_Die die;

	if (!file->dwarf)
		return NULL;
	if (!grf_dwarf_types_begin(file))
		return grf_error_no_memory();
	while (dwarf_get_units(file->dwarf, unit, &unit, &version, &unit_type, &die, NULL) == 0) {
		if (unit_type != DW_UT_compile)
			continue;
		if (!read_unit(file, &die))
			return grf_error_no_memory();
		file->is_partial = file->is_partial || lacks_dwarf(&die);
	}
	grf_variables_end(file->variables);
	return grf_dwarf_types_end(file) ? NULL : grf_error_no_memory();
}

static struct grf_error *open_file(struct grf_types *types, struct grf_executable *executable)
{
	struct grf_dwarf_file *file = &types->files[types->file_count];

	file->executable = executable;
	file->module = module_of(types, executable, !types->file_count);
	file->dwarf = executable ? grf_executable_dwarf(executable) : NULL;
	file->variables = grf_variables_create(executable, types->modules);
	types->file_count++;
	return file->variables ? read_units(file) : grf_error_no_memory();
}

static struct grf_error *open_files(struct grf_types *types, struct grf_executable *executable)
{
	struct grf_executable *const *libraries = NULL;
	struct grf_error *error;
	size_t count = 0;

	if (executable)
		libraries = grf_executable_libraries(executable, &count);
	types->files = calloc(count + 1, sizeof(*types->files));
	if (!types->files)
		return grf_error_no_memory();
	error = open_file(types, executable);
	for (size_t i = 0; !error && i < count; i++)
		error = open_file(types, libraries[i]);
	return error;
}

static bool create_parts(struct grf_types *types)
{
	types->locals = grf_locals_create();
	types->closures = grf_closures_create();
	types->dictionaries = grf_dictionaries_create();
	types->masks = grf_type_masks_create(types->image, types->layout, types->modules);
	return types->locals && types->closures && types->dictionaries && types->masks;
}

struct grf_error *grf_types_create(const struct grf_image *image, struct grf_executable *executable,
				   const struct grf_layout *layout,
				   const struct grf_modules *modules, struct grf_pclntab *table,
				   const struct grf_naming *naming, struct grf_types **ret)
{
	struct grf_types *types = calloc(1, sizeof(*types));
	struct grf_error *error;

	if (!types)
		return grf_error_no_memory();
	types->image = image;
	types->arena_left = ARENA_LEAST + grf_image_held(image) * ARENA_PER_BYTE;
	types->layout = layout;
	types->modules = modules;
	types->table = table;
	types->naming = naming ? naming : grf_namings[0];
	error = create_parts(types) ? open_files(types, executable) : grf_error_no_memory();
	if (!error) {
		types->byte = grf_types_have_dwarf(types)
				  ? grf_dwarf_types_by_name(types, types->files, "uint8")
				  : NULL;
		if (!types->byte)
			types->byte = grf_types_make(types, GRF_KIND_UINT8, "uint8", 1, 0);
		if (!types->byte)
			error = grf_error_no_memory();
	}
	if (error) {
		grf_types_destroy(types);
		return error;
	}
	*ret = types;
	return NULL;
}

void grf_types_destroy(struct grf_types *types)
{
	if (!types)
		return;
	for (size_t i = 0; i < types->file_count; i++) {
		grf_variables_destroy(types->files[i].variables);
		grf_dwarf_types_close(&types->files[i]);
	}
	free(types->files);
	free(types->globals);
	grf_locals_destroy(types->locals);
	grf_closures_destroy(types->closures);
	grf_dictionaries_destroy(types->dictionaries);
	grf_type_masks_destroy(types->masks);
	grf_type_names_destroy(types->names);
	grf_code_types_destroy(types->code);
	free(types->references.items);
	grf_types_forget_addresses(types);
	grf_elements_forget(types);
	grf_types_free_memory(types);
	free(types);
}
