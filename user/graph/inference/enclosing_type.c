/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Searches all types that the code makes, and arrays of them, for the one that fits around a field,
 * and caches the answers.
 */
#include "graph/inference/enclosing_type.h"

#include <stdlib.h>

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

/* Whether a type that the code uses, or an array of it, has the size, the mask and the field. An
 * array counts where the code makes slices of the type. */
static bool use_fits(const struct grf_enclosing_types *enclosing, const struct grf_type_use *use,
		     bool array, const struct grf_enclosed *enclosed)
{
	const struct grf_inferred whole = {use->type, array};

	return (!array || use->made & GRF_MADE_ARRAY) &&
	       grf_inferred_fits(enclosing->heap, whole, enclosed->mask, enclosed->size) &&
	       grf_inferred_holds(enclosing->types, whole, enclosed->field, enclosed->offset);
}

/* Finds the only type that fits. `shapes`: looks only at types that stand for others in the code of
 * generics; else only at the rest. */
static void search_among(const struct grf_enclosing_types *enclosing,
			 const struct grf_enclosed *enclosed, bool shapes,
			 struct grf_enclosing *found)
{
	for (size_t i = 0; i < 2 * enclosing->list.count; i++) {
		const struct grf_type_use *use = &enclosing->list.items[i / 2];
		struct grf_inferred whole = {use->type, i % 2};

		if (grf_type_is_shape(use->type) != shapes ||
		    !use_fits(enclosing, use, whole.array, enclosed))
			continue;
		whole = grf_inferred_elements(whole);
		if (found->whole.type && (found->whole.array != whole.array ||
					  !grf_type_is_same(found->whole.type, whole.type)))
			found->several = true;
		else if (!found->whole.type)
			found->whole = whole;
	}
	if (found->several)
		found->whole.type = NULL;
}

/* Whether every shape that fits is a shape of `whole`. */
static bool has_all_shapes(const struct grf_enclosing_types *enclosing,
			   const struct grf_enclosed *enclosed, struct grf_inferred whole)
{
	for (size_t i = 0; i < 2 * enclosing->list.count; i++) {
		const struct grf_type_use *use = &enclosing->list.items[i / 2];
		struct grf_inferred shape = {use->type, i % 2};

		if (!grf_type_is_shape(use->type) ||
		    !use_fits(enclosing, use, shape.array, enclosed))
			continue;
		shape = grf_inferred_elements(shape);
		if (shape.array != whole.array ||
		    !grf_type_has_shape(enclosing->types, whole.type, shape.type))
			return false;
	}
	return true;
}

static struct grf_enclosing search_types(const struct grf_enclosing_types *enclosing,
					 const struct grf_enclosed *enclosed)
{
	struct grf_enclosing found = {0};

	search_among(enclosing, enclosed, false, &found);
	if (found.whole.type && !has_all_shapes(enclosing, enclosed, found.whole)) {
		found.whole.type = NULL;
		found.several = true;
	}
	if (!found.whole.type && !found.several)
		search_among(enclosing, enclosed, true, &found);
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
