/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Evaluates the description of a function at one pc. First come the variables that are valid there,
 * then those with a place in the frame elsewhere in the function, the likeliest first, marked
 * `stale_range`: the compiler uses a slot for values of one type, and mostly for one variable.
 *
 * An entry of a location list is taken as a whole: its pieces are never mixed with those of another
 * entry. Of an interface, whose words the lists pair in more than one way, interface_pairs.c finds
 * the pairs that hold.
 */
#include "model/variables/frame_places.h"

#include <string.h>

#include "model/types/types_parts.h"
#include "model/variables/interface_pairs.h"

struct candidate {
	const struct grf_frame_variable *variable;
	const struct grf_place *place;
	const struct grf_frame_scope *scope;
	bool inlined; /* belongs to an inlined function, which has a dictionary of its own */
	bool in_scope;
	bool valid;
	uint64_t distance; /* from the pc to the place's range */
};

struct candidates {
	GRF_ARRAY(struct candidate) array;
};

static bool scope_covers(const struct grf_frame_description *description,
			 const struct grf_frame_scope *scope, uint64_t pc)
{
	for (uint32_t i = 0; i < scope->range_count; i++) {
		const struct grf_frame_range *range =
		    &description->ranges.items[scope->first_range + i];

		if (pc >= range->low && pc < range->high)
			return true;
	}
	return false;
}

static void collect_locals(const struct grf_frame_description *description, uint64_t pc,
			   struct candidates *candidates)
{
	for (size_t i = 0; i < description->variables.count; i++) {
		const struct grf_frame_variable *variable = &description->variables.items[i];
		const struct grf_frame_scope *scope = &description->scopes.items[variable->scope];
		bool in_scope = scope_covers(description, scope, pc);

		for (size_t j = 0; j < variable->place_count; j++) {
			const struct grf_place *place =
			    &description->places.array.items[variable->first_place + j];
			struct candidate *candidate = grf_array_add(&candidates->array);

			if (!candidate)
				return;
			candidate->variable = variable;
			candidate->place = place;
			candidate->scope = scope;
			candidate->inlined =
			    scope->function != description->scopes.items[0].function;
			candidate->in_scope = in_scope;
			candidate->valid = in_scope && !variable->slot_only && pc >= place->low &&
					   pc < place->high;
			if (pc >= place->high)
				candidate->distance = pc - place->high;
			else if (pc < place->low)
				candidate->distance = (place->low - pc) + (UINT64_C(1) << 40);
		}
	}
}

/* Orders valid ones first, the innermost scope first; then those whose scope holds the pc; then
 * those whose range ended last before it; then those that begin after it; last those that only name
 * a slot. Ties keep DWARF's order. */
static int by_likelihood(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;

	if (a->valid != b->valid)
		return a->valid ? -1 : 1;
	if (a->valid && a->scope->depth != b->scope->depth)
		return a->scope->depth > b->scope->depth ? -1 : 1;
	if (a->variable->slot_only != b->variable->slot_only)
		return a->variable->slot_only ? 1 : -1;
	if (a->in_scope != b->in_scope)
		return a->in_scope ? -1 : 1;
	if (a->distance != b->distance)
		return a->distance < b->distance ? -1 : 1;
	if (a->scope->depth != b->scope->depth)
		return a->scope->depth > b->scope->depth ? -1 : 1;
	if (a->variable != b->variable)
		return a->variable < b->variable ? -1 : 1;
	return a->place < b->place ? -1 : a->place > b->place;
}

/* The candidates [first, end) that are one entry of a variable's location list: the variable, or
 * those of its pieces that are in memory. */
struct group {
	size_t first, end;
};

static struct group group_at(const struct candidates *candidates, size_t first)
{
	const struct candidate *items = candidates->array.items;
	struct group group = {first, first + 1};

	for (; group.end < candidates->array.count; group.end++) {
		const struct candidate *last = &items[group.end - 1], *next = &items[group.end];

		if (next->variable != last->variable || next->place->low != last->place->low ||
		    next->place->high != last->place->high ||
		    next->place->piece_offset < last->place->piece_offset + last->place->size)
			break;
	}
	return group;
}

/* Where byte `offset` of the variable is in the frame. False: not in memory. */
static bool find_word(const struct candidates *candidates, const struct group *group,
		      uint64_t offset, int64_t *ret)
{
	for (size_t i = group->first; i < group->end; i++) {
		const struct grf_place *place = candidates->array.items[i].place;

		if (offset < place->piece_offset ||
		    offset - place->piece_offset + GRF_WORD_BYTES > place->size)
			continue;
		*ret = place->offset + (int64_t)(offset - place->piece_offset);
		return true;
	}
	return false;
}

/* The two words of the interface that the slot of the variable's type is. */
static bool find_pair(const struct candidates *candidates, const struct group *group,
		      const struct grf_slot *slot, struct grf_interface_pair *ret)
{
	const struct candidate *first = &candidates->array.items[group->first];

	*ret = (struct grf_interface_pair){.valid = first->valid, .in_scope = first->in_scope};
	return !first->variable->indirect &&
	       (slot->kind == GRF_SLOT_EFACE || slot->kind == GRF_SLOT_IFACE) &&
	       find_word(candidates, group, slot->offset, &ret->type_word) &&
	       find_word(candidates, group, slot->offset + GRF_WORD_BYTES, &ret->data_word);
}

static void collect_pairs(struct grf_types *types, const struct candidates *candidates,
			  struct grf_interface_pairs *pairs)
{
	struct grf_interface_pair pair;
	struct group group;

	for (size_t i = 0; i < candidates->array.count; i = group.end) {
		struct grf_type *type = candidates->array.items[i].variable->type;

		group = group_at(candidates, i);
		if (!type)
			continue;
		grf_type_plan(types, type);
		for (uint32_t k = 0; k < type->slot_count; k++)
			if (find_pair(candidates, &group, &type->slots[k], &pair))
				grf_interface_pairs_add(pairs, &pair);
	}
	grf_interface_pairs_settle(pairs);
}

static bool has_mixed_pair(const struct candidates *candidates, const struct group *group,
			   const struct grf_interface_pairs *pairs)
{
	const struct grf_type *type = candidates->array.items[group->first].variable->type;
	struct grf_interface_pair pair;

	for (uint32_t k = 0; type && k < type->slot_count; k++)
		if (find_pair(candidates, group, &type->slots[k], &pair) &&
		    !grf_interface_pairs_hold(pairs, pair.type_word, pair.data_word))
			return true;
	return false;
}

static bool has_place(const struct candidates *candidates, const struct group *group,
		      const struct grf_place *place)
{
	for (size_t i = group->first; i < group->end; i++) {
		const struct grf_place *other = candidates->array.items[i].place;

		if (other->offset == place->offset && other->size == place->size &&
		    other->piece_offset == place->piece_offset)
			return true;
	}
	return false;
}

/* Whether the places of `part` are all among those of `whole`. */
static bool is_part(const struct candidates *candidates, const struct group *part,
		    const struct group *whole)
{
	for (size_t i = part->first; i < part->end; i++)
		if (!has_place(candidates, whole, candidates->array.items[i].place))
			return false;
	return true;
}

/* The likeliest entry of the same variable that has the pieces of `group` at the same places, and
 * more; else the group itself. The compiler describes an interface as one word in its slot and one
 * in a register where both are stored, and Go 1.17 does so in every call. */
static struct group complete_group(const struct candidates *candidates, const struct group *group,
				   const struct grf_interface_pairs *pairs)
{
	const struct grf_frame_variable *variable = candidates->array.items[group->first].variable;
	uint64_t size = 0;
	struct group other;

	for (size_t i = group->first; i < group->end; i++)
		size += candidates->array.items[i].place->size;
	for (size_t i = size < variable->size ? group->end : candidates->array.count;
	     i < candidates->array.count; i = other.end) {
		other = group_at(candidates, i);
		if (candidates->array.items[i].variable == variable &&
		    other.end - other.first > group->end - group->first &&
		    is_part(candidates, group, &other) &&
		    !has_mixed_pair(candidates, &other, pairs))
			return other;
	}
	return *group;
}

static bool is_repeated(const struct grf_frame_locals *frame, const struct grf_local *local)
{
	for (size_t i = 0; i < frame->count; i++) {
		const struct grf_local *item = &frame->items[i];

		if (item->address == local->address && item->name == local->name &&
		    item->function == local->function && item->type == local->type &&
		    item->piece_offset == local->piece_offset && item->size == local->size)
			return true;
	}
	return false;
}

static void fill_local(const struct candidate *candidate, struct grf_local *local)
{
	local->function = candidate->scope->function;
	local->name = candidate->variable->name;
	local->address = (uint64_t)candidate->place->offset;
	local->size = candidate->place->size;
	local->piece_offset = candidate->place->piece_offset;
	local->type = candidate->variable->type;
	local->indirect = candidate->variable->indirect;
	local->stale_range = !candidate->valid;
}

/* Adds the pieces of `group`, which completes `said`, if there is one that is new. */
static void add_group(struct grf_frame_locals *frame, size_t room,
		      const struct candidates *candidates, const struct group *said,
		      const struct group *group, bool mixed)
{
	const struct candidate *first = &candidates->array.items[said->first];
	size_t before = frame->count;
	bool is_new = false;

	if (group->end - group->first > room - frame->count)
		return;
	for (size_t i = group->first; i < group->end; i++) {
		const struct candidate *candidate = &candidates->array.items[i];
		struct grf_local *local = &frame->items[before + i - group->first];
		uint64_t entry = candidate->variable->dictionary_entry;

		fill_local(candidate, local);
		if (first->valid && has_place(candidates, said, candidate->place))
			local->stale_range = false;
		local->mixed = mixed;
		local->entry = (uint32_t)before;
		is_new |= !is_repeated(frame, local);
		frame->dictionary_entries[before + i - group->first] =
		    candidate->inlined ? GRF_NO_DICTIONARY : entry;
	}
	if (!is_new)
		return;
	frame->count += group->end - group->first;
	for (size_t i = before; i < frame->count; i++)
		frame->generic |= frame->dictionary_entries[i] != GRF_NO_DICTIONARY ||
				  (frame->items[i].type && grf_type_is_shape(frame->items[i].type));
}

/* Adds the entries of which an interface's words may be another one's, or those of which none is.
 */
static void add_groups(struct grf_frame_locals *frame, size_t room,
		       const struct candidates *candidates, const struct grf_interface_pairs *pairs,
		       bool mixed)
{
	struct group group, whole;

	for (size_t i = 0; i < candidates->array.count && frame->count < room; i = group.end) {
		const struct candidate *candidate = &candidates->array.items[i];

		group = group_at(candidates, i);
		if (!strcmp(candidate->variable->name, GRF_DICTIONARY_NAME)) {
			if (!frame->have_dictionary && !candidate->inlined)
				frame->dictionary = candidate->place->offset;
			frame->have_dictionary |= !candidate->inlined;
			continue;
		}
		whole = complete_group(candidates, &group, pairs);
		if (has_mixed_pair(candidates, &whole, pairs) == mixed)
			add_group(frame, room, candidates, &group, &whole, mixed);
	}
}

void grf_frame_fill(struct grf_types *types, const struct grf_frame_description *description,
		    uint64_t pc, struct grf_frame_locals *frame)
{
	struct grf_interface_pairs pairs = {0};
	struct candidates candidates = {0};
	size_t room;

	collect_locals(description, pc, &candidates);
	if (candidates.array.count)
		qsort(candidates.array.items, candidates.array.count,
		      sizeof(*candidates.array.items), by_likelihood);
	collect_pairs(types, &candidates, &pairs);
	room =
	    candidates.array.count < GRF_FRAME_LOCALS ? candidates.array.count : GRF_FRAME_LOCALS;
	frame->items = calloc(room + 1, sizeof(*frame->items));
	frame->dictionary_entries = calloc(room + 1, sizeof(*frame->dictionary_entries));
	if (frame->items && frame->dictionary_entries) {
		add_groups(frame, room, &candidates, &pairs, false);
		add_groups(frame, room, &candidates, &pairs, true);
	}
	grf_array_free(&pairs.array);
	grf_array_free(&candidates.array);
}
