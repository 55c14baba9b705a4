/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Searches all types that the code makes for the one that fits around a field, and caches the
 * answers.
 */
#include "graph/inference/enclosing_type.h"

#include <stdlib.h>

#include "model/heap/slot_size.h"

#define CACHED 256u

struct answer {
	struct grf_enclosed asked; /* without a field: nothing was asked yet */
	struct grf_enclosing found;
};

struct grf_enclosing_types {
	struct grf_types *types;
	const struct grf_heap *heap;
	struct grf_type_list list;
	struct answer cache[CACHED]; /* millions of objects may ask the same */
};

struct grf_enclosing_types *grf_enclosing_types_create(struct grf_types *types,
						       const struct grf_heap *heap)
{
	struct grf_enclosing_types *enclosing = calloc(1, sizeof(*enclosing));

	if (!enclosing || !grf_types_in_code(types, &enclosing->list)) {
		grf_enclosing_types_destroy(enclosing);
		return NULL;
	}
	enclosing->types = types;
	enclosing->heap = heap;
	return enclosing;
}

void grf_enclosing_types_destroy(struct grf_enclosing_types *enclosing)
{
	if (!enclosing)
		return;
	free(enclosing->list.items);
	free(enclosing);
}

static bool type_fits(const struct grf_enclosing_types *enclosing, struct grf_type *type,
		      const struct grf_enclosed *enclosed)
{
	return grf_heap_slot_size(enclosing->heap, type->size) == enclosed->size &&
	       type->pointer_mask ==
		   grf_heap_object_mask(enclosing->heap, enclosed->mask, type->size) &&
	       grf_type_has_field(enclosing->types, type, enclosed->field, enclosed->offset);
}

/* Returns the only type that fits. `shapes`: looks only at types that stand for others in the code
 * of generics; else only at the rest. *ret_several: more than one type fits. */
static struct grf_type *search_among(struct grf_enclosing_types *enclosing,
				     const struct grf_enclosed *enclosed, bool shapes,
				     bool *ret_several)
{
	struct grf_type *found = NULL;

	for (size_t i = 0; i < enclosing->list.count; i++) {
		struct grf_type *type = enclosing->list.items[i].type;

		if (grf_type_is_shape(type) != shapes || !type_fits(enclosing, type, enclosed))
			continue;
		if (found && !grf_type_is_same(found, type)) {
			*ret_several = true;
			return NULL;
		}
		found = found ? found : type;
	}
	return found;
}

/* Whether every shape that fits is a shape of `type`. */
static bool has_all_shapes(struct grf_enclosing_types *enclosing,
			   const struct grf_enclosed *enclosed, struct grf_type *type)
{
	for (size_t i = 0; i < enclosing->list.count; i++) {
		struct grf_type *shape = enclosing->list.items[i].type;

		if (grf_type_is_shape(shape) && type_fits(enclosing, shape, enclosed) &&
		    !grf_type_has_shape(enclosing->types, type, shape))
			return false;
	}
	return true;
}

static bool is_made_as_array(const struct grf_enclosing_types *enclosing,
			     const struct grf_type *element)
{
	for (size_t i = 0; i < enclosing->list.count; i++)
		if (enclosing->list.items[i].made & GRF_MADE_ARRAY &&
		    grf_type_is_same(enclosing->list.items[i].type, element))
			return true;
	return false;
}

static struct grf_enclosing search_types(struct grf_enclosing_types *enclosing,
					 const struct grf_enclosed *enclosed)
{
	struct grf_enclosing found = {.array = is_made_as_array(enclosing, enclosed->field)};

	found.type = search_among(enclosing, enclosed, false, &found.several);
	if (found.type && !has_all_shapes(enclosing, enclosed, found.type)) {
		found.type = NULL;
		found.several = true;
	}
	if (!found.type && !found.several)
		found.type = search_among(enclosing, enclosed, true, &found.several);
	return found;
}

struct grf_enclosing grf_enclosing_type(struct grf_enclosing_types *enclosing,
					const struct grf_enclosed *enclosed)
{
	uint64_t hash = ((uintptr_t)enclosed->field >> 4 ^ enclosed->mask ^ enclosed->size << 48 ^
			 enclosed->offset << 32) *
			UINT64_C(0x9e3779b97f4a7c15);
	struct answer *answer = &enclosing->cache[(hash >> 40) % CACHED];

	if (answer->asked.field != enclosed->field || answer->asked.size != enclosed->size ||
	    answer->asked.mask != enclosed->mask || answer->asked.offset != enclosed->offset) {
		answer->asked = *enclosed;
		answer->found = search_types(enclosing, enclosed);
	}
	return answer->found;
}
