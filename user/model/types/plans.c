/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turns shapes into plans. The plan of a struct consists of its fields' plans, moved to the fields'
 * offsets, with the field's element before each path. An array is one slot of any length. So a plan
 * is made once for each type, and nesting costs a copy of the slots.
 */
#include <stdlib.h>
#include <string.h>

#include "model/types/naming_private.h"

/* Slots of one plan, and bytes of all plans together: far above what real programs have. */
#define SLOTS_MAX      65536
#define PLAN_BYTES_MAX ((uint64_t)512 << 20)
#define MASK_BYTES     512
#define NAMED_ELEMENTS 11
#define OFF_HEAP_DEPTH 8

/* The bytes that a value of a kind has at least, so that its slot fits. */
static uint64_t kind_bytes(enum grf_kind kind)
{
	switch (kind) {
	case GRF_KIND_STRING:
	case GRF_KIND_INTERFACE:
		return 2 * GRF_WORD_BYTES;
	case GRF_KIND_SLICE:
		return 3 * GRF_WORD_BYTES;
	default:
		return GRF_WORD_BYTES;
	}
}

static uint32_t children_of(const struct grf_slot *slot)
{
	switch (slot->kind) {
	case GRF_SLOT_INLINE_ARRAY:
		return slot->unnamed ? 1 : NAMED_ELEMENTS;
	case GRF_SLOT_MAP_DIRECTORY:
		return 2;
	default:
		return 1;
	}
}

static void *plan_memory(struct grf_types *types, uint64_t size)
{
	if (size > PLAN_BYTES_MAX - types->plan_bytes)
		return NULL;
	types->plan_bytes += size;
	return grf_types_allocate(types, size);
}

/* Adds to the mask, which holds the first 64 words, and to the end of the pointers. */
static void add_word(struct grf_type *type, uint64_t offset)
{
	if (offset < MASK_BYTES)
		type->pointer_mask |= (uint64_t)1 << (offset / GRF_WORD_BYTES);
	if (offset + GRF_WORD_BYTES > type->pointer_bytes)
		type->pointer_bytes = offset + GRF_WORD_BYTES;
}

static void add_array(struct grf_type *type, const struct grf_slot *slot)
{
	uint64_t end =
	    slot->offset + (slot->count - 1) * slot->stride + slot->target->pointer_bytes;

	for (uint64_t i = 0; i < slot->count; i++) {
		uint64_t offset = slot->offset + i * slot->stride;

		if (offset >= MASK_BYTES)
			break;
		type->pointer_mask |= slot->target->pointer_mask << (offset / GRF_WORD_BYTES);
	}
	if (end > type->pointer_bytes)
		type->pointer_bytes = end;
}

static void finish_plan(struct grf_type *type)
{
	for (uint32_t i = 0; i < type->slot_count; i++) {
		struct grf_slot *slot = &type->slots[i];
		bool pair = slot->kind == GRF_SLOT_EFACE || slot->kind == GRF_SLOT_IFACE;

		slot->child = type->child_count;
		type->child_count += children_of(slot);
		if (slot->kind == GRF_SLOT_INLINE_ARRAY)
			add_array(type, slot);
		else
			add_word(type, slot->offset + (pair ? GRF_WORD_BYTES : 0));
	}
}

static void plan_single(struct grf_types *types, struct grf_type *type, struct grf_slot slot)
{
	type->slots = plan_memory(types, sizeof(slot));
	if (!type->slots)
		return;
	type->slots[0] = slot;
	type->slot_count = 1;
}

static void plan_pointer(struct grf_types *types, struct grf_type *type,
			 enum grf_slot_kind slot_kind, struct grf_type *target)
{
	plan_single(
	    types, type,
	    (struct grf_slot){.kind = target ? slot_kind : GRF_SLOT_UNSAFE, .target = target});
}

/* Whether the descriptor of a pointer type says that the collector does not follow it, because its
 * pointee is marked go:notinheap. Up to Go 1.19 nothing else says so. */
static bool is_ignored_pointer(struct grf_types *types, const struct grf_type *type)
{
	uint64_t words, size;

	return type->descriptor && grf_types_pointer_mask(types, type->descriptor, &words, &size) &&
	       !words;
}

/* Whether the type is memory that the collector does not manage: its first field is of type
 * sys.NotInHeap (1.20 on, cmd/compile/internal/types), or of a struct with one. C's incomplete
 * types have it too. */
static bool is_off_heap(struct grf_types *types, struct grf_type *type)
{
	static const char suffix[] = "sys.NotInHeap";

	for (int depth = 0; depth < OFF_HEAP_DEPTH; depth++) {
		size_t length = strlen(type->name);
		const struct grf_shape *shape;

		if (length >= sizeof(suffix) - 1 &&
		    !strcmp(type->name + length - (sizeof(suffix) - 1), suffix))
			return true;
		shape = grf_types_shape(types, type);
		if (shape->kind != GRF_KIND_STRUCT || !shape->field_count)
			return false;
		type = shape->fields[0].type;
	}
	return false;
}

static void plan_array(struct grf_types *types, struct grf_type *type,
		       const struct grf_shape *shape)
{
	struct grf_type *element = shape->element;

	if (!element || !shape->count)
		return;
	grf_type_plan(types, element);
	if (!element->pointer_bytes || element->size % GRF_WORD_BYTES ||
	    element->pointer_bytes > element->size || shape->count > type->size / element->size)
		return;
	plan_single(types, type,
		    (struct grf_slot){
			.kind = GRF_SLOT_INLINE_ARRAY,
			.unnamed = shape->unnamed || element->array_unnamed,
			.target = element,
			.count = shape->count,
			.stride = element->size,
		    });
}

/* --- structs ---------------------------------------------------------------------------------- */

static bool field_fits(const struct grf_type *structure, const struct grf_type_field *field)
{
	return field->type && field->offset % GRF_WORD_BYTES == 0 &&
	       field->offset <= structure->size &&
	       field->type->size <= structure->size - field->offset;
}

/* Puts an element, if there is one, in front of a path. False: out of memory. */
static bool extend_path(struct grf_types *types, const char *element, const char *const **path,
			uint16_t *length)
{
	const char **longer;

	if (!element)
		return true;
	if (*length == UINT16_MAX)
		return false;
	longer = plan_memory(types, (*length + 1) * sizeof(*longer));
	if (!longer)
		return false;
	longer[0] = element;
	if (*length)
		memcpy(longer + 1, *path, *length * sizeof(*longer));
	*path = longer;
	(*length)++;
	return true;
}

/* The same for both paths of a field's slot. */
static bool extend_slot(struct grf_types *types, const char *shown, const char *field,
			struct grf_slot *slot)
{
	bool same = shown == field && slot->path == slot->fields;

	if (!extend_path(types, field, &slot->fields, &slot->field_count))
		return false;
	if (!same)
		return extend_path(types, shown, &slot->path, &slot->path_length);
	slot->path = slot->fields;
	slot->path_length = slot->field_count;
	return true;
}

static void add_field_slots(struct grf_types *types, struct grf_type *structure,
			    const struct grf_type_field *field, const char *shown, uint64_t offset)
{
	const struct grf_type *inner = field->type;
	const char *element = grf_field_element(types, field);

	for (uint32_t i = 0; i < inner->slot_count; i++) {
		struct grf_slot *slot = &structure->slots[structure->slot_count];

		*slot = inner->slots[i];
		slot->offset += offset;
		slot->discriminator += (int64_t)offset;
		/* What adds nothing has elements that add nothing. */
		if (element && !shown && !slot->path_length)
			slot->unnamed = true;
		if (!extend_slot(types, shown, element, slot))
			return;
		structure->slot_count++;
	}
}

/* Adds the slots of all fields of a struct `inner`, which stands `base` bytes into the structure
 * and whose fields are called as those of `owner`. `room`: slots of the structure. */
static void add_fields(struct grf_types *types, struct grf_type *structure, uint64_t room,
		       struct grf_type *inner, const char *owner, uint64_t base)
{
	const struct grf_shape *shape = grf_types_shape(types, inner);

	for (uint32_t i = 0; i < shape->field_count; i++) {
		const struct grf_type_field *field = &shape->fields[i];
		uint32_t first = structure->slot_count;
		const char *inside;

		if (!field_fits(inner, field) || !field->type->planned ||
		    first + field->type->slot_count > room)
			continue;
		inside = types->naming->inside(types, owner, field);
		if (!inside) {
			add_field_slots(types, structure, field,
					types->naming->field(types, owner, field),
					base + field->offset);
			continue;
		}
		add_fields(types, structure, room, field->type, inside, base + field->offset);
		for (uint32_t k = first; k < structure->slot_count; k++)
			if (!extend_path(types, grf_field_element(types, field),
					 &structure->slots[k].fields,
					 &structure->slots[k].field_count))
				structure->slot_count = k;
	}
}

static int by_offset(const void *left, const void *right)
{
	const struct grf_slot *a = left, *b = right;

	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return a->kind < b->kind ? -1 : a->kind > b->kind;
}

static void plan_struct(struct grf_types *types, struct grf_type *type,
			const struct grf_shape *shape)
{
	uint64_t slots = 0;

	for (uint32_t i = 0; i < shape->field_count; i++) {
		struct grf_type_field *field = &shape->fields[i];

		if (!field_fits(type, field))
			continue;
		grf_type_plan(types, field->type);
		slots += field->type->slot_count;
		if (slots > SLOTS_MAX)
			return;
	}
	if (!slots)
		return;
	type->slots = plan_memory(types, slots * sizeof(*type->slots));
	if (!type->slots)
		return;
	add_fields(types, type, slots, type, types->naming->owner(types, type), 0);
	for (uint32_t i = 1; i < type->slot_count; i++) {
		if (by_offset(&type->slots[i - 1], &type->slots[i]) > 0) {
			qsort(type->slots, type->slot_count, sizeof(*type->slots), by_offset);
			break;
		}
	}
}

/* Plans a map's group outside of its map, with named entries. */
static void plan_group(struct grf_types *types, struct grf_type *type)
{
	struct grf_type *named = grf_container_group(types, type);

	if (!named)
		return;
	grf_type_plan(types, named);
	type->slots = named->slots;
	type->slot_count = named->slot_count;
}

/* --- any kind --------------------------------------------------------------------------------- */

static void plan_shape(struct grf_types *types, struct grf_type *type,
		       const struct grf_shape *shape)
{
	switch (shape->kind) {
	case GRF_KIND_STRUCT:
		if (shape->is_group)
			plan_group(types, type);
		else
			plan_struct(types, type, shape);
		return;
	case GRF_KIND_ARRAY:
		plan_array(types, type, shape);
		return;
	}
	if (type->size < kind_bytes(shape->kind))
		return;
	switch (shape->kind) {
	case GRF_KIND_POINTER:
		if (!is_ignored_pointer(types, type) &&
		    (!shape->element || !is_off_heap(types, shape->element)))
			plan_pointer(types, type, GRF_SLOT_POINTER, shape->element);
		break;
	case GRF_KIND_UNSAFE_POINTER:
		plan_pointer(types, type, GRF_SLOT_UNSAFE, NULL);
		break;
	case GRF_KIND_STRING:
		plan_pointer(types, type, GRF_SLOT_POINTER, types->byte);
		if (type->slot_count)
			type->slots[0].count = 1;
		break;
	case GRF_KIND_SLICE:
		plan_pointer(types, type, GRF_SLOT_ARRAY_POINTER, shape->element);
		if (type->slot_count)
			type->slots[0].count = 1;
		break;
	case GRF_KIND_ARRAY_POINTER:
		plan_pointer(types, type, GRF_SLOT_ARRAY_POINTER, shape->element);
		break;
	case GRF_KIND_CHAN:
	case GRF_KIND_MAP:
		plan_pointer(types, type, GRF_SLOT_POINTER, grf_container_contents(types, type));
		break;
	case GRF_KIND_FUNC:
		plan_single(types, type, (struct grf_slot){.kind = GRF_SLOT_FUNC});
		break;
	case GRF_KIND_INTERFACE:
		plan_single(types, type,
			    (struct grf_slot){.kind = shape->empty_interface ? GRF_SLOT_EFACE
									     : GRF_SLOT_IFACE,
					      .discriminator = shape->discriminator});
		break;
	case GRF_KIND_MAP_DIRECTORY:
		plan_single(types, type,
			    (struct grf_slot){
				.kind = GRF_SLOT_MAP_DIRECTORY,
				.target = shape->element,
				.alternative = shape->key,
				.discriminator = shape->discriminator,
			    });
		break;
	}
}

void grf_type_plan(struct grf_types *types, struct grf_type *type)
{
	struct grf_type_source *source = type->source;

	/* A Go type does not contain itself, nor nest so deeply. */
	if (type->planned || !source || source->planning || types->depth >= GRF_TYPES_DEPTH_MAX ||
	    !grf_types_may_make(types))
		return;
	source->planning = true;
	type->array_unnamed |= types->naming->folds(type->name);
	types->depth++;
	plan_shape(types, type, grf_types_shape(types, type));
	finish_plan(type);
	types->depth--;
	source->planning = false;
	type->planned = true;
}

const struct grf_slot *grf_plans_first_pointer(struct grf_types *types, struct grf_type *type)
{
	for (int depth = 0; depth < GRF_TYPES_DEPTH_MAX; depth++) {
		grf_type_plan(types, type);
		if (!type->slot_count)
			return NULL;
		if (type->slots[0].kind != GRF_SLOT_INLINE_ARRAY)
			return &type->slots[0];
		type = type->slots[0].target;
	}
	return NULL;
}
