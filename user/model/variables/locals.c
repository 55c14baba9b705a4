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
 * come those with a place in the frame elsewhere in the function (frame_places.c).
 *
 * A generic function is compiled once for all types of a shape, and its variables have that shape
 * as their type. Their true types are in a dictionary, to which the hidden parameter .dict points
 * (cmd/compile/internal/noder, reader.go): an entry is the address of a runtime._type. Where a
 * frame has .dict in memory, its variables get their true types from it.
 */
#include <dwarf.h>
#include <string.h>

#include "model/types/flow/code_types.h"
#include "model/types/generics/dictionaries.h"
#include "model/types/types_parts.h"
#include "model/variables/closure_instances.h"
#include "model/variables/closure_loads.h"
#include "model/variables/frame_places.h"

#define SCOPE_DEPTH_MAX    200
#define STACK_CLOSURES_MAX 128
#define SPILLS_SEARCHED    5
#define VARIABLES_MAX      (1 << 16)

struct grf_locals {
	struct grf_frame_locals *by_pc;
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
	struct grf_frame_locals *frame, *next;

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
	return name[0] == '.' && strcmp(name, ".this") != 0 &&
	       strcmp(name, GRF_DICTIONARY_NAME) != 0;
}

/* Whether the name is such as "k.len", which Go 1.27 has beside k where it took k apart; its places
 * may be those of k. */
static bool is_component(const char *name)
{
	return strchr(name + 1, '.') != NULL;
}

/* Sets a variable's type. The compiler names the pointer to x "&x" where x moved to the heap. */
static bool type_variable(struct grf_types *types, Dwarf_Die *type,
			  struct grf_frame_variable *variable)
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
	const struct grf_frame_range *whole = &description->ranges.items[0];
	struct grf_places *places = &description->places;
	const char *name = dwarf_diename(die);
	struct grf_frame_variable found = {.scope = scope, .first_place = places->array.count};
	struct grf_frame_variable *variable;
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
	struct grf_frame_scope *scope = grf_array_add(&description->scopes);
	Dwarf_Addr base, low, high;
	ptrdiff_t at = 0;

	if (!scope)
		return false;
	scope->function = function;
	scope->depth = depth;
	scope->first_range = description->ranges.count;
	while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0) {
		struct grf_frame_range *range = grf_array_add(&description->ranges);

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
	const struct grf_frame_range *whole = &description->ranges.items[0];
	uint64_t entry = closure->entry + bias;
	struct grf_type *type = grf_types_closure(types, entry);
	const char *dot = type && type->slot_count ? strrchr(type->name, '.') : NULL;
	const char *function =
	    dot ? grf_types_intern_format(types, "%.*s", (int)(dot - type->name), type->name)
		: NULL;
	struct grf_frame_variable *variable;
	struct grf_place *place;
	struct grf_frame_scope *scope;

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
	const struct grf_frame_range *whole = &description->ranges.items[0];
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

static struct grf_frame_locals *frame_at(struct grf_types *types, uint64_t pc)
{
	struct grf_locals *locals = types->locals;
	const struct grf_dwarf_file *file;
	struct grf_subprogram *function;
	struct grf_frame_locals *frame;

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
		frame->function = function->description->scopes.items[0].function;
		grf_frame_fill(types, function->description, pc - grf_dwarf_file_bias(file), frame);
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
static bool looks_like_dictionary(struct grf_types *types, const struct grf_frame_locals *frame,
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

static bool is_dictionary(struct grf_types *types, const struct grf_frame_locals *frame,
			  uint64_t address, struct frame_dictionary *ret)
{
	*ret =
	    (struct frame_dictionary){address, grf_dictionary_at(types, address, frame->function)};
	return ret->named || looks_like_dictionary(types, frame, address);
}

static bool has_dictionary(struct grf_types *types, const struct grf_frame_locals *frame,
			   uint64_t place, struct frame_dictionary *ret)
{
	uint64_t address;

	return grf_image_u64(types->image, place, &address) &&
	       is_dictionary(types, frame, address, ret);
}

/* Whether the caller's code passes this dictionary to a frame at `cfa`: as the first argument, or
 * behind the receiver. */
static bool is_passed_dictionary(struct grf_types *types, const struct grf_frame_locals *frame,
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
					       const struct grf_frame_locals *frame, uint64_t cfa)
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
static struct grf_type *local_type(struct grf_types *types, const struct grf_frame_locals *frame,
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
	const struct grf_frame_locals *frame = frame_at(types, pc);
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
