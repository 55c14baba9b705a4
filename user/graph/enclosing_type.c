/* SPDX-License-Identifier: BSD-2-Clause */
#include "graph/enclosing_type.h"

#include <stdlib.h>

#define CACHED 256u

struct answer {
	struct grf_enclosed asked; /* no field: nothing was asked yet */
	struct grf_type *type;
};

struct grf_enclosing_types {
	struct grf_types *types;
	struct grf_type_list list;
	struct answer cache[CACHED]; /* millions of objects may be alike */
};

struct grf_enclosing_types *grf_enclosing_types_create(struct grf_types *types)
{
	struct grf_enclosing_types *enclosing = calloc(1, sizeof(*enclosing));

	if (!enclosing || !grf_types_in_code(types, &enclosing->list)) {
		grf_enclosing_types_destroy(enclosing);
		return NULL;
	}
	enclosing->types = types;
	return enclosing;
}

void grf_enclosing_types_destroy(struct grf_enclosing_types *enclosing)
{
	if (!enclosing)
		return;
	free(enclosing->list.items);
	free(enclosing);
}

/* Whether a value of `size` bytes is put in a slot of `slot` bytes (runtime/sizeclasses.go, the
 * same in Go 1.17 to 1.27 up to 512 bytes). */
static bool fills(uint64_t size, uint64_t slot)
{
	uint64_t gap = slot <= 32 ? 8 : slot <= 256 ? 16 : 32;

	return size <= slot && slot - size < gap;
}

static struct grf_type *search(struct grf_enclosing_types *enclosing,
			       const struct grf_enclosed *enclosed)
{
	struct grf_type *found = NULL;

	for (size_t i = 0; i < enclosing->list.count; i++) {
		struct grf_type *type = enclosing->list.items[i].type;

		if (!fills(type->size, enclosed->size) || type->pointer_mask != enclosed->mask ||
		    !grf_type_has_field(enclosing->types, type, enclosed->field, enclosed->offset))
			continue;
		if (found)
			return NULL;
		found = type;
	}
	return found;
}

struct grf_type *grf_enclosing_type(struct grf_enclosing_types *enclosing,
				    const struct grf_enclosed *enclosed)
{
	uint64_t hash = ((uintptr_t)enclosed->field >> 4 ^ enclosed->mask ^ enclosed->size << 48 ^
			 enclosed->offset << 32) *
			UINT64_C(0x9e3779b97f4a7c15);
	struct answer *answer = &enclosing->cache[(hash >> 40) % CACHED];

	if (answer->asked.field != enclosed->field || answer->asked.size != enclosed->size ||
	    answer->asked.mask != enclosed->mask || answer->asked.offset != enclosed->offset) {
		answer->asked = *enclosed;
		answer->type = search(enclosing, enclosed);
	}
	return answer->type;
}
