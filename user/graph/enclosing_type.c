/* SPDX-License-Identifier: BSD-2-Clause */
#include "graph/enclosing_type.h"

#include <stdlib.h>
#include <string.h>

#include "graph/type_evidence.h"

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

static bool fits(struct grf_types *types, struct grf_type *type,
		 const struct grf_enclosed *enclosed)
{
	return grf_evidence_slot_size(type->size) == enclosed->size &&
	       type->pointer_mask == enclosed->mask &&
	       grf_type_has_field(types, type, enclosed->field, enclosed->offset);
}

/* A plugin has descriptors of its own for the types that it shares with others. */
static bool is_same(const struct grf_type *left, const struct grf_type *right)
{
	return left->size == right->size && !strcmp(left->name, right->name);
}

/* The only type that fits, of those that stand for others in the code of generics or of the rest;
 * *ret_several: there is another. */
static struct grf_type *search_among(struct grf_enclosing_types *enclosing,
				     const struct grf_enclosed *enclosed, bool shapes,
				     bool *ret_several)
{
	struct grf_type *found = NULL;

	for (size_t i = 0; i < enclosing->list.count; i++) {
		struct grf_type *type = enclosing->list.items[i].type;

		if (grf_type_is_shape(type) != shapes || !fits(enclosing->types, type, enclosed))
			continue;
		if (found && !is_same(found, type)) {
			*ret_several = true;
			return NULL;
		}
		found = found ? found : type;
	}
	return found;
}

/* Whether all types that fit and stand for others stand for `type`. */
static bool has_all_shapes(struct grf_enclosing_types *enclosing,
			   const struct grf_enclosed *enclosed, struct grf_type *type)
{
	for (size_t i = 0; i < enclosing->list.count; i++) {
		struct grf_type *shape = enclosing->list.items[i].type;

		if (grf_type_is_shape(shape) && fits(enclosing->types, shape, enclosed) &&
		    !grf_type_has_shape(enclosing->types, type, shape))
			return false;
	}
	return true;
}

static struct grf_type *search(struct grf_enclosing_types *enclosing,
			       const struct grf_enclosed *enclosed)
{
	bool several = false;
	struct grf_type *type = search_among(enclosing, enclosed, false, &several);

	if (several)
		return NULL;
	if (type)
		return has_all_shapes(enclosing, enclosed, type) ? type : NULL;
	return search_among(enclosing, enclosed, true, &several);
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
