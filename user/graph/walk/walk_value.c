/* SPDX-License-Identifier: BSD-2-Clause */
/* Follows the pointers of a value, slot by slot of its type's plan. */
#include "graph/plan_mask.h"
#include "graph/walk/walk.h"
#include "model/variables/variables.h"

/* A slice is pointer, length, capacity. */

/* Go types nest inline arrays less deeply than this. */

/* Whether the word `offset` bytes into the value may be followed. Where words are counted, each may
 * be followed once. */
static bool take_word(const struct grf_window *view, uint64_t offset)
{
	uint64_t bit;

	if (offset & 7 || offset < view->skip || offset + 8 > view->room || offset + 8 < offset)
		return false;
	if (!view->pending)
		return true;
	bit = view->first + offset / 8;
	if (bit >= view->end || !grf_bit(view->pending, bit))
		return false;
	grf_bit_clear(view->pending, bit);
	return true;
}

/* The word `offset` bytes into the value, beside its pointer. 0: it is not in this memory, as in a
 * piece of a variable. */
static uint64_t word_beside(const struct grf_window *view, uint64_t offset)
{
	if (offset < view->skip || offset + 8 > view->room ||
	    (view->known && !grf_bit(view->known, view->first + offset / 8)))
		return 0;
	return grf_load_u64(view->memory + offset);
}

static void follow_interface(struct grf_walker *walker, uint32_t base, uint64_t word, bool is_itab,
			     uint64_t data)
{
	const struct grf_interface_type *interface;

	if (!grf_types_by_interface(walker->walk->types, word, is_itab, &interface))
		grf_walker_emit(walker, data, base);
	else if (interface->is_func)
		grf_walker_emit_function(walker, data, base);
	else
		grf_walker_emit(walker, data,
				grf_walker_dynamic(walker, base, interface, interface->pointee,
						   interface->type->name));
}

/* The memory of a *funcval, which begins with the address of its code; *ret_room: bytes there.
 * NULL: it is neither in the heap nor in the current stack, so it captures nothing. */
static const uint8_t *function_object(const struct grf_walk *walk, uint64_t address,
				      uint64_t *ret_room)
{
	const struct grf_area *stack = walk->stack;
	const struct grf_span *span;
	uint32_t slot;

	if (stack && address >= stack->start && address < stack->end) {
		*ret_room = stack->end - address;
		return *ret_room < 8 ? NULL : stack->memory + (address - stack->start);
	}
	if (!grf_heap_find(walk->heap, address, &span, &slot))
		return NULL;
	*ret_room = span->base + (slot + 1) * span->element_size - address;
	return *ret_room < 8 ? NULL : span->memory + (address - span->base);
}

void grf_walker_emit_function(struct grf_walker *walker, uint64_t address, uint32_t spot)
{
	struct grf_type *closure;
	const uint8_t *memory;
	uint64_t room;

	if (!spot) {
		grf_walker_fail(walker);
		return;
	}
	memory = function_object(walker->walk, address, &room);
	if (!memory)
		return;
	closure = grf_types_closure_object(walker->walk->types, memory, room);
	grf_walker_emit(
	    walker, address,
	    grf_walker_dynamic(walker, spot, closure, closure, closure ? closure->name : NULL));
}

/* Follows the data word of a reflect.Value. Where its flag is not there, a pointer may be the value
 * or lead to it: then it is untyped. */
static void follow_reflected(struct grf_walker *walker, uint32_t base, const struct grf_slot *slot,
			     const struct grf_window *view, uint64_t data)
{
	const struct grf_interface_type *interface;
	uint64_t word = word_beside(view, slot->offset);
	uint64_t flag = word_beside(view, slot->offset + GRF_REFLECT_FLAG);

	if (!grf_types_by_interface(walker->walk->types, word, false, &interface) ||
	    interface->type == interface->pointee || (flag && !(flag & GRF_REFLECT_INDIRECT)))
		follow_interface(walker, base, word, false, data);
	else
		grf_walker_emit(walker, data,
				flag ? grf_walker_dynamic(walker, base, &interface->type,
							  interface->type, interface->type->name)
				     : base);
}

static void follow_directory(struct grf_walker *walker, uint32_t id, const struct grf_slot *slot,
			     const struct grf_window *view, uint64_t value)
{
	uint64_t at = (uint64_t)slot->discriminator;
	bool single;

	if (at < view->skip || at + 8 > view->room || at + 8 < at)
		return;
	single = !grf_load_u64(view->memory + at);
	grf_walker_emit(walker, value,
			grf_walker_child(walker, id, slot->child + (single ? 0 : 1), slot,
					 single ? slot->target : slot->alternative,
					 single ? GRF_CONTENT_ONE : GRF_CONTENT_POINTERS));
}

/* The spot for a timer, by what it calls. */
static uint32_t timer_spot(struct grf_walker *walker, uint32_t spot, uint64_t address)
{
	struct grf_type *type = grf_spot_at(&walker->walk->spots, spot)->type;
	const struct grf_span *span;
	const char *name;
	uint64_t room;
	uint32_t slot;

	if (!grf_heap_find(walker->walk->heap, address, &span, &slot))
		return spot;
	room = span->base + (slot + 1) * span->element_size - address;
	name =
	    grf_timer_name(walker->walk->types, type, span->memory + (address - span->base), room);
	return name ? grf_walker_dynamic(walker, spot, name, type, name) : spot;
}

static void follow_slot(struct grf_walker *walker, uint32_t id, const struct grf_slot *slot,
			const struct grf_window *view)
{
	uint64_t value = grf_load_u64(view->memory + grf_slot_pointer(slot));
	enum grf_content content = GRF_CONTENT_ONE;
	struct grf_type *target = NULL;
	uint64_t capacity;
	uint32_t child;

	if (!value)
		return;
	if (slot->kind == GRF_SLOT_MAP_DIRECTORY) {
		follow_directory(walker, id, slot, view, value);
		return;
	}
	if (slot->kind == GRF_SLOT_POINTER || slot->kind == GRF_SLOT_ARRAY_POINTER)
		target = slot->target;
	if (slot->kind == GRF_SLOT_ARRAY_POINTER && target)
		content = GRF_CONTENT_ARRAY;
	child = grf_walker_child(walker, id, slot->child, slot, target, content);
	switch (slot->kind) {
	case GRF_SLOT_FUNC:
		grf_walker_emit_function(walker, value, child);
		break;
	case GRF_SLOT_EFACE:
	case GRF_SLOT_IFACE:
		if (slot->discriminator == (int64_t)slot->offset + GRF_REFLECT_FLAG) {
			follow_reflected(walker, child, slot, view, value);
			break;
		}
		follow_interface(walker, child, word_beside(view, slot->offset),
				 slot->kind == GRF_SLOT_IFACE, value);
		break;
	default:
		capacity = content == GRF_CONTENT_ARRAY && slot->count
			       ? word_beside(view, slot->offset + GRF_SLICE_CAPACITY)
			       : 0;
		if (child && grf_spot_at(&walker->walk->spots, child)->timer)
			child = timer_spot(walker, child, value);
		if (capacity)
			grf_walker_emit_array(walker, value, child, capacity);
		else
			grf_walker_emit(walker, value, child);
	}
}

static void walk_value(struct grf_walker *walker, uint32_t id, const struct grf_window *view,
		       unsigned int nesting);

static struct grf_window part_of_view(const struct grf_window *view, uint64_t offset, uint64_t room)
{
	return (struct grf_window){
	    .memory = view->memory + offset,
	    .room = room,
	    .skip = view->skip > offset ? view->skip - offset : 0,
	    .pending = view->pending,
	    .first = view->first + offset / 8,
	    .end = view->end,
	    .known = view->known,
	};
}

/* Whether a word is in the part of a long object that the walker visits. */
static bool is_in_part(const struct grf_walker *walker, const uint8_t *memory)
{
	return !walker->until || (memory >= walker->from && memory < walker->until);
}

static bool is_behind_part(const struct grf_walker *walker, const uint8_t *memory)
{
	return walker->until && memory >= walker->until;
}

/* The first of the elements of an array that has words in that part. */
static uint64_t first_in_part(const struct grf_walker *walker, const struct grf_window *view,
			      uint64_t stride)
{
	return walker->until && walker->from > view->memory
		   ? (uint64_t)(walker->from - view->memory) / stride
		   : 0;
}

/* Follows `count` values `stride` bytes apart, as far as there is room. `id` is the spot of the
 * array or, with `unnamed`, of every element. */
static void walk_elements(struct grf_walker *walker, uint32_t id, bool unnamed,
			  const struct grf_window *view, uint64_t stride, uint64_t count,
			  unsigned int nesting)
{
	uint64_t before = stride ? view->before / stride : 0;

	if (stride < 8 || stride & 7 || !grf_spot_at(&walker->walk->spots, id)->type->pointer_bytes)
		return;
	if (!grf_walker_prepare(walker, id)) {
		grf_walker_fail(walker);
		return;
	}
	for (uint64_t k = first_in_part(walker, view, stride);
	     k < count && stride <= view->room - k * stride && !walker->blocked; k++) {
		struct grf_window element = part_of_view(view, k * stride, stride);
		uint32_t spot =
		    unnamed ? id : grf_walker_element(walker, id, (int64_t)k - (int64_t)before);

		if (is_behind_part(walker, element.memory))
			return;
		if (!spot) {
			grf_walker_fail(walker);
			return;
		}
		walk_value(walker, spot, &element, nesting + 1);
	}
}

static void walk_inline_array(struct grf_walker *walker, uint32_t id, const struct grf_slot *slot,
			      const struct grf_window *view, unsigned int nesting)
{
	struct grf_window inner;
	uint32_t array;

	if (!slot->target || slot->offset >= view->room || slot->offset & 7)
		return;
	array = grf_walker_child(walker, id, slot->child, slot, slot->target,
				 slot->unnamed ? GRF_CONTENT_ONE : GRF_CONTENT_ARRAY);
	if (!array) {
		grf_walker_fail(walker);
		return;
	}
	inner = part_of_view(view, slot->offset, view->room - slot->offset);
	walk_elements(walker, array, slot->unnamed, &inner, slot->stride, slot->count, nesting);
}

static void walk_pointers(struct grf_walker *walker, uint32_t id, const struct grf_window *view)
{
	struct grf_type *type = grf_spot_at(&walker->walk->spots, id)->type;

	for (uint64_t offset = first_in_part(walker, view, 8) * 8;
	     offset + 8 <= view->room && !walker->blocked; offset += 8) {
		uint64_t value;

		if (is_behind_part(walker, view->memory + offset))
			return;
		if (!take_word(view, offset) || !(value = grf_load_u64(view->memory + offset)))
			continue;
		grf_walker_emit(walker, value,
				grf_walker_child(walker, id, 0, NULL, type, GRF_CONTENT_ONE));
	}
}

static void walk_value(struct grf_walker *walker, uint32_t id, const struct grf_window *view,
		       unsigned int nesting)
{
	const struct grf_spot *spot = grf_spot_at(&walker->walk->spots, id);
	const struct grf_type *type = spot->type;

	if (!type || nesting > GRF_MAX_NESTING)
		return;
	if (!spot->children && !grf_walker_prepare(walker, id)) {
		grf_walker_fail(walker);
		return;
	}
	if (spot->content == GRF_CONTENT_ARRAY) {
		walk_elements(walker, id, false, view, type->size, UINT64_MAX, nesting);
		return;
	}
	if (spot->content == GRF_CONTENT_POINTERS) {
		walk_pointers(walker, id, view);
		return;
	}
	for (uint32_t i = 0; i < type->slot_count && !walker->blocked; i++) {
		const struct grf_slot *slot = &type->slots[i];

		if (slot->kind == GRF_SLOT_INLINE_ARRAY)
			walk_inline_array(walker, id, slot, view, nesting);
		else if (is_in_part(walker, view->memory + grf_slot_pointer(slot)) &&
			 take_word(view, grf_slot_pointer(slot)))
			follow_slot(walker, id, slot, view);
	}
}

void grf_walker_value(struct grf_walker *walker, uint32_t spot, const struct grf_window *view)
{
	walk_value(walker, spot, view, 0);
}
