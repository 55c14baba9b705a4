/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The types that a program's code refers to: whoever makes a value gives the allocator the address
 * of its type's descriptor,
 *
 *	take the address of type:main.Node
 *	call runtime.newobject
 *
 * and so do makeslice, makemap, makechan and conversions to interfaces. Instructions are recognised
 * by their bytes, as for closure_sites.c; what is no descriptor is left out. Other code refers to
 * types too, such as a type switch; whether one is made, and whether by itself or as the elements
 * of a slice, tells the call of an allocator that follows before the next type.
 *
 * Generic code takes the types that it makes from the dictionary that its caller passes (Go 1.18
 * on, cmd/compile/internal/noder/reader.go): an array of addresses of types, itabs, functions and
 * further dictionaries, among the types in read-only data. It has no length there: what follows it
 * is read too, up to the first word that is no address in the module. What is made of its types is
 * not known, so both may be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "base/address_set.h"
#include "base/array.h"
#include "model/heap/heap.h"
#include "model/types/naming_private.h"

#define CALL_DISTANCE 64 /* bytes of code between the two */
#define PARTS_MAX     (4 * (size_t)GRF_TYPES_MAX)

struct maker {
	const char *name;
	unsigned int made;
};

/* The functions that the compiler calls to make something, with its type's descriptor
 * (cmd/compile/internal/typecheck/_builtin/runtime.go). */
static const struct maker makers[] = {
    {"runtime.newobject", GRF_MADE_ONE},
    {"runtime.mallocgc", GRF_MADE_ONE},
    {"runtime.convT", GRF_MADE_ONE},
    {"runtime.convT2E", GRF_MADE_ONE},
    {"runtime.convT2I", GRF_MADE_ONE},
    {"runtime.makemap", GRF_MADE_ONE},
    {"runtime.makemap64", GRF_MADE_ONE},
    {"runtime.mapassign", GRF_MADE_ONE},
    {"runtime.mapassign_fast32", GRF_MADE_ONE},
    {"runtime.mapassign_fast32ptr", GRF_MADE_ONE},
    {"runtime.mapassign_fast64", GRF_MADE_ONE},
    {"runtime.mapassign_fast64ptr", GRF_MADE_ONE},
    {"runtime.mapassign_faststr", GRF_MADE_ONE},
    {"runtime.makechan", GRF_MADE_ONE},
    {"runtime.makechan64", GRF_MADE_ONE},
    {"runtime.makeslice", GRF_MADE_ARRAY},
    {"runtime.makeslice64", GRF_MADE_ARRAY},
    {"runtime.makeslicecopy", GRF_MADE_ARRAY},
    {"runtime.growslice", GRF_MADE_ARRAY},
    {"runtime.growsliceNoAlias", GRF_MADE_ARRAY},
    {"runtime.growsliceBuf", GRF_MADE_ARRAY},
    {"runtime.growsliceBufNoAlias", GRF_MADE_ARRAY},
    {"runtime.moveSlice", GRF_MADE_ARRAY},
    {"runtime.moveSliceNoCap", GRF_MADE_ARRAY},
};
#define MAKERS (sizeof(makers) / sizeof(*makers))

/* What Go 1.27 calls in place of newobject, one for each size class that it has them for
 * (runtime/malloc_generated.go); those of the rest are not found, and cost a look. */

struct search {
	struct grf_types *types;
	uint64_t entries[MAKERS];                /* 0: the program has no such function */
	uint64_t by_class[2 * GRF_SIZE_CLASSES]; /* those of a size class */
	size_t by_class_count;
	GRF_ARRAY(struct grf_type_reference) references;
	struct grf_address_set parts; /* of types, and what is made of them */
	unsigned int part_made;       /* grf_type_made, of the parts at hand */
	struct grf_address_set read;  /* entries of dictionaries, by where they stand */
};

static bool add_reference(struct search *search, uint64_t descriptor, unsigned int made)
{
	struct grf_type_reference *added = grf_array_add(&search->references);

	if (added)
		*added = (struct grf_type_reference){descriptor, made};
	return added;
}

static bool is_type(const struct grf_module *module, uint64_t address)
{
	return address >= module->types && address < module->etypes && address % 8 == 0;
}

/* The next type that code refers to from an offset on. False: no more. */
static bool next_type(const struct grf_arch *arch, const struct grf_module *module,
		      const struct grf_code *code, uint64_t from, struct grf_code_reference *ret)
{
	while (arch->next_address(code, from, ret)) {
		if (is_type(module, ret->target))
			return true;
		from = ret->at + 1;
	}
	return false;
}

/* What a call of the function at an address makes. */
static unsigned int made_at(const struct search *search, uint64_t entry)
{
	for (size_t i = 0; i < MAKERS; i++)
		if (search->entries[i] == entry)
			return makers[i].made;
	for (size_t i = 0; i < search->by_class_count; i++)
		if (search->by_class[i] == entry)
			return GRF_MADE_ONE;
	return 0;
}

/* What is made by the first call of an allocator from an offset on, up to the next type. */
static unsigned int made_by(const struct search *search, const struct grf_module *module,
			    const struct grf_code *code, uint64_t from)
{
	const struct grf_arch *arch = grf_image_arch(search->types->image);
	struct grf_code_reference call, type;

	for (uint64_t at = from; arch->next_call(code, at, &call) && call.at - from < CALL_DISTANCE;
	     at = call.at + 1) {
		const struct grf_code between = {code->bytes, call.at, code->address};
		unsigned int made = made_at(search, call.target);

		if (made)
			return next_type(arch, module, &between, from, &type) ? 0 : made;
	}
	return 0;
}

static bool scan_module(struct search *search, const struct grf_module *module)
{
	const struct grf_arch *arch = grf_image_arch(search->types->image);
	struct grf_code code = {.length = module->etext - module->text, .address = module->text};
	struct grf_code_reference type;

	code.bytes = grf_image_at(search->types->image, code.address, code.length);
	for (uint64_t from = 0; code.bytes && next_type(arch, module, &code, from, &type);
	     from = type.at + 1) {
		if (!add_reference(search, type.target, made_by(search, module, &code, type.end)))
			return false;
	}
	return true;
}

/* --- dictionaries ----------------------------------------------------------------------------- */

static bool is_in_module(const struct grf_module *module, uint64_t address)
{
	return (address >= module->text && address < module->etext) ||
	       (address >= module->types && address < module->etypes) ||
	       (address >= module->noptrdata && address < module->enoptrbss);
}

/* Whether an itab stands there: its interface, its type, and the type's hash in 32 bits
 * (internal/abi.ITab). Nothing is made of them. */
static bool is_itab(const struct search *search, const struct grf_module *module, uint64_t address)
{
	struct grf_descriptor interface;
	uint64_t words[3];

	for (uint64_t i = 0; i < 3; i++)
		if (!grf_image_u64(search->types->image, address + i * GRF_WORD_BYTES, &words[i]))
			return false;
	return is_type(module, words[0]) && is_type(module, words[1]) && words[2] <= UINT32_MAX &&
	       !is_in_module(module, words[2]) &&
	       grf_descriptor_read(search->types, words[0], &interface) &&
	       interface.kind == GRF_KIND_INTERFACE;
}

/* Adds what the entries of a dictionary lead to; an entry is read once. False: out of memory. */
static bool read_dictionary(struct search *search, const struct grf_module *module,
			    uint64_t address)
{
	for (uint64_t i = 0; i < GRF_DICTIONARY_ENTRIES; i++, address += GRF_WORD_BYTES) {
		uint64_t entry;

		if (!grf_address_set_add(&search->read, address, 0))
			return !search->read.no_memory;
		if (!grf_image_u64(search->types->image, address, &entry) ||
		    !is_in_module(module, entry))
			return true;
		if (is_type(module, entry) &&
		    !add_reference(search, entry, GRF_MADE_ONE | GRF_MADE_ARRAY))
			return false;
	}
	return true;
}

/* The dictionaries among what code refers to, and those that stand in them. */
static bool read_dictionaries(struct search *search)
{
	for (size_t i = 0; i < search->references.count; i++) {
		uint64_t address = search->references.items[i].descriptor;
		const struct grf_module *module =
		    grf_modules_by_type(search->types->modules, address);
		struct grf_descriptor descriptor;

		if (module && !grf_descriptor_read(search->types, address, &descriptor) &&
		    !is_itab(search, module, address) && !read_dictionary(search, module, address))
			return false;
	}
	return true;
}

/* --- what reflection makes -------------------------------------------------------------------- */

/*
 * Whoever is given a pointer in an interface may make, by reflection, all that hangs from there:
 * what encoding/json decodes into a *Config. Whoever is given a slice may make its elements.
 */
static void add_part(void *context, uint64_t address)
{
	struct search *search = context;
	/* Descriptors are aligned; what is made of a type is a part of the key. */
	if (grf_address_set_add(&search->parts, address | search->part_made, 0) &&
	    !add_reference(search, address, search->part_made))
		search->parts.no_memory = true;
}

/* The parts of a type: behind a pointer there is one, in a slice there are several, and a map or
 * channel is made by its own type. */
static void add_parts_of(struct search *search, const struct grf_descriptor *descriptor)
{
	switch (descriptor->kind) {
	case GRF_KIND_POINTER:
		search->part_made = GRF_MADE_ONE;
		break;
	case GRF_KIND_SLICE:
		search->part_made = GRF_MADE_ARRAY;
		break;
	default:
		search->part_made = 0;
		break;
	}
	grf_descriptor_parts(search->types, descriptor, add_part, search);
}

static bool add_parts(struct search *search)
{
	size_t direct = search->references.count;

	for (size_t i = 0; i < search->references.count && i < PARTS_MAX; i++) {
		struct grf_type_reference *reference = &search->references.items[i];
		struct grf_descriptor descriptor;

		if (!grf_descriptor_read(search->types, reference->descriptor, &descriptor))
			continue;
		if (i < direct && (reference->made || (descriptor.kind != GRF_KIND_POINTER &&
						       descriptor.kind != GRF_KIND_SLICE)))
			continue;
		if (i >= direct &&
		    (descriptor.kind == GRF_KIND_MAP || descriptor.kind == GRF_KIND_CHAN))
			reference->made |= GRF_MADE_ONE;
		add_parts_of(search, &descriptor);
	}
	return !search->parts.no_memory;
}

/* --- the list --------------------------------------------------------------------------------- */

static int by_descriptor(const void *left, const void *right)
{
	const struct grf_type_reference *a = left, *b = right;

	return a->descriptor < b->descriptor ? -1 : a->descriptor > b->descriptor;
}

/* One reference a descriptor. */
static void join_references(struct grf_type_references *references)
{
	size_t kept = 0;

	for (size_t i = 0; i < references->count; i++) {
		const struct grf_type_reference *reference = &references->items[i];

		if (kept && references->items[kept - 1].descriptor == reference->descriptor)
			references->items[kept - 1].made |= reference->made;
		else
			references->items[kept++] = *reference;
	}
	references->count = kept < GRF_TYPES_MAX ? kept : GRF_TYPES_MAX;
}

static void find_makers(struct search *search, struct grf_pclntab *table)
{
	static const char *const by_class[] = {"runtime.mallocgcSmallScanNoHeaderSC%d",
					       "runtime.mallocgcSmallNoScanSC%d"};
	struct grf_function function;

	for (size_t i = 0; i < MAKERS; i++)
		if (grf_pclntab_by_name(table, makers[i].name, &function))
			search->entries[i] = function.entry;
	for (int i = 0; i < 2 * GRF_SIZE_CLASSES; i++) {
		char name[64];

		snprintf(name, sizeof(name), by_class[i / GRF_SIZE_CLASSES], i % GRF_SIZE_CLASSES);
		if (grf_pclntab_by_name(table, name, &function))
			search->by_class[search->by_class_count++] = function.entry;
	}
}

bool grf_type_references_find(struct grf_types *types)
{
	struct search search = {.types = types};
	bool fits = true;

	if (types->references.items)
		return true;
	if (types->table)
		find_makers(&search, types->table);
	for (size_t i = 0; fits && types->modules && i < types->modules->count; i++)
		fits = scan_module(&search, &types->modules->items[i]);
	fits = fits && read_dictionaries(&search) && add_parts(&search);
	grf_address_set_free(&search.parts);
	grf_address_set_free(&search.read);
	if (search.references.count)
		qsort(search.references.items, search.references.count,
		      sizeof(*search.references.items), by_descriptor);
	/* NOLINTNEXTLINE(clang-analyzer-*): what grew is there. */
	if (!fits || (!search.references.items && !grf_array_add(&search.references))) {
		grf_array_free(&search.references);
		return false;
	}
	types->references = (struct grf_type_references){
	    .items = search.references.items,
	    .count = search.references.items->descriptor ? search.references.count : 0,
	};
	join_references(&types->references);
	return true;
}

bool grf_types_in_code(struct grf_types *types, struct grf_type_list *ret)
{
	const struct grf_type_references *references = &types->references;

	*ret = (struct grf_type_list){0};
	if (!grf_type_references_find(types))
		return false;
	ret->items = calloc(references->count + 1, sizeof(*ret->items));
	for (size_t i = 0; ret->items && i < references->count; i++) {
		const struct grf_type_reference *reference = &references->items[i];
		struct grf_type *type = grf_types_by_descriptor(types, reference->descriptor);

		if (!type)
			continue;
		grf_type_plan(types, type);
		ret->items[ret->count++] = (struct grf_type_use){type, reference->made};
	}
	return ret->items;
}

struct grf_type *grf_type_object(struct grf_types *types, struct grf_type *type)
{
	const struct grf_shape *shape = grf_types_shape(types, type);
	struct grf_type *object = type;

	if (shape->kind == GRF_KIND_MAP || shape->kind == GRF_KIND_CHAN)
		object = grf_container_contents(types, type);
	if (object)
		grf_type_plan(types, object);
	return object;
}

static bool is_same(const struct grf_type *left, const struct grf_type *right)
{
	return left == right || (left->size == right->size && !strcmp(left->name, right->name));
}

/* The type of the array element or field that stands `*offset` bytes into a value of `type`; sets
 * `*offset` to how far into that part it is. NULL: no part stands there. */
static struct grf_type *part_at(struct grf_types *types, struct grf_type *type, uint64_t *offset)
{
	const struct grf_shape *shape = grf_types_shape(types, type);

	if (shape->kind == GRF_KIND_ARRAY && shape->element && shape->element->size) {
		if (*offset / shape->element->size >= shape->count)
			return NULL;
		*offset %= shape->element->size;
		return shape->element;
	}
	for (uint32_t i = 0; shape->kind == GRF_KIND_STRUCT && i < shape->field_count; i++) {
		const struct grf_type_field *part = &shape->fields[i];

		if (!part->type || *offset < part->offset ||
		    *offset - part->offset >= part->type->size)
			continue;
		*offset -= part->offset;
		return part->type;
	}
	return NULL;
}

bool grf_type_has_field(struct grf_types *types, struct grf_type *type,
			const struct grf_type *field, uint64_t offset)
{
	for (int depth = 0; depth < GRF_TYPES_DEPTH_MAX; depth++) {
		type = part_at(types, type, &offset);
		if (!type)
			return false;
		if (!offset && is_same(type, field))
			return true;
	}
	return false;
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
	return types->naming->found(types, type);
}
