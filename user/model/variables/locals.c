/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the variables in a frame: names and types for the words of a stack.
 *
 * DWARF describes a function as a tree: variables and parameters, and lexical blocks and inlined
 * calls with their own. The tree is read once into a flat description of the function (variables,
 * their scopes, and their places in memory). The description is evaluated once for each pc at which
 * a frame stands. The result is relative to the frame, so thousands of goroutines that wait at the
 * same place share it.
 *
 * Liveness comes from the collector, not from DWARF. In optimised code a location list ends where
 * the compiler lost track of a variable, mostly before the call at which the frame stands, although
 * the stack map still says that its slot is live. So after the variables that are valid at the pc
 * come those with a place in the frame elsewhere in the function, the likeliest first, marked
 * `stale_range`: the compiler uses a slot for values of one type, and mostly for one variable.
 *
 * A generic function is compiled once for all types of a shape, and its variables have that shape
 * as their type. Their true types are in a dictionary, to which the hidden parameter .dict points
 * (cmd/compile/internal/noder, reader.go): an entry is the address of a runtime._type. Where a
 * frame has .dict in memory, its variables get their true types from it.
 */
#include <dwarf.h>
#include <string.h>
#include <uthash.h>

#include "model/types/flow/code_types.h"
#include "model/types/generics/dictionaries.h"
#include "model/types/types_parts.h"
#include "model/variables/closure_instances.h"
#include "model/variables/closure_loads.h"
#include "model/variables/variables_private.h"

#define SCOPE_DEPTH_MAX    200
#define DICTIONARY         ".dict"
#define STACK_CLOSURES_MAX 128
#define SPILLS_SEARCHED    5
#define VARIABLES_MAX      (1 << 16)

struct range {
	uint64_t low, high;
};

struct scope {
	const char *function; /* full name of the (inlined) function */
	uint32_t depth;
	uint32_t first_range, range_count;
};

struct variable {
	const char *name;
	struct grf_type *type;
	uint64_t size;
	uint32_t scope;
	bool indirect;
	bool slot_only;            /* only a name for a slot that nothing else names */
	uint64_t dictionary_entry; /* of the true type, or GRF_NO_DICTIONARY */
	size_t first_place, place_count;
};

struct grf_frame_description {
	struct grf_frame_description *next; /* in grf_locals.descriptions */
	GRF_ARRAY(struct variable) variables;
	GRF_ARRAY(struct scope) scopes;
	GRF_ARRAY(struct range) ranges;
	struct grf_places places;
};

/* The variables of frames at one pc; addresses are offsets from the frame address. */
struct frame_locals {
	uint64_t pc;
	struct grf_local *items;
	uint64_t *dictionary_entries; /* of each item */
	size_t count;
	const char *function; /* of the frame */
	int64_t dictionary;   /* offset of .dict's slot */
	bool have_dictionary;
	bool generic; /* some item is of a shape */
	UT_hash_handle hh;
};

struct grf_locals {
	struct frame_locals *by_pc;
	struct grf_frame_description *descriptions; /* owned; subprograms borrow them */
};

struct grf_locals *grf_locals_create(void)
{
	return calloc(1, sizeof(struct grf_locals));
}

static void destroy_description(struct grf_frame_description *description)
{
	if (!description)
		return;
	grf_array_free(&description->variables);
	grf_array_free(&description->scopes);
	grf_array_free(&description->ranges);
	grf_array_free(&description->places.array);
	free(description);
}

void grf_locals_destroy(struct grf_locals *locals)
{
	struct frame_locals *frame, *next;

	if (!locals)
		return;
	HASH_ITER (hh, locals->by_pc, frame, next) {
		HASH_DEL(locals->by_pc, frame);
		free(frame->items);
		free(frame->dictionary_entries);
		free(frame);
	}
	while (locals->descriptions) {
		struct grf_frame_description *first = locals->descriptions;

		locals->descriptions = first->next;
		destroy_description(first);
	}
	free(locals);
}

/* --- reading a function ----------------------------------------------------------------------- */

/* The compiler's temporaries. */
static bool is_hidden(const char *name)
{
	return name[0] == '.' && strcmp(name, ".this") != 0 && strcmp(name, DICTIONARY) != 0;
}

/* Whether the name is such as "k.len", which Go 1.27 has beside k where it took k apart; its places
 * may be those of k. */
static bool is_component(const char *name)
{
	return strchr(name + 1, '.') != NULL;
}

/* Sets a variable's type. The compiler names the pointer to x "&x" where x moved to the heap. */
static bool type_variable(struct grf_types *types, Dwarf_Die *type, struct variable *variable)
{
	Dwarf_Die pointee;

	if (variable->indirect && dwarf_tag(type) == DW_TAG_pointer_type) {
		variable->size = sizeof(uint64_t);
		if (grf_variables_type_die(type, &pointee, &variable->dictionary_entry))
			variable->type = grf_types_of_die(types, &pointee);
		return true;
	}
	variable->indirect = false;
	variable->type = grf_types_of_die(types, type);
	variable->size = variable->type ? variable->type->size : 0;
	return variable->type != NULL;
}

static void read_variable(struct grf_types *types, struct grf_frame_description *description,
			  Dwarf_Die *die, uint32_t scope)
{
	const struct range *whole = &description->ranges.items[0];
	struct grf_places *places = &description->places;
	const char *name = dwarf_diename(die);
	struct variable found = {.scope = scope, .first_place = places->array.count};
	struct variable *variable;
	Dwarf_Attribute location;
	Dwarf_Die type;

	if (!name || !*name || is_hidden(name) || description->variables.count >= VARIABLES_MAX ||
	    !dwarf_attr_integrate(die, DW_AT_location, &location) ||
	    !grf_variables_type_die(die, &type, &found.dictionary_entry))
		return;
	found.indirect = name[0] == '&' && name[1];
	found.slot_only = is_component(name);
	found.name = grf_types_intern(types, name + found.indirect);
	if (!found.name || !type_variable(types, &type, &found))
		return;
	grf_places_read(places, &location, whole->low, whole->high, found.size);
	found.place_count = places->array.count - found.first_place;
	if (!found.place_count)
		return;
	variable = grf_array_add(&description->variables);
	if (variable)
		*variable = found;
}

/* Adds a scope for `die`, with the addresses of `parent` where it has none of its own. */
static bool add_scope(struct grf_frame_description *description, Dwarf_Die *die,
		      const char *function, uint32_t depth, uint32_t parent, uint32_t *ret)
{
	struct scope *scope = grf_array_add(&description->scopes);
	Dwarf_Addr base, low, high;
	ptrdiff_t at = 0;

	if (!scope)
		return false;
	scope->function = function;
	scope->depth = depth;
	scope->first_range = description->ranges.count;
	while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0) {
		struct range *range = grf_array_add(&description->ranges);

		if (!range)
			break;
		range->low = low;
		range->high = high;
	}
	scope->range_count = description->ranges.count - scope->first_range;
	if (!scope->range_count && depth) {
		scope->first_range = description->scopes.items[parent].first_range;
		scope->range_count = description->scopes.items[parent].range_count;
	}
	*ret = description->scopes.count - 1;
	return true;
}

static void read_scope(struct grf_types *types, struct grf_frame_description *description,
		       Dwarf_Die *parent, uint32_t scope)
{
	const char *function = description->scopes.items[scope].function;
	uint32_t depth = description->scopes.items[scope].depth, inner;
	Dwarf_Die die;

	if (depth >= SCOPE_DEPTH_MAX || dwarf_child(parent, &die) != 0)
		return;
	do {
		const char *name = function;

		switch (dwarf_tag(&die)) {
		case DW_TAG_variable:
		case DW_TAG_formal_parameter:
			read_variable(types, description, &die, scope);
			break;
		case DW_TAG_inlined_subroutine:
			name = dwarf_diename(&die);
			name = name ? grf_types_intern(types, name) : function;
			/* fall through */
		case DW_TAG_lexical_block:
			if (add_scope(description, &die, name, depth + 1, scope, &inner))
				read_scope(types, description, &die, inner);
			break;
		}
	} while (dwarf_siblingof(&die, &die) == 0);
}

/* Adds a closure object in the frame, as a variable named like the closure's function, with the
 * captured variables as fields. */
static void add_closure(struct grf_types *types, struct grf_frame_description *description,
			const struct grf_stack_closure *closure, uint64_t bias)
{
	const struct range *whole = &description->ranges.items[0];
	uint64_t entry = closure->entry + bias;
	struct grf_type *type = grf_types_closure(types, entry);
	const char *dot = type && type->slot_count ? strrchr(type->name, '.') : NULL;
	const char *function =
	    dot ? grf_types_intern_format(types, "%.*s", (int)(dot - type->name), type->name)
		: NULL;
	struct variable *variable;
	struct grf_place *place;
	struct scope *scope;

	type = dot ? grf_closure_variables(type) : NULL;
	scope = function && type ? grf_array_add(&description->scopes) : NULL;
	place = scope ? grf_array_add(&description->places.array) : NULL;
	variable = place ? grf_array_add(&description->variables) : NULL;
	if (!variable)
		return;
	*scope = description->scopes.items[0];
	scope->function = function;
	*place = (struct grf_place){whole->low, whole->high, closure->offset, 0, type->size};
	variable->name = grf_types_intern(types, dot + 1);
	variable->type = type;
	variable->size = type->size;
	variable->scope = description->scopes.count - 1;
	variable->slot_only = true;
	variable->dictionary_entry = GRF_NO_DICTIONARY;
	variable->first_place = description->places.array.count - 1;
	variable->place_count = variable->name ? 1 : 0;
}

static void read_closures(struct grf_types *types, struct grf_frame_description *description,
			  uint64_t bias)
{
	const struct range *whole = &description->ranges.items[0];
	struct grf_stack_closure closures[STACK_CLOSURES_MAX];
	struct grf_closure_loads loads;
	const uint8_t *code;
	size_t count;

	code = grf_image_at(types->image, whole->low + bias, whole->high - whole->low);
	if (!code)
		return;
	grf_closure_loads_read(&loads, grf_image_arch(types->image),
			       &(struct grf_code){code, whole->high - whole->low, whole->low});
	count = grf_closure_loads_on_stack(&loads, closures, STACK_CLOSURES_MAX);
	for (size_t i = 0; i < count; i++)
		add_closure(types, description, &closures[i], bias);
}

/* Whether the frame base is the canonical frame address, as in Go's functions; C's have another. */
static bool has_go_frame_base(Dwarf_Die *die)
{
	Dwarf_Attribute base;
	Dwarf_Op *operations;
	size_t count;

	return dwarf_attr_integrate(die, DW_AT_frame_base, &base) &&
	       grf_expression_read(&base, &operations, &count) && count == 1 &&
	       operations[0].atom == DW_OP_call_frame_cfa;
}

static struct grf_frame_description *describe_frame(struct grf_types *types,
						    const struct grf_dwarf_file *file,
						    const struct grf_subprogram *function)
{
	struct grf_frame_description *description;
	const char *name;
	uint32_t scope;
	Dwarf_Die die;

	if (!dwarf_offdie(grf_executable_dwarf(file->executable), function->die, &die) ||
	    !has_go_frame_base(&die))
		return NULL;
	name = dwarf_diename(&die);
	name = name ? grf_types_intern(types, name) : NULL;
	description = calloc(1, sizeof(*description));
	if (!name || !description || !add_scope(description, &die, name, 0, 0, &scope) ||
	    !description->ranges.count) {
		destroy_description(description);
		return NULL;
	}
	read_scope(types, description, &die, scope);
	read_closures(types, description, grf_dwarf_file_bias(file));
	description->next = types->locals->descriptions;
	types->locals->descriptions = description;
	return description;
}

/* --- a frame at a pc -------------------------------------------------------------------------- */

struct candidate {
	const struct variable *variable;
	const struct grf_place *place;
	const struct scope *scope;
	bool inlined; /* belongs to an inlined function, which has a dictionary of its own */
	bool in_scope;
	bool valid;
	uint64_t distance; /* from the pc to the place's range */
};

struct candidates {
	GRF_ARRAY(struct candidate) array;
};

static bool scope_covers(const struct grf_frame_description *description, const struct scope *scope,
			 uint64_t pc)
{
	for (uint32_t i = 0; i < scope->range_count; i++) {
		const struct range *range = &description->ranges.items[scope->first_range + i];

		if (pc >= range->low && pc < range->high)
			return true;
	}
	return false;
}

static void collect_locals(const struct grf_frame_description *description, uint64_t pc,
			   struct candidates *candidates)
{
	for (size_t i = 0; i < description->variables.count; i++) {
		const struct variable *variable = &description->variables.items[i];
		const struct scope *scope = &description->scopes.items[variable->scope];
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

static bool is_repeated(const struct grf_local *items, size_t count, const struct grf_local *local)
{
	for (size_t i = 0; i < count; i++) {
		if (items[i].address == local->address && items[i].name == local->name &&
		    items[i].function == local->function && items[i].type == local->type &&
		    items[i].piece_offset == local->piece_offset && items[i].size == local->size)
			return true;
	}
	return false;
}

static bool continues_piece(const struct grf_local *first, const struct grf_local *next)
{
	return next->function == first->function && next->name == first->name &&
	       next->type == first->type && next->address == first->address + first->size &&
	       next->piece_offset == first->piece_offset + first->size;
}

/* Moves behind each piece of a variable the piece that continues it in the frame, even one of a
 * stale range. Go 1.17 describes an interface in a call as a type word in the argument's slot and a
 * data word in a register, although both were stored. */
static void join_pieces(struct frame_locals *frame)
{
	for (size_t i = 0; i + 1 < frame->count; i++) {
		size_t next = i + 1;
		struct grf_local local;
		uint64_t entry;

		if (!frame->items[i].type || frame->items[i].indirect ||
		    frame->items[i].size >= frame->items[i].type->size)
			continue;
		while (next < frame->count &&
		       !continues_piece(&frame->items[i], &frame->items[next]))
			next++;
		if (next == frame->count || next == i + 1)
			continue;
		local = frame->items[next];
		entry = frame->dictionary_entries[next];
		memmove(&frame->items[i + 2], &frame->items[i + 1],
			(next - i - 1) * sizeof(*frame->items));
		memmove(&frame->dictionary_entries[i + 2], &frame->dictionary_entries[i + 1],
			(next - i - 1) * sizeof(*frame->dictionary_entries));
		frame->items[i + 1] = local;
		frame->dictionary_entries[i + 1] = entry;
	}
}

static void fill_frame(struct frame_locals *frame, const struct candidates *candidates)
{
	size_t room =
	    candidates->array.count < GRF_FRAME_LOCALS ? candidates->array.count : GRF_FRAME_LOCALS;

	frame->items = calloc(room + 1, sizeof(*frame->items));
	frame->dictionary_entries = calloc(room + 1, sizeof(*frame->dictionary_entries));
	if (!frame->items || !frame->dictionary_entries)
		return;
	for (size_t i = 0; i < candidates->array.count && frame->count < room; i++) {
		const struct candidate *candidate = &candidates->array.items[i];
		struct grf_local *local = &frame->items[frame->count];

		if (!strcmp(candidate->variable->name, DICTIONARY)) {
			if (!frame->have_dictionary && !candidate->inlined)
				frame->dictionary = candidate->place->offset;
			frame->have_dictionary |= !candidate->inlined;
			continue;
		}
		frame->dictionary_entries[frame->count] =
		    candidate->inlined ? GRF_NO_DICTIONARY : candidate->variable->dictionary_entry;
		frame->generic |= frame->dictionary_entries[frame->count] != GRF_NO_DICTIONARY;
		local->function = candidate->scope->function;
		local->name = candidate->variable->name;
		local->address = (uint64_t)candidate->place->offset;
		local->size = candidate->place->size;
		local->piece_offset = candidate->place->piece_offset;
		local->type = candidate->variable->type;
		local->indirect = candidate->variable->indirect;
		local->stale_range = !candidate->valid;
		frame->generic |= local->type && grf_type_is_shape(local->type);
		if (!is_repeated(frame->items, frame->count, local))
			frame->count++;
	}
	join_pieces(frame);
}

static struct frame_locals *frame_at(struct grf_types *types, uint64_t pc)
{
	struct grf_locals *locals = types->locals;
	struct candidates candidates = {0};
	const struct grf_dwarf_file *file;
	struct grf_subprogram *function;
	struct frame_locals *frame;

	HASH_FIND(hh, locals->by_pc, &pc, sizeof(pc), frame);
	if (frame)
		return frame;
	frame = calloc(1, sizeof(*frame));
	if (!frame)
		return NULL;
	frame->pc = pc;
	function = grf_types_subprogram(types, pc, &file);
	if (function && !function->described) {
		function->described = true;
		function->description = describe_frame(types, file, function);
	}
	if (function && function->description) {
		collect_locals(function->description, pc - grf_dwarf_file_bias(file), &candidates);
		if (candidates.array.count)
			qsort(candidates.array.items, candidates.array.count,
			      sizeof(*candidates.array.items), by_likelihood);
		frame->function = function->description->scopes.items[0].function;
		fill_frame(frame, &candidates);
		grf_array_free(&candidates.array);
	}
	HASH_ADD(hh, locals->by_pc, pc, sizeof(frame->pc), frame);
	return frame;
}

/* The type of an entry of the dictionary at `dictionary`, if it has the shape. */
static struct grf_type *true_type(struct grf_types *types, uint64_t dictionary, uint64_t entry,
				  const struct grf_type *shape)
{
	struct grf_type *type;
	uint64_t descriptor;

	if (!dictionary || entry >= GRF_DICTIONARY_ENTRIES ||
	    !grf_image_u64(types->image, dictionary + entry * 8, &descriptor) ||
	    !grf_modules_by_type(types->modules, descriptor))
		return NULL;
	type = grf_types_by_descriptor(types, descriptor);
	return type && type->size == shape->size ? type : NULL;
}

/* Whether the memory at `address`, which has no symbol, may be the dictionary of this frame: it is
 * read-only, and every entry has a fitting type. */
static bool looks_like_dictionary(struct grf_types *types, const struct frame_locals *frame,
				  uint64_t address)
{
	const struct grf_segment *segment = grf_image_find(types->image, address);
	bool any = false;

	if (address % 8 || !segment || (segment->flags & GRF_SEGMENT_WRITE) ||
	    grf_dictionaries_symbol(types, address))
		return false;
	for (size_t i = 0; i < frame->count; i++) {
		if (frame->dictionary_entries[i] == GRF_NO_DICTIONARY || !frame->items[i].type)
			continue;
		if (!true_type(types, address, frame->dictionary_entries[i], frame->items[i].type))
			return false;
		any = true;
	}
	return any;
}

/* The dictionary of a frame. */
struct frame_dictionary {
	uint64_t address;                   /* 0: not known */
	const struct grf_dictionary *named; /* NULL: its symbol is not known */
};

static bool is_dictionary(struct grf_types *types, const struct frame_locals *frame,
			  uint64_t address, struct frame_dictionary *ret)
{
	*ret =
	    (struct frame_dictionary){address, grf_dictionary_at(types, address, frame->function)};
	return ret->named || looks_like_dictionary(types, frame, address);
}

static bool has_dictionary(struct grf_types *types, const struct frame_locals *frame,
			   uint64_t place, struct frame_dictionary *ret)
{
	uint64_t address;

	return grf_image_u64(types->image, place, &address) &&
	       is_dictionary(types, frame, address, ret);
}

/* Whether the caller's code passes this dictionary to a frame at `cfa`: as the first argument, or
 * behind the receiver. */
static bool is_passed_dictionary(struct grf_types *types, const struct frame_locals *frame,
				 uint64_t cfa, struct frame_dictionary *ret)
{
	uint64_t back;

	if (!grf_image_u64(types->image, cfa - sizeof(back), &back))
		return false;
	for (unsigned int number = 0; number < 2; number++) {
		uint64_t address = grf_types_argument(types, back - 1, number);

		if (address && is_dictionary(types, frame, address, ret))
			return true;
	}
	return false;
}

/* Finds the dictionary of a frame at `cfa`. Up to Go 1.26 optimised code has no location for .dict.
 * It is then mostly in the spill area of register arguments, first or behind the receiver. Where it
 * was not spilled, the caller's code has it. */
static struct frame_dictionary find_dictionary(struct grf_types *types,
					       const struct frame_locals *frame, uint64_t cfa)
{
	struct frame_dictionary found;

	if (frame->have_dictionary &&
	    has_dictionary(types, frame, cfa + (uint64_t)frame->dictionary, &found))
		return found;
	for (uint64_t offset = 0; offset < SPILLS_SEARCHED * 8ul; offset += 8)
		if (!frame->have_dictionary && has_dictionary(types, frame, cfa + offset, &found))
			return found;
	if (is_passed_dictionary(types, frame, cfa, &found))
		return found;
	return (struct frame_dictionary){0};
}

/* The type of a variable of a generic function, in a frame that runs with `dictionary`. */
static struct grf_type *local_type(struct grf_types *types, const struct frame_locals *frame,
				   const struct grf_local *local, uint64_t entry,
				   const struct frame_dictionary *dictionary)
{
	struct grf_type *type = NULL;

	if (!local->type)
		return NULL;
	if (entry != GRF_NO_DICTIONARY)
		type = true_type(types, dictionary->address, entry, local->type);
	if (!type && dictionary->named && local->function == frame->function)
		type = grf_dictionary_type(types, dictionary->named, local->type);
	return type ? type : grf_dictionaries_type(types, local->function, local->type);
}

size_t grf_types_locals(struct grf_types *types, uint64_t pc, uint64_t cfa, struct grf_local *ret,
			size_t capacity)
{
	const struct frame_locals *frame = frame_at(types, pc);
	struct frame_dictionary dictionary = {0};

	if (!frame)
		return 0;
	if (frame->generic)
		dictionary = find_dictionary(types, frame, cfa);
	for (size_t i = 0; i < frame->count && i < capacity; i++) {
		ret[i] = frame->items[i];
		ret[i].address += cfa;
		if (!frame->generic)
			continue;
		ret[i].type =
		    local_type(types, frame, &ret[i], frame->dictionary_entries[i], &dictionary);
		if (dictionary.named && ret[i].function == frame->function)
			ret[i].function =
			    grf_dictionary_function(types, dictionary.named, frame->function);
	}
	return frame->count;
}
