/* SPDX-License-Identifier: BSD-2-Clause */
/* Compares an object's mask with that of a type, once or again and again. */
#include "graph/inference/slot_fit.h"

#include "model/heap/slot_size.h"

/* Up to Go 1.21 slots of more words may have a mask. */
#define MAX_BYTES (GRF_MASK_WORDS * GRF_WORD_BYTES)

bool grf_type_repeats(const struct grf_heap *heap, const struct grf_type *type, uint64_t mask,
		      uint64_t size)
{
	uint64_t words = type->size / GRF_WORD_BYTES, repeated = 0;

	if (!words || type->size % GRF_WORD_BYTES || type->size > size / 2)
		return false;
	if (size > MAX_BYTES) {
		for (uint64_t n = 0; n * words < GRF_MASK_WORDS; n++)
			repeated |= type->pointer_mask << (n * words);
		return repeated == mask;
	}
	for (uint64_t n = 0; (n + 1) * type->size <= size; n++) {
		repeated |= type->pointer_mask << (n * words);
		if (n && repeated == grf_heap_object_mask(heap, mask, (n + 1) * type->size) &&
		    grf_heap_slot_fits(heap, (n + 1) * type->size, size))
			return true;
	}
	return false;
}

bool grf_type_is_alone(const struct grf_heap *heap, const struct grf_type *type, uint64_t mask,
		       uint64_t size)
{
	return type->pointer_mask == grf_heap_object_mask(heap, mask, type->size) &&
	       grf_heap_slot_fits(heap, type->size, size);
}

bool grf_inferred_fits(const struct grf_heap *heap, struct grf_inferred object, uint64_t mask,
		       uint64_t size)
{
	return object.array ? grf_type_repeats(heap, object.type, mask, size)
			    : grf_type_is_alone(heap, object.type, mask, size);
}

struct grf_inferred grf_inferred_elements(struct grf_inferred object)
{
	const struct grf_slot *slot = object.type->slots;

	if (object.array || object.type->slot_count != 1 || object.type->name[0] != '[' ||
	    slot->kind != GRF_SLOT_INLINE_ARRAY || slot->offset || slot->field_count)
		return object;
	return (struct grf_inferred){slot->target, slot->count > 1};
}

bool grf_inferred_holds(struct grf_types *types, struct grf_inferred object,
			const struct grf_type *field, uint64_t offset)
{
	if (object.array)
		offset = object.type->size ? offset % object.type->size : 0;
	return (!offset && grf_type_is_same(object.type, field)) ||
	       grf_type_has_field(types, object.type, field, offset);
}
