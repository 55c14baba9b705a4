/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The types of a target: memory and strings that live as long as they do, the tables that make
 * equal types equal pointers, and the ways from an address to a type.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "model/types/type_masks.h"
#include "model/types/types_private.h"
#include "model/variables/dictionaries.h"
#include "model/variables/variables.h"

#define ARENA_CHUNK ((size_t)256 << 10)
#define ALIGNMENT   16
/* No name that is shown is longer than this. */
#define NAME_MAX_LENGTH 4096
/* Descriptors and interface words that are remembered; beyond, they are looked up each time. A
 * binary has some 100,000 descriptors. */
#define DESCRIPTORS_MAX (1 << 20)
/* What types, names and plans take in all, far above what real programs need. */
#define ARENA_LEAST    (UINT64_C(192) << 20)
#define ARENA_PER_BYTE 32

struct grf_arena_chunk {
	struct grf_arena_chunk *next;
	size_t used, size;
	_Alignas(ALIGNMENT) uint8_t memory[];
};

struct grf_interned {
	UT_hash_handle hh;
	char string[];
};

struct grf_type_entry {
	uint64_t key;
	struct grf_type *type;
	UT_hash_handle hh;
};

struct grf_interface_entry {
	uint64_t key; /* the word, plus 1 for an itab */
	bool plausible;
	struct grf_interface_type found;
	UT_hash_handle hh;
};

/* --- memory and strings ----------------------------------------------------------------------- */

void *grf_types_allocate(struct grf_types *types, size_t size)
{
	struct grf_arena_chunk *chunk = types->arena;
	void *memory;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (!chunk || chunk->size - chunk->used < size) {
		size_t wanted = size > ARENA_CHUNK / 4 ? size : ARENA_CHUNK;
		struct grf_arena_chunk *made =
		    wanted <= types->arena_left ? calloc(1, sizeof(*made) + wanted) : NULL;

		if (!made)
			return NULL;
		types->arena_left -= wanted;
		made->size = wanted;
		/* A chunk of one large piece goes behind the one that still has room. */
		if (chunk && wanted == size) {
			made->next = chunk->next;
			chunk->next = made;
		} else {
			made->next = chunk;
			types->arena = made;
		}
		chunk = made;
	}
	memory = chunk->memory + chunk->used;
	chunk->used += size;
	return memory;
}

const char *grf_types_intern(struct grf_types *types, const char *string)
{
	size_t length = strlen(string);
	struct grf_interned *found;

	HASH_FIND(hh, types->interned, string, length, found);
	if (found)
		return found->string;
	found = grf_types_allocate(types, sizeof(*found) + length + 1);
	if (!found)
		return NULL;
	memcpy(found->string, string, length + 1);
	HASH_ADD_KEYPTR(hh, types->interned, found->string, length, found);
	return found->string;
}

const char *grf_types_intern_format(struct grf_types *types, const char *format, ...)
{
	char string[NAME_MAX_LENGTH];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(string, sizeof(string), format, arguments);
	va_end(arguments);
	return grf_types_intern(types, string);
}

/* --- making types ----------------------------------------------------------------------------- */

struct grf_type *grf_types_new(struct grf_types *types, enum grf_source_kind kind, const char *name,
			       uint64_t size)
{
	struct made {
		struct grf_type type;
		struct grf_type_source source;
	} *made = grf_types_allocate(types, sizeof(*made));

	if (!made)
		return NULL;
	made->type.name = grf_types_intern(types, name);
	if (!made->type.name)
		return NULL;
	made->type.size = size;
	made->type.source = &made->source;
	made->source.kind = kind;
	return &made->type;
}

struct grf_type *grf_types_make(struct grf_types *types, enum grf_kind kind, const char *name,
				uint64_t size, uint32_t fields)
{
	struct grf_type *type = grf_types_new(types, GRF_SOURCE_MADE, name, size);
	struct grf_shape *shape;

	if (!type)
		return NULL;
	shape = &grf_type_source(type)->shape;
	shape->kind = kind;
	if (fields) {
		shape->fields = grf_types_allocate(types, fields * sizeof(*shape->fields));
		if (!shape->fields)
			return NULL;
	}
	grf_type_source(type)->shaped = true;
	return type;
}

struct grf_type *grf_types_make_pointer(struct grf_types *types, enum grf_kind kind,
					struct grf_type *element)
{
	const char *name = element ? grf_types_intern_format(types, "*%s", element->name) : NULL;
	struct grf_type *type = name ? grf_types_make(types, kind, name, 8, 0) : NULL;

	if (type)
		grf_type_source(type)->shape.element = element;
	return type;
}

bool grf_types_add_field(struct grf_type *structure, const char *path, struct grf_type *type,
			 uint64_t offset)
{
	struct grf_shape *shape = &grf_type_source(structure)->shape;

	if (!type)
		return false;
	shape->fields[shape->field_count++] = (struct grf_type_field){
	    .path = path,
	    .plain = !path,
	    .type = type,
	    .offset = offset,
	};
	return true;
}

const struct grf_type_field *grf_shape_field(const struct grf_shape *shape, const char *name)
{
	for (uint32_t i = 0; i < shape->field_count; i++) {
		if (shape->fields[i].name && !strcmp(shape->fields[i].name, name))
			return &shape->fields[i];
	}
	return NULL;
}

const struct grf_shape *grf_types_shape(struct grf_types *types, struct grf_type *type)
{
	static const struct grf_shape nothing;
	struct grf_type_source *source = type->source;
	struct grf_shape shape = {0};

	/* Closures are planned by who makes them. */
	if (!source)
		return &nothing;
	if (source->shaped)
		return &source->shape;
	if (types->depth >= GRF_TYPES_DEPTH_MAX)
		return &nothing;
	/* Set first: a type that asks for its own shape finds none. */
	source->shaped = true;
	types->depth++;
	if (source->kind == GRF_SOURCE_DWARF)
		grf_dwarf_types_shape(types, type, &shape);
	else if (source->kind == GRF_SOURCE_CONTENTS)
		grf_container_shape(types, type, &shape);
	else
		grf_runtime_types_shape(types, type, &shape);
	shape.declared = shape.kind;
	if (source->kind != GRF_SOURCE_CONTENTS)
		grf_special_types_apply(types, type, &shape);
	types->depth--;
	source->shape = shape;
	return &source->shape;
}

const char *const *grf_type_element_names(struct grf_types *types, struct grf_type *type)
{
	const char **names;

	if (type->element_names)
		return type->element_names;
	names = grf_types_allocate(types, GRF_ELEMENT_NAMES * sizeof(*names));
	if (!names)
		return NULL;
	for (int i = 0; i < GRF_ELEMENT_LATER; i++)
		names[i] = grf_types_intern_format(types, "[%d]. (%s)", i, type->name);
	names[GRF_ELEMENT_LATER] =
	    grf_types_intern_format(types, "[%d+]. (%s)", GRF_ELEMENT_LATER, type->name);
	names[GRF_ELEMENT_BEFORE] = grf_types_intern_format(types, "[<0]. (%s)", type->name);
	for (int i = 0; i < GRF_ELEMENT_NAMES; i++)
		if (!names[i])
			return NULL;
	type->element_names = names;
	return names;
}

/* --- from addresses to types ------------------------------------------------------------------ */

static struct grf_type_entry *add_entry(struct grf_types *types, struct grf_type_entry **table,
					uint64_t key, struct grf_type *type)
{
	struct grf_type_entry *entry = grf_types_allocate(types, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->key = key;
	entry->type = type;
	HASH_ADD(hh, *table, key, sizeof(entry->key), entry);
	return entry;
}

struct grf_dwarf_file *grf_types_file_of_die(const struct grf_types *types, Dwarf_Die *die)
{
	const Dwarf *dwarf = dwarf_cu_getdwarf(die->cu);

	for (size_t i = 0; i < types->file_count; i++)
		if (types->files[i].dwarf == dwarf)
			return &types->files[i];
	return NULL;
}

/* No file is as large as what is left for the offset. */
static uint64_t die_key(const struct grf_types *types, const struct grf_dwarf_file *file,
			uint64_t die)
{
	return (uint64_t)(file - types->files) << 48 ^ die;
}

bool grf_types_known_die(struct grf_types *types, const struct grf_dwarf_file *file, uint64_t die,
			 struct grf_type **ret)
{
	uint64_t key = die_key(types, file, die);
	struct grf_type_entry *entry;

	HASH_FIND(hh, types->by_die, &key, sizeof(key), entry);
	*ret = entry ? entry->type : NULL;
	return entry != NULL;
}

void grf_types_remember_die(struct grf_types *types, const struct grf_dwarf_file *file,
			    uint64_t die, struct grf_type *type)
{
	add_entry(types, &types->by_die, die_key(types, file, die), type);
}

static bool agrees_with_descriptor(struct grf_types *types, struct grf_type *type,
				   const struct grf_descriptor *descriptor)
{
	return type->size == descriptor->size &&
	       grf_types_shape(types, type)->declared == descriptor->kind;
}

static bool is_of_module(const struct grf_module *module, uint64_t address)
{
	return module && address >= module->types && address < module->etypes;
}

/* A file describes the types of its own module, and what other modules have of the same name. */
static struct grf_type *in_file(struct grf_types *types, struct grf_dwarf_file *file,
				const struct grf_descriptor *descriptor, const char *name)
{
	struct grf_type *type = NULL;
	uint64_t address = descriptor->address;

	if (!file->dwarf || !file->module)
		return NULL;
	if (is_of_module(file->module, address))
		type = grf_dwarf_types_by_offset(types, file, address - file->module->types);
	/* The offset in DWARF may be stale or made up: the two must agree on what can be told. */
	if (type && agrees_with_descriptor(types, type, descriptor))
		return type;
	type = grf_dwarf_types_by_name(types, file, name);
	return type && !type->descriptor && agrees_with_descriptor(types, type, descriptor) ? type
											    : NULL;
}

/* In the file of its own module before the others. */
static struct grf_type *in_dwarf(struct grf_types *types, const struct grf_descriptor *descriptor,
				 const char *name)
{
	struct grf_type *type = NULL;

	for (int own = 1; own >= 0; own--)
		for (size_t i = 0; i < types->file_count && !type; i++)
			if (is_of_module(types->files[i].module, descriptor->address) == own)
				type = in_file(types, &types->files[i], descriptor, name);
	return type;
}

static struct grf_type *find_descriptor(struct grf_types *types, uint64_t address)
{
	struct grf_descriptor descriptor;
	struct grf_type *type;
	const char *name;

	if (!grf_descriptor_read(types, address, &descriptor))
		return NULL;
	name = grf_descriptor_name(types, &descriptor);
	if (!name)
		return NULL;
	type = in_dwarf(types, &descriptor, name);
	if (!type) {
		type = grf_types_new(types, GRF_SOURCE_DESCRIPTOR, name, descriptor.size);
		if (type)
			grf_type_source(type)->address = address;
	}
	if (type && !type->descriptor)
		type->descriptor = address;
	return type;
}

struct grf_type *grf_types_by_descriptor(struct grf_types *types, uint64_t address)
{
	struct grf_type_entry *entry;
	struct grf_type *type;

	HASH_FIND(hh, types->by_descriptor, &address, sizeof(address), entry);
	if (entry)
		return entry->type;
	if (HASH_COUNT(types->by_descriptor) >= DESCRIPTORS_MAX)
		return NULL;
	type = find_descriptor(types, address);
	add_entry(types, &types->by_descriptor, address, type);
	return type;
}

struct grf_type *grf_types_by_name(struct grf_types *types, const char *name)
{
	struct grf_type *type = NULL;

	if (grf_types_have_dwarf(types))
		type = grf_dwarf_types_by_name(types, types->files, name);
	if (!type && (!grf_types_have_dwarf(types) || grf_types_lack_dwarf_of_some(types)))
		type = grf_types_by_descriptors_name(types, name);
	return type;
}

/* --- interfaces ------------------------------------------------------------------------------- */

static bool is_container(enum grf_kind kind)
{
	return kind == GRF_KIND_MAP || kind == GRF_KIND_CHAN;
}

/* What the data word points to when it is the value itself. */
static void direct_pointee(struct grf_types *types, struct grf_interface_type *interface)
{
	const struct grf_slot *slot = grf_plans_first_pointer(types, interface->type);

	if (!slot)
		return;
	interface->is_func = slot->kind == GRF_SLOT_FUNC;
	if (slot->kind == GRF_SLOT_POINTER)
		interface->pointee = slot->target;
}

static bool find_interface(struct grf_types *types, uint64_t word, bool is_itab,
			   struct grf_interface_type *ret)
{
	struct grf_descriptor descriptor;
	uint64_t address = word;

	/* internal/abi.ITab: Inter, Type, Hash, Fun. */
	if (is_itab &&
	    (!grf_has(types->layout, itab, type) ||
	     !grf_image_u64(types->image, word + (uint64_t)grf_offset(types->layout, itab, type),
			    &address)))
		return false;
	if (!grf_descriptor_read(types, address, &descriptor))
		return false;
	ret->type = grf_types_by_descriptor(types, address);
	if (!ret->type)
		return false;
	if (descriptor.direct || is_container(descriptor.kind))
		direct_pointee(types, ret);
	else
		ret->pointee = ret->type;
	return true;
}

bool grf_types_by_interface(struct grf_types *types, uint64_t word, bool is_itab,
			    const struct grf_interface_type **ret)
{
	struct grf_interface_entry *entry;
	uint64_t key = word | is_itab;

	if (!word || word & 7)
		return false;
	HASH_FIND(hh, types->by_interface, &key, sizeof(key), entry);
	if (!entry) {
		if (HASH_COUNT(types->by_interface) >= DESCRIPTORS_MAX)
			return false;
		entry = grf_types_allocate(types, sizeof(*entry));
		if (!entry)
			return false;
		entry->key = key;
		entry->plausible = find_interface(types, word, is_itab, &entry->found);
		HASH_ADD(hh, types->by_interface, key, sizeof(entry->key), entry);
	}
	*ret = &entry->found;
	return entry->plausible;
}

/* --- life ------------------------------------------------------------------------------------- */

bool grf_types_have_dwarf(const struct grf_types *types)
{
	return types->file_count && types->files->dwarf;
}

bool grf_types_lack_dwarf_of_some(const struct grf_types *types)
{
	return grf_types_have_dwarf(types) && types->files->is_partial;
}

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

static struct grf_error *open_file(struct grf_types *types, struct grf_executable *executable)
{
	struct grf_dwarf_file *file = &types->files[types->file_count];

	file->executable = executable;
	file->module = module_of(types, executable, !types->file_count);
	file->dwarf = executable ? grf_executable_dwarf(executable) : NULL;
	file->variables = grf_variables_create(executable, types->modules);
	types->file_count++;
	return file->variables ? grf_dwarf_types_open(file) : grf_error_no_memory();
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
				   struct grf_types **ret)
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
	HASH_CLEAR(hh, types->interned);
	HASH_CLEAR(hh, types->by_die);
	HASH_CLEAR(hh, types->by_descriptor);
	HASH_CLEAR(hh, types->by_interface);
	while (types->arena) {
		struct grf_arena_chunk *next = types->arena->next;

		free(types->arena);
		types->arena = next;
	}
	free(types);
}
