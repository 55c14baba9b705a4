/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds types by name where DWARF has none: among the descriptors that the program's code refers
 * to, and their parts. The table is made when first asked for.
 */
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/address_set.h"
#include "base/array.h"
#include "model/types/types_parts.h"

struct named {
	const char *name; /* interned */
	uint64_t address;
	uint64_t size, pointer_bytes;
	enum grf_kind kind;
	bool several; /* that differ */
	UT_hash_handle hh;
};

struct grf_type_names {
	struct named *by_name;
};

struct queue {
	struct grf_address_set seen;
	GRF_ARRAY(uint64_t) addresses;
};

static void enqueue_descriptor(void *context, uint64_t address)
{
	struct queue *queue = context;
	uint64_t *added;

	if (queue->addresses.count >= GRF_TYPES_MAX ||
	    !grf_address_set_add(&queue->seen, address, 0))
		return;
	added = grf_array_add(&queue->addresses);
	if (added)
		*added = address;
}

/* Types of one name may be two: those that functions declare. */
static void add_name(struct grf_types *types, const struct grf_descriptor *descriptor)
{
	const char *name = grf_descriptor_name(types, descriptor);
	struct named *named;

	if (!name)
		return;
	HASH_FIND_STR(types->names->by_name, name, named);
	if (named) {
		named->several |= named->size != descriptor->size ||
				  named->pointer_bytes != descriptor->pointer_bytes ||
				  named->kind != descriptor->kind;
		return;
	}
	named = grf_types_allocate(types, sizeof(*named));
	if (!named)
		return;
	named->name = name;
	named->address = descriptor->address;
	named->size = descriptor->size;
	named->pointer_bytes = descriptor->pointer_bytes;
	named->kind = descriptor->kind;
	HASH_ADD_KEYPTR(hh, types->names->by_name, named->name, strlen(named->name), named);
}

static void find_names(struct grf_types *types)
{
	struct queue queue = {0};

	for (size_t i = 0; i < types->references.count; i++)
		enqueue_descriptor(&queue, types->references.items[i].descriptor);
	for (size_t i = 0; i < queue.addresses.count; i++) {
		struct grf_descriptor descriptor;

		if (!grf_descriptor_read(types, queue.addresses.items[i], &descriptor))
			continue;
		add_name(types, &descriptor);
		grf_descriptor_parts(types, &descriptor, enqueue_descriptor, &queue);
	}
	grf_address_set_free(&queue.seen);
	grf_array_free(&queue.addresses);
}

struct grf_type *grf_types_by_descriptors_name(struct grf_types *types, const char *name)
{
	struct named *named;

	if (!types->names) {
		types->names = calloc(1, sizeof(*types->names));
		if (!types->names || !grf_type_references_find(types))
			return NULL;
		find_names(types);
	}
	HASH_FIND_STR(types->names->by_name, name, named);
	return named && !named->several ? grf_types_by_descriptor(types, named->address) : NULL;
}

void grf_type_names_destroy(struct grf_type_names *names)
{
	if (!names)
		return;
	HASH_CLEAR(hh, names->by_name);
	free(names);
}
