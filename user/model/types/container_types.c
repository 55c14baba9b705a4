/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What maps and channels point to.
 *
 * The memory that a map is made of counts as the map's own, so nothing of its structure adds to a
 * path; only keys and elements do, as "$mapkey. (K)" and "$mapval. (V)". Both map designs keep
 * eight entries together, in a structure whose type the compiler makes for each map type. What it
 * looks like is read from DWARF or from the descriptor of that structure; the structures above it
 * are the same for all maps and are made here, with the offsets of the layout:
 *
 * - Go 1.24 on (internal/runtime/maps): Map.dirPtr -> group, or -> directory of *table;
 *   table.groups.data -> groups. A group is {ctrl; slots [8]{key, elem}}, or, with the experiment
 *   mapsplitgroup of 1.27, {ctrl; keys [8]; elems [8]}.
 * - before (runtime/map.go): hmap.buckets, hmap.oldbuckets -> buckets; hmap.extra -> mapextra,
 * which keeps overflow buckets without pointers. A bucket is {tophash; keys [8]; values [8];
 * overflow}.
 *
 * Keys and elements of more than 128 bytes stand behind a pointer of their own: the type of the
 * slot is then *K. They are named like the others.
 *
 * A channel points to an hchan. Its buffer is the channel's own; what waits in recvq and sendq is
 * named by fields.
 */
#include <string.h>
#include <strings.h>

#include "model/types/types_parts.h"

#define SLOTS      8
#define INLINE_MAX 128 /* bytes; larger keys and elements are behind a pointer, in all releases */

/* runtime.mapextra, 1.17 to 1.23. */
#define MAPEXTRA_OVERFLOW      0
#define MAPEXTRA_OLD_OVERFLOW  8
#define MAPEXTRA_NEXT_OVERFLOW 16
#define MAPEXTRA_SIZE          24

/* --- groups and buckets ----------------------------------------------------------------------- */

/* Key and element types of a map; NULL: not known, the slots' own types name them. */
struct entry_types {
	struct grf_type *key, *element;
};

/* Whether a field of a slot, group or bucket is about keys (or elements). Package reflect, which
 * makes map types too, writes these names with capitals. */
static bool is_key(const char *name)
{
	return !strcasecmp(name, "key") || !strcasecmp(name, "keys");
}

static bool is_element(const char *name)
{
	static const char *const names[] = {"elem", "elems", "value", "values"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strcasecmp(name, names[i]))
			return true;
	}
	return false;
}

/* A field of a slot, group or bucket, as what it is to the map. */
static struct grf_type_field entry_field(const struct grf_type_field *field, struct grf_type *found,
					 const struct entry_types *entry)
{
	struct grf_type_field made = {
	    .role = GRF_ROLE_PLAIN, .type = found, .offset = field->offset};
	const struct grf_type *named = NULL;

	if (field->name && is_key(field->name)) {
		made.role = GRF_ROLE_KEY;
		named = entry->key;
	} else if (field->name && is_element(field->name)) {
		made.role = GRF_ROLE_VALUE;
		named = entry->element;
	}
	made.type_name = named ? named->name : NULL;
	return made;
}

/* A slot {key, elem} whose fields are named as the map's. */
static struct grf_type *name_slot(struct grf_types *types, struct grf_type *slot,
				  const struct entry_types *entry)
{
	const struct grf_shape *shape = grf_types_shape(types, slot);
	struct grf_type *made;

	if (shape->kind != GRF_KIND_STRUCT || shape->field_count > 3)
		return NULL;
	made = grf_types_make(types, GRF_KIND_STRUCT, slot->name, slot->size, 3);
	for (uint32_t i = 0; made && i < shape->field_count; i++) {
		const struct grf_type_field *field = &shape->fields[i];

		struct grf_type_field named = entry_field(field, field->type, entry);

		grf_types_add_field(made, &named);
	}
	return made;
}

/* One key or one element, with its name before it. */
static struct grf_type *name_value(struct grf_types *types, struct grf_type_field field)
{
	struct grf_type *made =
	    grf_types_make(types, GRF_KIND_STRUCT, field.type->name, field.type->size, 1);

	field.offset = 0;
	if (made)
		grf_types_add_field(made, &field);
	return made;
}

static struct grf_type *array_of(struct grf_types *types, struct grf_type *element, uint64_t count)
{
	struct grf_type *array =
	    grf_types_make(types, GRF_KIND_ARRAY, element->name, element->size * count, 0);

	if (!array)
		return NULL;
	grf_type_source(array)->shape.element = element;
	grf_type_source(array)->shape.count = count;
	grf_type_source(array)->shape.unnamed = true;
	return array;
}

/* The type in place of one of a group's or bucket's arrays of eight. NULL: leave it out. */
static struct grf_type *name_array(struct grf_types *types, const struct grf_type_field *field,
				   const struct entry_types *entry)
{
	const struct grf_shape *shape = grf_types_shape(types, field->type);
	struct grf_type *element = shape->element;
	struct grf_type_field named;

	if (shape->kind != GRF_KIND_ARRAY || !element || shape->count != SLOTS || !field->name)
		return NULL;
	named = entry_field(field, element, entry);
	if (named.role != GRF_ROLE_PLAIN)
		element = name_value(types, named);
	else if (!strcasecmp(field->name, "slots"))
		element = name_slot(types, element, entry);
	else
		return NULL;
	if (!element)
		return NULL;
	return array_of(types, element, SLOTS);
}

/* Copies the fields of a group or bucket with a map's names; `self` is the type that a bucket's
 * overflow points to. */
static bool name_fields(struct grf_types *types, const struct grf_shape *shape,
			const struct entry_types *entry, struct grf_type *self,
			struct grf_shape *ret)
{
	bool pointers = false;

	ret->fields = grf_types_allocate(types, shape->field_count * sizeof(*ret->fields));
	if (!ret->fields)
		return false;
	for (uint32_t i = 0; i < shape->field_count; i++) {
		const struct grf_type_field *field = &shape->fields[i];
		struct grf_type *type = name_array(types, field, entry);

		/* A bucket without pointers in keys and elements has none at all. */
		if (!type && pointers && field->name && !strcmp(field->name, "overflow"))
			type = grf_types_make_pointer(types, GRF_KIND_POINTER, self);
		if (!type)
			continue;
		grf_type_plan(types, type);
		pointers = pointers || type->pointer_bytes;
		ret->fields[ret->field_count++] = (struct grf_type_field){
		    .role = GRF_ROLE_PLAIN, .type = type, .offset = field->offset};
	}
	return true;
}

/* The type of a key or element in a bucket. */
static struct grf_type *bucket_value(struct grf_types *types, enum grf_field_role role,
				     struct grf_type *type)
{
	struct grf_type *stored = type;

	if (type->size > INLINE_MAX)
		stored = grf_types_make_pointer(types, GRF_KIND_POINTER, type);
	return stored ? name_value(types, (struct grf_type_field){.role = role,
								  .type_name = type->name,
								  .type = stored})
		      : NULL;
}

/* Makes the bucket of a map from its key and element types: the descriptor that package reflect
 * makes for a bucket has no fields. */
static struct grf_type *bucket_of(struct grf_types *types, const char *name,
				  const struct entry_types *entry)
{
	struct grf_type *key, *element, *keys, *elements, *made;
	uint64_t at;

	if (!entry->key || !entry->element)
		return NULL;
	key = bucket_value(types, GRF_ROLE_KEY, entry->key);
	element = bucket_value(types, GRF_ROLE_VALUE, entry->element);
	if (!key || !element)
		return NULL;
	keys = array_of(types, key, SLOTS);
	elements = array_of(types, element, SLOTS);
	at = SLOTS + SLOTS * (key->size + element->size);
	made = grf_types_make(types, GRF_KIND_STRUCT, name, at + GRF_WORD_BYTES, 3);
	if (!keys || !elements || !made)
		return NULL;
	made->array_unnamed = true;
	grf_types_add_plain(made, keys, SLOTS);
	grf_types_add_plain(made, elements, SLOTS + keys->size);
	grf_type_plan(types, keys);
	grf_type_plan(types, elements);
	if (keys->pointer_bytes || elements->pointer_bytes)
		grf_types_add_plain(made, grf_types_make_pointer(types, GRF_KIND_POINTER, made),
				    at);
	return made;
}

/* What a map's groups or buckets are called: as in the compiler's descriptors, which DWARF names in
 * another way, and which package reflect does not name. */
static const char *part_name(struct grf_types *types, const char *part,
			     const struct entry_types *entry, const char *otherwise)
{
	const char *name = NULL;

	if (entry->key && entry->element)
		name = grf_types_intern_format(types, "map.%s[%s]%s", part, entry->key->name,
					       entry->element->name);
	return name ? name : otherwise;
}

/* The group or bucket of a map, with entries named after the map's types. */
static struct grf_type *name_group(struct grf_types *types, struct grf_type *group,
				   const char *part, const struct entry_types *entry)
{
	const struct grf_shape *shape;
	struct grf_type *made;

	if (!group)
		return NULL;
	shape = grf_types_shape(types, group);
	if (shape->kind != GRF_KIND_STRUCT || !shape->field_count)
		return NULL;
	made = grf_types_make(types, GRF_KIND_STRUCT, part_name(types, part, entry, group->name),
			      group->size, 0);
	if (!made || !name_fields(types, shape, entry, made, &grf_type_source(made)->shape))
		return NULL;
	made->array_unnamed = true;
	made->descriptor = group->descriptor;
	return made;
}

bool grf_container_is_group_name(const char *name, size_t length)
{
	static const char *const prefixes[] = {"map.group[", "map.bucket[", "group<", "bucket<"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		size_t wanted = strlen(prefixes[i]);

		if (length >= wanted && !memcmp(name, prefixes[i], wanted))
			return true;
	}
	return false;
}

bool grf_container_is_group(const struct grf_type *type)
{
	return grf_container_is_group_name(type->name, strlen(type->name));
}

struct grf_type *grf_container_group(struct grf_types *types, struct grf_type *type)
{
	const struct entry_types unknown = {0};

	return name_group(types, type, "group", &unknown);
}

/* --- the structures above --------------------------------------------------------------------- */

static struct grf_type *element_of(struct grf_types *types, struct grf_type *type)
{
	return type ? grf_types_shape(types, type)->element : NULL;
}

static struct grf_type *field_type(struct grf_types *types, struct grf_type *type, const char *name)
{
	const struct grf_type_field *field =
	    type ? grf_shape_field(grf_types_shape(types, type), name) : NULL;

	return field ? field->type : NULL;
}

/* A struct of `size` bytes with one nameless field; NULL when there is no such type. */
static struct grf_type *make_wrapper(struct grf_types *types, const char *name, int64_t size,
				     struct grf_type *type, int64_t offset)
{
	struct grf_type *made;

	if (!type || size < 0 || offset < 0)
		return NULL;
	made = grf_types_make(types, GRF_KIND_STRUCT, name, (uint64_t)size, 1);
	if (made)
		grf_types_add_plain(made, type, (uint64_t)offset);
	return made;
}

/* DWARF has Map.dirPtr as **table, table.groups.data as *group. */
static struct grf_type *swiss_group(struct grf_types *types, const struct grf_shape *map)
{
	struct grf_type *table =
	    element_of(types, element_of(types, field_type(types, map->header, "dirPtr")));
	struct grf_type *group =
	    element_of(types, field_type(types, field_type(types, table, "groups"), "data"));

	return group ? group : map->group;
}

static struct grf_type *swiss_map(struct grf_types *types, const char *name,
				  const struct grf_shape *map)
{
	const struct grf_layout *layout = types->layout;
	const struct entry_types entry = {map->key, map->element};
	struct grf_type *group = name_group(types, swiss_group(types, map), "group", &entry);
	struct grf_type *table, *directory;

	table = make_wrapper(types, name, grf_offset(layout, swiss_table, _size),
			     grf_types_make_pointer(types, GRF_KIND_ARRAY_POINTER, group),
			     grf_offset(layout, swiss_table, groups));
	if (!table || !grf_has(layout, swiss_map, dir_len))
		return NULL;
	directory = grf_types_make(types, GRF_KIND_MAP_DIRECTORY, name, GRF_WORD_BYTES, 0);
	if (!directory)
		return NULL;
	grf_type_source(directory)->shape.element = group;
	grf_type_source(directory)->shape.key = table;
	grf_type_source(directory)->shape.discriminator =
	    grf_offset(layout, swiss_map, dir_len) - grf_offset(layout, swiss_map, dir_ptr);
	return make_wrapper(types, name, grf_offset(layout, swiss_map, _size), directory,
			    grf_offset(layout, swiss_map, dir_ptr));
}

static struct grf_type *map_extra(struct grf_types *types, struct grf_type *bucket)
{
	struct grf_type *pointer = grf_types_make_pointer(types, GRF_KIND_POINTER, bucket);
	struct grf_type *list, *made;

	if (!pointer)
		return NULL;
	pointer->array_unnamed = true;
	list = grf_types_make_pointer(
	    types, GRF_KIND_POINTER,
	    make_wrapper(types, "[]*runtime.bmap", GRF_SLICE_SIZE,
			 grf_types_make_pointer(types, GRF_KIND_ARRAY_POINTER, pointer), 0));
	made = grf_types_make(types, GRF_KIND_STRUCT, "runtime.mapextra", MAPEXTRA_SIZE, 3);
	if (!made || !list)
		return NULL;
	grf_types_add_plain(made, list, MAPEXTRA_OVERFLOW);
	grf_types_add_plain(made, list, MAPEXTRA_OLD_OVERFLOW);
	grf_types_add_plain(made, pointer, MAPEXTRA_NEXT_OVERFLOW);
	return made;
}

static struct grf_type *hash_map(struct grf_types *types, const char *name,
				 const struct grf_shape *map)
{
	const struct grf_layout *layout = types->layout;
	const struct entry_types entry = {map->key, map->element};
	struct grf_type *bucket = element_of(types, field_type(types, map->header, "buckets"));
	struct grf_type *buckets, *extra, *made;

	bucket = bucket ? name_group(types, bucket, "bucket", &entry)
			: bucket_of(types, part_name(types, "bucket", &entry, name), &entry);
	buckets = grf_types_make_pointer(types, GRF_KIND_ARRAY_POINTER, bucket);
	if (!buckets || !grf_has(layout, hmap, _size) || !grf_has(layout, hmap, extra))
		return NULL;
	extra = grf_types_make_pointer(types, GRF_KIND_POINTER, map_extra(types, bucket));
	made = grf_types_make(types, GRF_KIND_STRUCT, name,
			      (uint64_t)grf_offset(layout, hmap, _size), 3);
	if (!made || !extra)
		return NULL;
	grf_types_add_plain(made, buckets, (uint64_t)grf_offset(layout, hmap, buckets));
	grf_types_add_plain(made, buckets, (uint64_t)grf_offset(layout, hmap, oldbuckets));
	grf_types_add_plain(made, extra, (uint64_t)grf_offset(layout, hmap, extra));
	return made;
}

/* --- channels --------------------------------------------------------------------------------- */

/* Makes an hchan without DWARF: the buffer, and the queues as untyped pointers. */
static struct grf_type *bare_channel(struct grf_types *types, const char *name,
				     struct grf_type *buffer)
{
	const struct grf_layout *layout = types->layout;
	struct grf_type *unknown, *made;

	if (!grf_has(layout, hchan, _size) || !grf_has(layout, hchan, buf) ||
	    !grf_has(layout, hchan, recvq) || !grf_has(layout, hchan, sendq))
		return NULL;
	unknown =
	    grf_types_make(types, GRF_KIND_UNSAFE_POINTER, "unsafe.Pointer", GRF_WORD_BYTES, 0);
	made = grf_types_make(types, GRF_KIND_STRUCT, name,
			      (uint64_t)grf_offset(layout, hchan, _size), 5);
	if (!unknown || !made)
		return NULL;
	grf_types_add_plain(made, buffer, (uint64_t)grf_offset(layout, hchan, buf));
	for (int i = 0; i < 2; i++) {
		uint64_t word = (uint64_t)i * GRF_WORD_BYTES;
		struct grf_type_field queue = {
		    .name = "recvq",
		    .type_name = "runtime.waitq",
		    .type = unknown,
		    .offset = (uint64_t)grf_offset(layout, hchan, recvq) + word,
		};

		grf_types_add_field(made, &queue);
		queue.name = "sendq";
		queue.offset = (uint64_t)grf_offset(layout, hchan, sendq) + word;
		grf_types_add_field(made, &queue);
	}
	return made;
}

static struct grf_type *make_channel(struct grf_types *types, const char *name,
				     const struct grf_shape *chan)
{
	struct grf_type *buffer =
	    grf_types_make_pointer(types, GRF_KIND_ARRAY_POINTER, chan->element);
	struct grf_type *header = chan->header, *made;
	const struct grf_shape *shape;

	if (!buffer)
		return NULL;
	if (!header)
		header = grf_types_by_name(types, "runtime.hchan");
	shape = header ? grf_types_shape(types, header) : NULL;
	if (!shape || !grf_shape_field(shape, "buf"))
		return bare_channel(types, name, buffer);
	made = grf_types_make(types, GRF_KIND_STRUCT, name, header->size, shape->field_count);
	if (!made)
		return NULL;
	for (uint32_t i = 0; i < shape->field_count; i++) {
		struct grf_type_field *field =
		    &grf_type_source(made)
			 ->shape.fields[grf_type_source(made)->shape.field_count++];

		*field = shape->fields[i];
		if (field->name && !strcmp(field->name, "buf")) {
			field->type = buffer;
			field->role = GRF_ROLE_PLAIN;
		}
	}
	return made;
}

/* The size of a map's or channel's structure. 0: this release's is not known. */
static uint64_t contents_size(const struct grf_types *types, const struct grf_shape *shape)
{
	const struct grf_layout *layout = types->layout;
	int64_t size = shape->kind == GRF_KIND_CHAN ? grf_offset(layout, hchan, _size)
		       : layout->version.experiments.swiss_map
			   ? grf_offset(layout, swiss_map, _size)
			   : grf_offset(layout, hmap, _size);

	return size > 0 ? (uint64_t)size : 0;
}

/* The contents are made without a shape, which is read when it is first asked for: an element may
 * be the same container again, as in `type Trie map[rune]Trie`. */
struct grf_type *grf_container_contents(struct grf_types *types, struct grf_type *container)
{
	struct grf_type_source *source = container->source;
	const struct grf_shape *shape = grf_types_shape(types, container);
	struct grf_type *made;
	uint64_t size;

	if (source->contents)
		return source->contents;
	size = contents_size(types, shape);
	if (!shape->element || !size)
		return NULL;
	made = grf_types_new(types, GRF_SOURCE_CONTENTS, container->name, size);
	if (made)
		grf_type_source(made)->container = container;
	source->contents = made;
	return made;
}

struct grf_type *grf_container_channel(struct grf_types *types, struct grf_type *element)
{
	struct grf_type_source *source = element->source;
	struct grf_type *container;
	const char *name;

	if (source && !source->channel) {
		name = grf_types_intern_format(types, "chan %s", element->name);
		if (!name)
			return NULL;
		container = grf_types_make(types, GRF_KIND_CHAN, name, GRF_WORD_BYTES, 0);
		if (!container)
			return NULL;
		grf_type_source(container)->shape.element = element;
		source->channel = grf_container_contents(types, container);
	}
	if (!source || !source->channel)
		return NULL;
	grf_type_plan(types, source->channel);
	return source->channel;
}

void grf_container_shape(struct grf_types *types, struct grf_type *contents, struct grf_shape *ret)
{
	struct grf_type *container = grf_type_source(contents)->container;
	const struct grf_shape *shape = grf_types_shape(types, container);
	struct grf_type *made;

	if (shape->kind == GRF_KIND_CHAN)
		made = make_channel(types, container->name, shape);
	else if (types->layout->version.experiments.swiss_map)
		made = swiss_map(types, container->name, shape);
	else
		made = hash_map(types, container->name, shape);
	if (made && made->size == contents->size)
		*ret = grf_type_source(made)->shape;
}
