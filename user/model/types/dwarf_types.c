/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Types from DWARF.
 *
 * Go's linker (cmd/link/internal/ld/dwarf.go) puts all types right below one compilation unit, each
 * once. A named type is a typedef of a DIE with the same name; both are one type here. Attributes
 * of Go's own tell the Go kind, the key and element of maps, channels and slices, and where in the
 * module's type data the runtime's descriptor stands. Maps and channels are typedefs of pointers to
 * structures made for them ("map<K,V>", "hash<K,V>", "hchan<T>").
 *
 * At the start one pass (types_create.c) notes name and descriptor of every type DIE; DIEs are
 * looked at more closely when somebody asks for the type.
 */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "model/types/types_parts.h"

/* cmd/internal/dwarf/dwarf.go */
#define AT_GO_KIND         0x2900
#define AT_GO_KEY          0x2901
#define AT_GO_ELEM         0x2902
#define AT_GO_RUNTIME_TYPE 0x2904
#define AT_GO_DICT_INDEX   0x2906

#define TYPEDEFS_MAX 16
#define NONE         UINT32_MAX

/* Prefix of types without hash and equality functions. They are the same types but for the
 * compiler. */
static const char noalg_prefix[] = "noalg.";

struct indexed_die {
	const char *name;
	uint64_t die;
	uint64_t runtime_offset; /* of the descriptor; 0: none */
	uint32_t next_name, next_runtime;
};

struct grf_die_index {
	GRF_ARRAY(struct indexed_die) dies;
	uint32_t *by_name, *by_runtime; /* heads of chains; `mask` + 1 of them */
	uint64_t mask;
};

/* --- attributes ------------------------------------------------------------------------------- */

static bool number_attribute(Dwarf_Die *die, unsigned int name, uint64_t *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value) != 0)
		return false;
	*ret = value;
	return true;
}

static bool reference_attribute(Dwarf_Die *die, unsigned int name, Dwarf_Die *ret)
{
	Dwarf_Attribute attribute;

	return dwarf_attr(die, name, &attribute) && dwarf_formref_die(&attribute, ret);
}

static struct grf_type *type_attribute(struct grf_types *types, Dwarf_Die *die, unsigned int name)
{
	Dwarf_Die type;

	return reference_attribute(die, name, &type) ? grf_types_of_die(types, &type) : NULL;
}

/* Reads the descriptor's offset in the module's types. The attribute has the form of an address and
 * the value of an offset; for some basic types of older releases it is an address. */
static uint64_t runtime_offset(const struct grf_dwarf_file *file, Dwarf_Die *die)
{
	const struct grf_module *module = file->module;
	Dwarf_Attribute attribute;
	Dwarf_Addr value;
	uint64_t link_types, length;

	if (!module || !dwarf_attr(die, AT_GO_RUNTIME_TYPE, &attribute) ||
	    dwarf_formaddr(&attribute, &value) != 0)
		return 0;
	length = module->etypes - module->types;
	link_types = module->types - grf_dwarf_file_bias(file);
	if (value < length)
		return value;
	return value - link_types < length ? value - link_types : 0;
}

bool grf_dwarf_next_sibling(Dwarf_Die *die)
{
	uint64_t offset = dwarf_dieoffset(die);

	return dwarf_siblingof(die, die) == 0 && dwarf_dieoffset(die) > offset;
}

static bool is_type_tag(int tag)
{
	switch (tag) {
	case DW_TAG_array_type:
	case DW_TAG_base_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_pointer_type:
	case DW_TAG_structure_type:
	case DW_TAG_subroutine_type:
	case DW_TAG_typedef:
	case DW_TAG_union_type:
	case DW_TAG_unspecified_type:
		return true;
	default:
		return false;
	}
}

/* --- the index -------------------------------------------------------------------------------- */

static uint64_t hash_string(const char *string)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *string; string++)
		hash = (hash ^ (uint8_t)*string) * UINT64_C(1099511628211);
	return hash ^ hash >> 29;
}

static uint64_t hash_number(uint64_t number)
{
	number *= UINT64_C(0x9e3779b97f4a7c15);
	return number ^ number >> 32;
}

bool grf_dwarf_types_add(struct grf_dwarf_file *file, Dwarf_Die *die)
{
	struct grf_die_index *index = file->index;
	struct indexed_die *indexed;
	const char *name;

	if (!is_type_tag(dwarf_tag(die)) || !(name = dwarf_diename(die)) ||
	    index->dies.count >= NONE - 1)
		return true;
	indexed = grf_array_add(&index->dies);
	if (!indexed)
		return false;
	indexed->name = name;
	indexed->die = dwarf_dieoffset(die);
	indexed->runtime_offset = runtime_offset(file, die);
	return true;
}

/* Chains are made from the last DIE to the first, so the first of equal ones is found first. */
static bool link_index(struct grf_die_index *index)
{
	uint64_t heads = 1024;

	while (heads < index->dies.count)
		heads *= 2;
	index->mask = heads - 1;
	index->by_name = malloc(heads * sizeof(*index->by_name));
	index->by_runtime = malloc(heads * sizeof(*index->by_runtime));
	if (!index->by_name || !index->by_runtime)
		return false;
	memset(index->by_name, 0xff, heads * sizeof(*index->by_name));
	memset(index->by_runtime, 0xff, heads * sizeof(*index->by_runtime));
	for (uint32_t i = (uint32_t)index->dies.count; i-- > 0;) {
		struct indexed_die *die = &index->dies.items[i];
		uint32_t *head = &index->by_name[hash_string(die->name) & index->mask];

		die->next_name = *head;
		*head = i;
		if (!die->runtime_offset)
			continue;
		head = &index->by_runtime[hash_number(die->runtime_offset) & index->mask];
		die->next_runtime = *head;
		*head = i;
	}
	return true;
}

bool grf_dwarf_types_begin(struct grf_dwarf_file *file)
{
	file->index = calloc(1, sizeof(*file->index));
	return file->index;
}

bool grf_dwarf_types_end(struct grf_dwarf_file *file)
{
	if (file->index->dies.count)
		return link_index(file->index);
	file->dwarf = NULL;
	return true;
}

void grf_dwarf_types_close(struct grf_dwarf_file *file)
{
	if (!file->index)
		return;
	grf_array_free(&file->index->dies);
	free(file->index->by_name);
	free(file->index->by_runtime);
	free(file->index);
	file->index = NULL;
}

static const struct indexed_die *find_runtime(const struct grf_dwarf_file *file, uint64_t offset)
{
	const struct grf_die_index *index = file->index;
	uint32_t i = index->by_runtime[hash_number(offset) & index->mask];

	while (i != NONE && index->dies.items[i].runtime_offset != offset)
		i = index->dies.items[i].next_runtime;
	return i == NONE ? NULL : &index->dies.items[i];
}

static struct grf_type *type_at(struct grf_types *types, const struct grf_dwarf_file *file,
				uint64_t offset)
{
	Dwarf_Die die;

	return dwarf_offdie(file->dwarf, offset, &die) ? grf_types_of_die(types, &die) : NULL;
}

struct grf_type *grf_dwarf_types_by_offset(struct grf_types *types, struct grf_dwarf_file *file,
					   uint64_t offset)
{
	const struct indexed_die *found = offset ? find_runtime(file, offset) : NULL;

	return found ? type_at(types, file, found->die) : NULL;
}

struct grf_type *grf_dwarf_types_by_name(struct grf_types *types, struct grf_dwarf_file *file,
					 const char *name)
{
	const struct grf_die_index *index = file->index;
	uint32_t i = index->by_name[hash_string(name) & index->mask];

	while (i != NONE && strcmp(index->dies.items[i].name, name) != 0)
		i = index->dies.items[i].next_name;
	return i == NONE ? NULL : type_at(types, file, index->dies.items[i].die);
}

/* --- one DIE, one type ------------------------------------------------------------------------ */

/* Follows a typedef to the DIE of the same name, and an entry of a generic function's dictionary to
 * its type. */
static void canonical_die(const struct grf_dwarf_file *file, Dwarf_Die *die)
{
	const struct indexed_die *first;
	const char *name;
	uint64_t offset;
	Dwarf_Die target;

	for (int i = 0; i < TYPEDEFS_MAX && dwarf_tag(die) == DW_TAG_typedef; i++) {
		const char *target_name;

		if (!reference_attribute(die, DW_AT_type, &target))
			break;
		name = dwarf_diename(die);
		target_name = dwarf_diename(&target);
		if (!dwarf_hasattr(die, AT_GO_DICT_INDEX) &&
		    (!name || !target_name || strcmp(name, target_name) != 0))
			break;
		*die = target;
	}
	/* Of several DIEs for one descriptor, the first one. */
	name = dwarf_diename(die);
	offset = runtime_offset(file, die);
	first = offset && file->index && file->index->by_name ? find_runtime(file, offset) : NULL;
	if (first && name && !strcmp(first->name, name) &&
	    dwarf_offdie(file->dwarf, first->die, &target))
		*die = target;
}

static uint64_t die_size(Dwarf_Die *die)
{
	Dwarf_Die type = *die;
	uint64_t size;

	for (int i = 0; i < TYPEDEFS_MAX; i++) {
		if (number_attribute(&type, DW_AT_byte_size, &size))
			return size;
		if (dwarf_tag(&type) == DW_TAG_pointer_type ||
		    dwarf_tag(&type) == DW_TAG_subroutine_type)
			return 8;
		if (dwarf_tag(&type) != DW_TAG_typedef ||
		    !reference_attribute(&type, DW_AT_type, &type))
			break;
	}
	return 0;
}

static const char *die_name(struct grf_types *types, Dwarf_Die *die)
{
	const char *name = dwarf_diename(die);
	struct grf_type *target;

	if (name)
		return strncmp(name, noalg_prefix, sizeof(noalg_prefix) - 1)
			   ? name
			   : name + sizeof(noalg_prefix) - 1;
	if (dwarf_tag(die) != DW_TAG_pointer_type || types->depth >= GRF_TYPES_DEPTH_MAX)
		return "?";
	types->depth++;
	target = type_attribute(types, die, DW_AT_type);
	types->depth--;
	return target ? grf_types_intern_format(types, "*%s", target->name) : "?";
}

struct grf_type *grf_types_of_die(struct grf_types *types, Dwarf_Die *die)
{
	struct grf_dwarf_file *file = grf_types_file_of_die(types, die);
	uint64_t asked = dwarf_dieoffset(die), canonical, offset;
	struct grf_type *type;
	Dwarf_Die found = *die;
	const char *name;

	if (!file)
		return NULL;
	if (grf_types_known_die(types, file, asked, &type))
		return type;
	if (!is_type_tag(dwarf_tag(die)))
		return NULL;
	canonical_die(file, &found);
	canonical = dwarf_dieoffset(&found);
	if (!is_type_tag(dwarf_tag(&found)))
		return NULL;
	if (canonical == asked || !grf_types_known_die(types, file, canonical, &type)) {
		name = die_name(types, &found);
		/* It was asked for again while it was being named: it points to itself. */
		if (grf_types_known_die(types, file, canonical, &type))
			return type;
		type = name ? grf_types_new(types, GRF_SOURCE_DWARF, name, die_size(&found)) : NULL;
		if (!type)
			return NULL;
		grf_type_source(type)->die = canonical;
		grf_type_source(type)->file = file;
		offset = runtime_offset(file, &found);
		if (offset)
			type->descriptor = file->module->types + offset;
		grf_types_remember_die(types, file, canonical, type);
	}
	if (canonical != asked)
		grf_types_remember_die(types, file, asked, type);
	return type;
}

/* --- shapes ----------------------------------------------------------------------------------- */

static enum grf_kind die_kind(Dwarf_Die *die)
{
	uint64_t kind;

	if (number_attribute(die, AT_GO_KIND, &kind) && kind >= 1 && kind <= GRF_KIND_LAST)
		return (enum grf_kind)kind;
	switch (dwarf_tag(die)) {
	case DW_TAG_structure_type:
		return GRF_KIND_STRUCT;
	case DW_TAG_array_type:
		return GRF_KIND_ARRAY;
	case DW_TAG_subroutine_type:
		return GRF_KIND_FUNC;
	case DW_TAG_pointer_type:
		return dwarf_hasattr(die, DW_AT_type) ? GRF_KIND_POINTER : GRF_KIND_UNSAFE_POINTER;
	default:
		return GRF_KIND_UNKNOWN;
	}
}

static uint64_t array_count(Dwarf_Die *die)
{
	Dwarf_Die range;
	uint64_t count = 0;

	if (dwarf_child(die, &range) != 0)
		return 0;
	do {
		if (dwarf_tag(&range) != DW_TAG_subrange_type)
			continue;
		if (number_attribute(&range, DW_AT_count, &count))
			return count;
		if (number_attribute(&range, DW_AT_upper_bound, &count))
			return count + 1;
	} while (grf_dwarf_next_sibling(&range));
	return 0;
}

static uint32_t count_members(Dwarf_Die *die)
{
	uint32_t count = 0;
	Dwarf_Die member;

	if (dwarf_child(die, &member) != 0)
		return 0;
	do
		count += dwarf_tag(&member) == DW_TAG_member;
	while (count < GRF_FIELDS_MAX && grf_dwarf_next_sibling(&member));
	return count;
}

static void read_members(struct grf_types *types, Dwarf_Die *die, struct grf_shape *ret)
{
	uint32_t count = count_members(die);
	Dwarf_Die member;

	if (!count || dwarf_child(die, &member) != 0)
		return;
	ret->fields = grf_types_allocate(types, count * sizeof(*ret->fields));
	if (!ret->fields)
		return;
	do {
		struct grf_type_field *field = &ret->fields[ret->field_count];

		if (dwarf_tag(&member) != DW_TAG_member)
			continue;
		field->name = dwarf_diename(&member);
		field->type = type_attribute(types, &member, DW_AT_type);
		/* None: the first member of something written by another compiler. */
		if (!number_attribute(&member, DW_AT_data_member_location, &field->offset))
			field->offset = 0;
		if (field->type)
			ret->field_count++;
	} while (ret->field_count < count && grf_dwarf_next_sibling(&member));
}

/* The structure that a map or channel points to. */
static struct grf_type *container_header(struct grf_types *types, Dwarf_Die *typedef_die)
{
	Dwarf_Die pointer;

	if (!reference_attribute(typedef_die, DW_AT_type, &pointer) ||
	    dwarf_tag(&pointer) != DW_TAG_pointer_type)
		return NULL;
	return type_attribute(types, &pointer, DW_AT_type);
}

/* An interface is a typedef of runtime.eface or runtime.iface. */
static bool is_empty_interface(Dwarf_Die *die)
{
	Dwarf_Die type = *die;
	const char *name;

	for (int i = 0; i < TYPEDEFS_MAX; i++) {
		name = dwarf_diename(&type);
		if (name && !strcmp(name, "runtime.eface"))
			return true;
		if (!reference_attribute(&type, DW_AT_type, &type))
			return false;
	}
	return false;
}

/* Reads the type that a typedef of another name stands for. */
static void read_typedef(struct grf_types *types, Dwarf_Die *die, struct grf_shape *ret)
{
	struct grf_type *target = type_attribute(types, die, DW_AT_type);

	if (target)
		*ret = *grf_types_shape(types, target);
}

void grf_dwarf_types_shape(struct grf_types *types, struct grf_type *type, struct grf_shape *ret)
{
	const struct grf_type_source *source = grf_type_source(type);
	Dwarf_Die die;
	int tag;

	if (!dwarf_offdie(source->file->dwarf, source->die, &die))
		return;
	tag = dwarf_tag(&die);
	ret->kind = die_kind(&die);
	switch (ret->kind) {
	case GRF_KIND_UNKNOWN:
		if (tag == DW_TAG_typedef)
			read_typedef(types, &die, ret);
		break;
	case GRF_KIND_ARRAY:
		ret->element = type_attribute(types, &die, DW_AT_type);
		ret->count = array_count(&die);
		break;
	case GRF_KIND_POINTER:
		ret->element = type_attribute(types, &die, DW_AT_type);
		break;
	case GRF_KIND_MAP:
		ret->key = type_attribute(types, &die, AT_GO_KEY);
		ret->element = type_attribute(types, &die, AT_GO_ELEM);
		ret->header = container_header(types, &die);
		break;
	case GRF_KIND_CHAN:
		ret->element = type_attribute(types, &die, AT_GO_ELEM);
		ret->header = container_header(types, &die);
		break;
	case GRF_KIND_SLICE:
		ret->element = type_attribute(types, &die, AT_GO_ELEM);
		break;
	case GRF_KIND_INTERFACE:
		ret->empty_interface = is_empty_interface(&die);
		break;
	case GRF_KIND_STRUCT:
		if (tag == DW_TAG_structure_type)
			read_members(types, &die, ret);
		break;
	default:
		break;
	}
}
