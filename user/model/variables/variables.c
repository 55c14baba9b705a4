/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Indexes DWARF's compilation units: package variables by name and address, functions by pc.
 *
 * Go puts both directly below the unit, so one pass over the children of the units (types_create.c)
 * finds them all. The contents of a function are read when one of its frames is first looked at
 * (locals.c).
 */
#include <dwarf.h>
#include <string.h>
#include <uthash.h>

#include "model/code/runtime_variables.h"
#include "model/types/types_parts.h"
#include "model/variables/variables_private.h"

#define DICTIONARY_TYPEDEFS_MAX 8

/* A package variable as DWARF has it. */
struct variable {
	const char *name;
	uint64_t address; /* link-time */
	uint64_t die;
	UT_hash_handle hh;
};

struct grf_variables {
	struct grf_executable *executable;
	const struct grf_modules *modules;
	GRF_ARRAY(struct variable) variables;
	struct variable *by_name;
	GRF_ARRAY(struct grf_subprogram) functions; /* by low */
};

struct grf_variables *grf_variables_create(struct grf_executable *executable,
					   const struct grf_modules *modules)
{
	struct grf_variables *variables = calloc(1, sizeof(*variables));

	if (!variables)
		return NULL;
	variables->executable = executable;
	variables->modules = modules;
	return variables;
}

void grf_variables_destroy(struct grf_variables *variables)
{
	if (!variables)
		return;
	HASH_CLEAR(hh, variables->by_name);
	grf_array_free(&variables->variables);
	grf_array_free(&variables->functions);
	free(variables);
}

/* --- the index ---------------------------------------------------------------------------------
 */

static void index_function(struct grf_variables *variables, Dwarf_Die *die)
{
	Dwarf_Addr base, low, high;
	ptrdiff_t at = 0;

	/* Abstract instances of inlined functions have no addresses. */
	while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0) {
		struct grf_subprogram *function;

		if (low >= high)
			continue;
		function = grf_array_add(&variables->functions);
		if (!function)
			return;
		function->low = low;
		function->high = high;
		function->die = dwarf_dieoffset(die);
	}
}

/* The operand of an expression that is a single DW_OP_addr or DW_OP_addrx. */
static bool static_address(Dwarf_Attribute *location, uint64_t *ret)
{
	Dwarf_Attribute address;
	Dwarf_Op *operations;
	size_t count;

	if (!grf_expression_read(location, &operations, &count) || count != 1)
		return false;
	if (operations[0].atom == DW_OP_addr) {
		*ret = operations[0].number;
		return true;
	}
	return operations[0].atom == DW_OP_addrx &&
	       dwarf_getlocation_attr(location, operations, &address) == 0 &&
	       dwarf_formaddr(&address, ret) == 0;
}

static void index_variable(struct grf_variables *variables, Dwarf_Die *die)
{
	Dwarf_Attribute location;
	struct variable *variable;
	const char *name = dwarf_diename(die);
	uint64_t address;

	if (!name || !dwarf_attr(die, DW_AT_location, &location) ||
	    !static_address(&location, &address))
		return;
	variable = grf_array_add(&variables->variables);
	if (!variable)
		return;
	variable->name = name;
	variable->address = address;
	variable->die = dwarf_dieoffset(die);
}

void grf_variables_add(struct grf_variables *variables, Dwarf_Die *die)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_subprogram:
		index_function(variables, die);
		break;
	case DW_TAG_variable:
		index_variable(variables, die);
		break;
	}
}

static int by_low(const void *left, const void *right)
{
	const struct grf_subprogram *a = left, *b = right;

	return a->low < b->low ? -1 : a->low > b->low;
}

void grf_variables_end(struct grf_variables *variables)
{
	if (variables->functions.count)
		qsort(variables->functions.items, variables->functions.count,
		      sizeof(*variables->functions.items), by_low);
	for (size_t i = 0; i < variables->variables.count; i++) {
		struct variable *variable = &variables->variables.items[i], *other;

		HASH_FIND_STR(variables->by_name, variable->name, other);
		if (!other)
			HASH_ADD_KEYPTR(hh, variables->by_name, variable->name,
					strlen(variable->name), variable);
	}
}

struct grf_subprogram *grf_variables_subprogram(struct grf_variables *variables, uint64_t pc)
{
	size_t low = 0, high;

	high = variables->functions.count;
	/* The last function that begins at or before pc. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (variables->functions.items[middle].low <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || pc >= variables->functions.items[low - 1].high)
		return NULL;
	return &variables->functions.items[low - 1];
}

struct grf_subprogram *grf_types_subprogram(struct grf_types *types, uint64_t pc,
					    const struct grf_dwarf_file **ret_file)
{
	struct grf_subprogram *found = NULL;

	for (size_t i = 0; i < types->file_count && !found; i++) {
		*ret_file = &types->files[i];
		found = grf_variables_subprogram(types->files[i].variables,
						 pc - grf_dwarf_file_bias(*ret_file));
	}
	return found;
}

bool grf_variables_type_die(Dwarf_Die *die, Dwarf_Die *ret, uint64_t *ret_entry)
{
	Dwarf_Attribute attribute;
	Dwarf_Word entry;

	if (ret_entry)
		*ret_entry = GRF_NO_DICTIONARY;
	if (!dwarf_attr_integrate(die, DW_AT_type, &attribute) ||
	    !dwarf_formref_die(&attribute, ret))
		return false;
	for (int i = 0; i < DICTIONARY_TYPEDEFS_MAX; i++) {
		if (dwarf_tag(ret) != DW_TAG_typedef ||
		    !dwarf_attr(ret, GRF_AT_GO_DICT_INDEX, &attribute))
			return true;
		if (ret_entry && dwarf_formudata(&attribute, &entry) == 0)
			*ret_entry = entry;
		if (!dwarf_attr(ret, DW_AT_type, &attribute) || !dwarf_formref_die(&attribute, ret))
			return false;
	}
	return false;
}

/* --- package variables ------------------------------------------------------------------------ */

static bool in_module_data(const struct grf_modules *modules, uint64_t address)
{
	for (size_t i = 0; i < modules->count; i++) {
		const struct grf_module *module = &modules->items[i];

		if ((address >= module->data && address < module->edata) ||
		    (address >= module->bss && address < module->ebss) ||
		    (address >= module->noptrdata && address < module->enoptrdata) ||
		    (address >= module->noptrbss && address < module->enoptrbss))
			return true;
	}
	return false;
}

/* Orders by address. Of several variables at one address the largest comes first: the others have
 * no size. */
static int by_address(const void *left, const void *right)
{
	const struct grf_global *a = left, *b = right;
	uint64_t a_size = a->type ? a->type->size : 0, b_size = b->type ? b->type->size : 0;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	if (a_size != b_size)
		return a_size > b_size ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* Appends the variables of one file to types->globals, which has room. */
static void add_globals(struct grf_types *types, const struct grf_dwarf_file *file)
{
	const struct grf_variables *variables = file->variables;
	uint64_t bias = grf_dwarf_file_bias(file);

	for (size_t i = 0; i < variables->variables.count; i++) {
		const struct variable *variable = &variables->variables.items[i];
		struct grf_global *global = &types->globals[types->global_count];
		Dwarf_Die die, type;

		if (!in_module_data(variables->modules, variable->address + bias))
			continue;
		global->name = variable->name;
		global->address = variable->address + bias;
		if (dwarf_offdie(grf_executable_dwarf(file->executable), variable->die, &die) &&
		    grf_variables_type_die(&die, &type, NULL))
			global->type = grf_types_of_die(types, &type);
		types->global_count++;
	}
}

static void fill_globals(struct grf_types *types)
{
	size_t room = 1, kept = 0;

	for (size_t i = 0; i < types->file_count; i++) {
		room += types->files[i].variables->variables.count;
	}
	types->globals = calloc(room, sizeof(*types->globals));
	if (!types->globals)
		return;
	for (size_t i = 0; i < types->file_count; i++)
		add_globals(types, &types->files[i]);
	qsort(types->globals, types->global_count, sizeof(*types->globals), by_address);
	for (size_t i = 0; i < types->global_count; i++) {
		if (!kept || types->globals[kept - 1].address != types->globals[i].address)
			types->globals[kept++] = types->globals[i];
	}
	types->global_count = kept;
}

const struct grf_global *grf_types_globals(struct grf_types *types, size_t *ret_count)
{
	if (!types->globals)
		fill_globals(types);
	*ret_count = types->global_count;
	return types->globals;
}

uint64_t grf_types_variable(struct grf_types *types, const char *name)
{
	struct grf_variables *variables = types->files->variables;
	uint64_t bias = grf_dwarf_file_bias(types->files);
	struct variable *variable;
	uint64_t address, size;

	HASH_FIND_STR(variables->by_name, name, variable);
	if (variable)
		return variable->address + bias;
	if (variables->executable &&
	    grf_executable_symbol(variables->executable, name, &address, &size))
		return address + bias;
	return grf_runtime_variable(types->image, types->layout, types->modules, types->table,
				    name);
}
