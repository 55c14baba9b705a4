/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables that make equal types equal pointers, and the ways from an address to a type.
 *
 * The readers of types (dwarf_types.c, runtime_types.c, container_types.c), special_types.c and
 * plans.c call this file, and it calls them. That circle is in the nature of types: the shape of a
 * type is read when it is first asked for, and names the types of its fields.
 */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "model/types/types_parts.h"

/* Descriptors and interface words in the tables; further ones are looked up each time. A binary has
 * some 100,000 descriptors. */
#define DESCRIPTORS_MAX (1 << 20)

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

/* --- shapes ----------------------------------------------------------------------------------- */

const struct grf_shape *grf_types_shape(struct grf_types *types, struct grf_type *type)
{
	static const struct grf_shape nothing;
	struct grf_type_source *source = type->source;
	struct grf_shape shape = {0};

	/* closures.c plans closures itself. */
	if (!source)
		return &nothing;
	if (source->shaped)
		return &source->shape;
	if (types->depth >= GRF_TYPES_DEPTH_MAX || !grf_types_may_make(types))
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

/* Finds a descriptor's type in one file: it describes the types of its own module, and types of the
 * same name in other modules. */
static struct grf_type *in_file(struct grf_types *types, struct grf_dwarf_file *file,
				const struct grf_descriptor *descriptor, const char *name)
{
	struct grf_type *type = NULL;
	uint64_t address = descriptor->address;

	if (!file->dwarf || !file->module)
		return NULL;
	if (is_of_module(file->module, address))
		type = grf_dwarf_types_by_offset(types, file, address - file->module->types);
	/* The offset in DWARF may be wrong, so size and kind are compared. */
	if (type && agrees_with_descriptor(types, type, descriptor))
		return type;
	type = grf_dwarf_types_by_name(types, file, name);
	return type && !type->descriptor && agrees_with_descriptor(types, type, descriptor) ? type
											    : NULL;
}

/* Finds a descriptor's type in the file of its own module, then in the others. */
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
	if (HASH_COUNT(types->by_descriptor) >= DESCRIPTORS_MAX || !grf_types_may_make(types))
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

/* Finds the pointee of a data word that is the value itself. */
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

/* --- the rest --------------------------------------------------------------------------------- */

bool grf_types_have_dwarf(const struct grf_types *types)
{
	return types->file_count && types->files->dwarf;
}

bool grf_types_lack_dwarf_of_some(const struct grf_types *types)
{
	return grf_types_have_dwarf(types) && types->files->is_partial;
}

void grf_types_forget_addresses(struct grf_types *types)
{
	HASH_CLEAR(hh, types->by_die);
	HASH_CLEAR(hh, types->by_descriptor);
	HASH_CLEAR(hh, types->by_interface);
}
