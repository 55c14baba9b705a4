/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the walk begins: package variables, goroutines' frames, finalizers and their like, each in
 * its class. A root word that a variable covers is followed by the variable's plan and named after
 * it; one that none covers hangs, untyped, from the symbol or function that it stands in.
 */
#include "graph/walk/walk.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "graph/root_words.h"
#include "graph/walk/pieces.h"
#include "model/stacks/goroutine_names.h"
#include "model/types/flow/code_types.h"
#include "model/variables/variables.h"

/* Whether a variable or symbol is the runtime's own, by its package. The lists of all sync.Pools
 * count as such: the collector empties pools through them (sync/pool.go), and a pool that is a
 * field of a large object would make that object hang from the list instead of from its owner. */
static bool is_runtime_name(const char *name)
{
	static const char *const prefixes[] = {"runtime.", "internal/runtime/", "runtime/internal/",
					       "sync.allPools", "sync.oldPools"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static uint32_t root_spot(struct grf_walk *walk, enum grf_root_class root_class, const char *name,
			  struct grf_type *type)
{
	const char *shown = grf_root_name(walk->types, name);
	uint32_t node = shown ? grf_tree_root(&walk->builder, root_class, shown) : GRF_TREE_NONE;
	uint32_t spot = 0;

	if (node != GRF_TREE_NONE)
		spot = grf_spot_get(&walk->spots, node, type, GRF_CONTENT_ONE);
	if (!spot)
		grf_walk_fail(walk);
	return spot;
}

static void set_pending(void *context, uint64_t address)
{
	struct grf_area *area = context;

	grf_bit_set(area->pending, (address - area->start) / 8);
}

static struct grf_error *add_area(struct grf_walk *walk, const struct grf_root_segment *segment)
{
	uint64_t size = segment->end - segment->start;
	struct grf_error *error;
	struct grf_area *area;
	uint64_t *pending;

	if (segment->end <= segment->start || !segment->mask)
		return NULL;
	error = grf_image_check_copied(walk->model->image, segment->start, size, "a data segment");
	if (error)
		return error;
	pending = calloc(grf_bitmap_words(size / 8) + 1, sizeof(*pending));
	area = grf_array_add(&walk->areas);
	if (!pending || !area) {
		free(pending);
		return grf_error_no_memory();
	}
	area->name = segment->name;
	area->start = segment->start;
	area->end = segment->end;
	area->pending = pending;
	area->memory = grf_image_view(walk->model->image, segment->start, size);
	grf_root_segment_words(segment, set_pending, area);
	return NULL;
}

/* Copies a segment that the image has in pieces into one buffer. Missing bytes stay zero. */
static struct grf_error *assemble_area(struct grf_walk *walk, struct grf_area *area)
{
	uint64_t length = area->end - area->start;
	uint8_t *memory = calloc(1, length);

	if (!memory)
		return grf_error_no_memory();
	grf_image_copy_held(walk->model->image, area->start, memory, length);
	area->memory = area->assembled = memory;
	return NULL;
}

struct grf_error *grf_walk_areas(struct grf_walk *walk)
{
	struct grf_error *error;

	for (size_t i = 0; i < grf_root_segment_count(walk->model); i++) {
		struct grf_root_segment segment = grf_root_segment(walk->model, i);

		error = add_area(walk, &segment);
		if (error)
			return error;
	}
	for (size_t i = 0; i < walk->areas.count; i++) {
		if (walk->areas.items[i].memory)
			continue;
		error = assemble_area(walk, &walk->areas.items[i]);
		if (error)
			return error;
	}
	return NULL;
}

/* Follows a variable at `address` in an area. The `size` bytes there are those from byte `skip` of
 * its type on. */
static void walk_variable(struct grf_walk *walk, const struct grf_area *area, uint64_t address,
			  uint64_t size, uint64_t skip, uint32_t spot)
{
	uint64_t offset = address - area->start;
	struct grf_window view;

	if (!spot || address < area->start || address >= area->end || (offset | skip) & 7 ||
	    skip > offset)
		return;
	if (size > area->end - address)
		size = area->end - address;
	view = (struct grf_window){
	    .memory = area->memory + offset - skip,
	    .room = skip + size,
	    .skip = skip,
	    .pending = area->pending,
	    .first = (offset - skip) / 8,
	    .end = (offset + size) / 8,
	};
	grf_walk_area_value(walk, area, spot, &view, view.room);
}

static void walk_globals(struct grf_walk *walk, enum grf_root_class root_class)
{
	size_t count;
	const struct grf_global *globals = grf_types_globals(walk->types, &count);

	for (size_t i = 0; i < count && !walk->no_memory; i++) {
		const struct grf_global *global = &globals[i];
		const struct grf_area *area = grf_walk_area(walk, global->address);

		if (!area || !global->type ||
		    is_runtime_name(global->name) != (root_class == GRF_ROOT_RUNTIME))
			continue;
		grf_type_plan(walk->types, global->type);
		if (!global->type->pointer_bytes)
			continue;
		walk_variable(walk, area, global->address, global->type->size, 0,
			      root_spot(walk, root_class, global->name, global->type));
	}
}

/* The symbol that covers an address, of the executable or of a plugin. */
static const char *symbol_at(const struct grf_walk *walk, uint64_t address)
{
	struct grf_executable *executable = walk->model->executable;
	struct grf_executable *const *libraries;
	uint64_t start, length;
	const char *symbol;
	size_t count;

	symbol = grf_executable_symbol_at(executable, address - grf_executable_bias(executable),
					  &start, &length);
	libraries = grf_executable_libraries(executable, &count);
	for (size_t i = 0; !symbol && i < count; i++)
		symbol = grf_executable_symbol_at(
		    libraries[i], address - grf_executable_bias(libraries[i]), &start, &length);
	return symbol;
}

/* The name for a word of a data segment that no variable covers: its symbol, without the number
 * that the compiler gives to temporaries, else the segment. */
static void data_word_name(struct grf_walk *walk, const struct grf_area *area, uint64_t address,
			   char *name, size_t size)
{
	const char *symbol = symbol_at(walk, address);
	size_t end;

	if (!symbol) {
		if (grf_types_have_dwarf(walk->types))
			snprintf(name, size, "%s segment", area->name);
		else
			snprintf(name, size, "%s+%#llx", area->name,
				 (unsigned long long)(address - area->start));
		return;
	}
	snprintf(name, size, "%s", symbol);
	end = strlen(name);
	while (end && isdigit((unsigned char)name[end - 1]))
		end--;
	if (strstr(name, "..stmp_"))
		name[end] = '\0';
}

/* A root word that no variable covers. The word before it may show that it is an interface's, and
 * the code may show what it stores there. */
struct unnamed {
	struct grf_word_beside beside;
	bool is_made;
	struct grf_code_object made;
};

/* Takes a pointer to what the code that stored it says it points to. False: the object is something
 * else, or has a stored type. */
static bool emit_made(struct grf_walk *walk, uint64_t address, const struct grf_code_object *object,
		      uint32_t spot)
{
	const struct grf_span *span;
	uint32_t slot;

	if (!grf_walk_made_fits(walk, address, object, &span, &slot))
		return false;
	grf_walk_emit(walk, span->base + slot * span->element_size,
		      grf_walk_found_spot(walk, spot, object->type, object->array));
	return true;
}

static void follow_unnamed(struct grf_walk *walk, const struct unnamed *word, uint32_t spot)
{
	if (!spot)
		return;
	if (grf_walk_emit_interface(walk, &word->beside, spot))
		return;
	if (word->is_made && emit_made(walk, word->beside.value, &word->made, spot))
		return;
	grf_walk_defer(walk, word->beside.value, spot);
}

static void defer_data_words(struct grf_walk *walk, enum grf_root_class root_class)
{
	char name[GRF_NAME_BYTES];

	for (size_t k = 0; k < walk->areas.count; k++) {
		struct grf_area *area = &walk->areas.items[k];
		uint64_t bits = (area->end - area->start) / 8;

		for (uint64_t i = 0; i < bits && !walk->no_memory; i++) {
			struct unnamed word = {0};
			uint64_t value;
			uint32_t spot;

			if (!area->pending[i >> 6]) {
				i |= 63;
				continue;
			}
			if (!grf_bit(area->pending, i))
				continue;
			value = grf_load_u64(area->memory + i * 8);
			if (!value || !grf_heap_span(walk->heap, value))
				continue;
			data_word_name(walk, area, area->start + i * 8, name, sizeof(name));
			if (root_class != GRF_ROOT_RUNTIME && is_runtime_name(name))
				continue;
			grf_bit_clear(area->pending, i);
			word.beside.value = value;
			word.beside.before = i ? grf_load_u64(area->memory + (i - 1) * 8) : 0;
			word.beside.ahead = i > 1 ? grf_load_u64(area->memory + (i - 2) * 8) : 0;
			word.is_made = grf_walk_made_in_data(walk, area->start + i * 8,
							     word.beside.before, &word.made);
			spot = root_spot(walk, root_class, name, NULL);
			grf_walk_claim(walk, area, i, spot, GRF_CLAIM_ALONE);
			follow_unnamed(walk, &word, spot);
		}
	}
}

/* What the nine registers for integers and pointers take (cmd/compile/abi-internal.md). */
#define SPILLS_BYTES (9 * GRF_WORD_BYTES)

/* State of the walk of one goroutine's stack. */
struct stack_walk {
	struct grf_walk *walk;
	const struct grf_goroutine *goroutine;
	enum grf_root_class root_class;
	struct grf_area area;
	uint64_t capacity;      /* words of area.pending */
	struct grf_words frame; /* the frame's, with the arguments that its callee spills */
	struct grf_local locals[GRF_FRAME_LOCALS];
	char name[GRF_NAME_BYTES];
};

static uint32_t local_spot(struct stack_walk *stack, const struct grf_local *local)
{
	snprintf(stack->name, sizeof(stack->name), "%s.%s", local->function, local->name);
	return root_spot(stack->walk, stack->root_class, stack->name, local->type);
}

/* Whether a word of the stack is a live pointer that nothing has claimed. */
static bool is_pending(const struct grf_area *area, uint64_t address, uint64_t size)
{
	if (address < area->start || address >= area->end || address & 7)
		return false;
	for (uint64_t at = address; at < address + size && at < area->end; at += 8)
		if (grf_bit(area->pending, (at - area->start) / 8))
			return true;
	return false;
}

static void walk_local(struct stack_walk *stack, const struct grf_local *local)
{
	struct grf_area *area = &stack->area;
	uint64_t offset = local->address - area->start;
	uint32_t spot;

	if (!is_pending(area, local->address, local->indirect ? 8 : local->size))
		return;
	grf_type_plan(stack->walk->types, local->type);
	if (local->indirect) {
		spot = local_spot(stack, local);
		grf_bit_clear(area->pending, offset / 8);
		grf_walk_claim(stack->walk, area, offset / 8, spot, GRF_CLAIM_ALONE);
		grf_walk_emit(stack->walk, grf_load_u64(area->memory + offset), spot);
	} else if (local->type->pointer_bytes) {
		walk_variable(stack->walk, area, local->address, local->size, local->piece_offset,
			      local_spot(stack, local));
	}
}

/* Follows the local at `locals`, or the variable of which it and the locals behind it are pieces.
 * Returns how many locals that were. Pieces are followed together, as an interface's type word must
 * be seen with its data word. */
static size_t walk_locals(struct stack_walk *stack, const struct grf_local *locals, size_t count)
{
	size_t pieces = grf_pieces_count(locals, count);
	struct grf_local joined = *locals;

	if (!locals->type || !locals->name || !locals->function)
		return pieces;
	if (grf_pieces_adjoin(locals, pieces) &&
	    !grf_pieces_doubtful(stack->walk, locals, pieces)) {
		for (size_t i = 1; i < pieces; i++)
			joined.size += locals[i].size;
		walk_local(stack, &joined);
		return pieces;
	}
	for (size_t i = 0; i < pieces; i++) {
		if (!is_pending(&stack->area, locals[i].address, locals[i].size))
			continue;
		grf_type_plan(stack->walk->types, locals->type);
		if (locals->type->pointer_bytes)
			grf_walk_pieces(stack->walk, &stack->area, &stack->frame, locals, pieces,
					local_spot(stack, locals));
		break;
	}
	return pieces;
}

/*
 * Whether a frame's roots belong to the current class. What the runtime's functions keep for
 * themselves is the runtime's, in any goroutine: for example the sudog of a blocked receive. An
 * exception is a frame that is read conservatively: it holds what its caller had in registers.
 */
static bool is_of_class(const struct stack_walk *stack, uint32_t frame)
{
	const struct grf_goroutine *goroutine = stack->goroutine;

	if (stack->root_class == GRF_ROOT_RUNTIME || frame >= goroutine->frame_count)
		return true;
	return goroutine->frames[frame].conservative || !goroutine->frames[frame].function->name ||
	       !is_runtime_name(goroutine->frames[frame].function->name);
}

/* The words of a frame: its own, and above them those that it spills its arguments to. */
static struct grf_words frame_words(const struct grf_area *area, const struct grf_frame *frame)
{
	uint64_t low = frame->sp > area->start ? frame->sp : area->start;
	uint64_t high = frame->fp < area->end ? frame->fp : area->end;

	if (low >= high)
		return (struct grf_words){0};
	high = area->end - high > SPILLS_BYTES ? high + SPILLS_BYTES : area->end;
	low = (low + GRF_WORD_BYTES - 1) & ~(GRF_WORD_BYTES - 1);
	return (struct grf_words){area->memory + (low - area->start),
				  (high - low) / GRF_WORD_BYTES};
}

static void walk_frames(struct stack_walk *stack)
{
	const struct grf_goroutine *goroutine = stack->goroutine;

	for (uint32_t i = 0; i < goroutine->frame_count && !stack->walk->no_memory; i++) {
		const struct grf_frame *frame = &goroutine->frames[i];
		size_t count;

		if (!frame->function->name || !is_of_class(stack, i))
			continue;
		stack->frame = frame_words(&stack->area, frame);
		count = grf_types_locals(stack->walk->types, frame->lookup_pc, frame->fp,
					 stack->locals, GRF_FRAME_LOCALS);
		if (count > GRF_FRAME_LOCALS)
			count = GRF_FRAME_LOCALS;
		for (size_t k = 0; k < count;)
			k += walk_locals(stack, &stack->locals[k], count - k);
	}
}

/* The frame whose stack map has the word. An argument is in another frame's memory. */
static uint32_t frame_of_word(const struct grf_goroutine *goroutine, uint64_t address)
{
	for (uint32_t i = 0; i < goroutine->word_count; i++)
		if (goroutine->words[i].address >= address)
			return goroutine->words[i].frame;
	return UINT32_MAX;
}

/* Follows the values that the goroutine waits to send: they have a type and no name. */
static void walk_waits(struct stack_walk *stack)
{
	const struct grf_goroutine *goroutine = stack->goroutine;

	for (uint32_t i = 0; i < goroutine->wait_count && !stack->walk->no_memory; i++) {
		const struct grf_goroutine_wait *wait = &goroutine->waits[i];
		uint32_t frame = frame_of_word(goroutine, wait->address);
		struct grf_type *type =
		    grf_types_by_descriptor(stack->walk->types, wait->descriptor);

		if (!type || !is_of_class(stack, frame) ||
		    !is_pending(&stack->area, wait->address, type->size))
			continue;
		grf_type_plan(stack->walk->types, type);
		if (type->pointer_bytes)
			walk_variable(stack->walk, &stack->area, wait->address, type->size, 0,
				      root_spot(stack->walk, stack->root_class,
						grf_root_frame_name(goroutine, frame), type));
	}
}

static uint32_t frame_spot(struct stack_walk *stack, uint32_t frame)
{
	return root_spot(stack->walk, stack->root_class,
			 grf_root_frame_name(stack->goroutine, frame), NULL);
}

/* Of roots that are in no stack word: a function, which may be a closure on the stack. */
static void walk_function(void *context, const struct grf_goroutine_value *value)
{
	struct stack_walk *stack = context;

	if (value->kind == GRF_VALUE_CONTEXT || value->kind == GRF_VALUE_DEFER)
		grf_walk_emit_function(stack->walk, value->value, frame_spot(stack, value->frame));
}

static void defer_value(void *context, const struct grf_goroutine_value *value)
{
	struct stack_walk *stack = context;

	if (value->kind != GRF_VALUE_CONTEXT && value->kind != GRF_VALUE_DEFER)
		grf_walk_defer(stack->walk, value->value, frame_spot(stack, value->frame));
}

/* Follows a word if no variable covers it. */
static void defer_stack_word(void *context, const struct grf_stack_word *word)
{
	struct stack_walk *stack = context;
	uint64_t bit = (word->address - stack->area.start) / 8, value;
	uint64_t words = (stack->area.end - stack->area.start) / 8;
	struct unnamed unnamed;
	uint32_t spot;

	if (!grf_bit(stack->area.pending, bit) || !is_of_class(stack, word->frame))
		return;
	value = grf_load_u64(stack->area.memory + bit * 8);
	if (!value || !grf_heap_span(stack->walk->heap, value))
		return;
	unnamed = (struct unnamed){
	    .beside.value = value,
	    .beside.before = bit ? grf_load_u64(stack->area.memory + (bit - 1) * 8) : 0,
	    .beside.ahead = bit > 1 ? grf_load_u64(stack->area.memory + (bit - 2) * 8) : 0,
	    .beside.after = bit + 1 < words ? grf_load_u64(stack->area.memory + (bit + 1) * 8) : 0,
	};
	if (word->frame < stack->goroutine->frame_count)
		unnamed.beside.frame =
		    frame_words(&stack->area, &stack->goroutine->frames[word->frame]);
	unnamed.is_made =
	    grf_walk_made_in_frame(stack->walk, stack->goroutine, word, &unnamed.made);
	spot = frame_spot(stack, word->frame);
	grf_walk_claim(stack->walk, &stack->area, bit, spot, GRF_CLAIM_ALONE);
	follow_unnamed(stack->walk, &unnamed, spot);
}

static void lower_area(void *context, const struct grf_stack_word *word)
{
	struct grf_area *area = context;

	if (word->address < area->start)
		area->start = word->address;
}

static void set_stack_pending(void *context, const struct grf_stack_word *word)
{
	set_pending(context, word->address);
}

/* Clears the bits of 64 words. */
static void clear_stack_pending(void *context, const struct grf_stack_word *word)
{
	struct grf_area *area = context;

	area->pending[(word->address - area->start) / 8 / 64] = 0;
}

/* Makes room for a bit for each word of the area. All are clear. */
static bool make_pending(struct stack_walk *stack)
{
	uint64_t words = grf_bitmap_words((stack->area.end - stack->area.start) / 8) + 1;

	if (words <= stack->capacity && stack->area.pending)
		return true;
	free(stack->area.pending);
	stack->area.pending = calloc(words, sizeof(*stack->area.pending));
	stack->capacity = stack->area.pending ? words : 0;
	if (!stack->area.pending)
		grf_walk_fail(stack->walk);
	return stack->area.pending;
}

/* Sets up the area of a goroutine's stack, down to its lowest frame or live word. (Type words of
 * interfaces are not live, and are needed.) False: the area is empty. */
static bool stack_area(struct stack_walk *stack)
{
	const struct grf_goroutine *goroutine = stack->goroutine;
	uint64_t high = goroutine->stack_high & ~(uint64_t)7, sp;

	stack->area.start = stack->area.end = high;
	grf_root_stack_words(goroutine, lower_area, &stack->area);
	if (stack->area.start == high || !goroutine->memory)
		return false;
	sp = goroutine->frame_count ? goroutine->frames[0].sp : high;
	if (sp < stack->area.start && sp >= goroutine->stack_low)
		stack->area.start = (sp + 7) & ~(uint64_t)7;
	if (high - stack->area.start > GRF_MAX_STACK_BYTES || !make_pending(stack))
		return false;
	stack->area.memory = goroutine->memory + (stack->area.start - goroutine->stack_low);
	grf_root_stack_words(goroutine, set_stack_pending, &stack->area);
	return true;
}

static void walk_goroutine(struct stack_walk *stack, const struct grf_goroutine *goroutine)
{
	bool known = grf_goroutine_creator(stack->walk->model->pclntab, goroutine, stack->name,
					   sizeof(stack->name));
	const char *shown = known ? grf_root_name(stack->walk->types, stack->name) : NULL;

	stack->goroutine = goroutine;
	/* pprof's label created_by. */
	if (!grf_tree_creator(&stack->walk->builder, shown))
		grf_walk_fail(stack->walk);
	if (stack_area(stack)) {
		stack->walk->stack = &stack->area;
		walk_frames(stack);
		walk_waits(stack);
		grf_root_values(goroutine, walk_function, stack);
		grf_walk_run_stack(stack->walk);
		grf_root_stack_words(goroutine, defer_stack_word, stack);
		stack->walk->stack = NULL;
		/* What it costs is that of the live words, not that of the stack's size. */
		grf_root_stack_words(goroutine, clear_stack_pending, &stack->area);
	} else {
		grf_root_values(goroutine, walk_function, stack);
	}
	grf_root_values(goroutine, defer_value, stack);
}

static struct grf_error *walk_goroutines(struct grf_walk *walk, enum grf_root_class root_class)
{
	const struct grf_goroutines *goroutines = walk->model->goroutines;
	_cleanup_free_ struct stack_walk *stack = calloc(1, sizeof(*stack));

	if (!stack)
		return grf_error_no_memory();
	stack->walk = walk;
	stack->root_class = root_class;
	for (size_t i = 0; i < goroutines->count && !walk->no_memory; i++) {
		/* The user's goroutines are walked twice: once for the runtime's frames in them. */
		if (goroutines->items[i].system && root_class != GRF_ROOT_RUNTIME)
			continue;
		grf_tree_labels(&walk->builder, walk->labels ? walk->labels[i] : 0);
		walk_goroutine(stack, &goroutines->items[i]);
	}
	grf_tree_creator(&walk->builder, NULL);
	grf_tree_labels(&walk->builder, 0);
	free(stack->area.pending);
	return NULL;
}

/* The type that a pointer type points to, from the address of the pointer type's descriptor. */
static struct grf_type *pointee_of(struct grf_walk *walk, uint64_t descriptor)
{
	struct grf_type *type =
	    descriptor ? grf_types_by_descriptor(walk->types, descriptor) : NULL;

	if (!type)
		return NULL;
	grf_type_plan(walk->types, type);
	if (type->slot_count != 1 || type->slots[0].kind != GRF_SLOT_POINTER)
		return NULL;
	return type->slots[0].target;
}

static void walk_special(void *context, size_t index, const struct grf_special_root *root)
{
	struct grf_walk *walk = context;
	uint32_t spot;

	(void)index;
	if (walk->no_memory)
		return;
	spot = root_spot(walk, GRF_ROOT_FINALIZER, root->name, pointee_of(walk, root->type));
	switch (root->kind) {
	case GRF_ROOT_OBJECT:
		grf_walk_emit(walk, root->value, spot);
		break;
	case GRF_ROOT_REFERENTS:
		grf_walk_referents(walk, root->value, spot);
		break;
	case GRF_ROOT_FUNCTION:
		grf_walk_emit_function(walk, root->value, spot);
		break;
	}
}

struct grf_error *grf_walk_class(struct grf_walk *walk, enum grf_root_class root_class)
{
	struct grf_error *error = NULL;

	walk->runtime_only = root_class == GRF_ROOT_RUNTIME;
	switch (root_class) {
	case GRF_ROOT_APPLICATION:
		walk_globals(walk, root_class);
		break;
	case GRF_ROOT_GOROUTINE:
		error = walk_goroutines(walk, root_class);
		break;
	case GRF_ROOT_FINALIZER:
		grf_root_specials(walk->model, walk_special, walk);
		break;
	default:
		walk_globals(walk, root_class);
		error = walk_goroutines(walk, root_class);
		break;
	}
	if (error)
		return error;
	if (root_class == GRF_ROOT_APPLICATION || root_class == GRF_ROOT_RUNTIME) {
		/* Typed pointers first: they claim what the linker laid out in the data segments.
		 */
		error = grf_walk_run(walk, true);
		if (error)
			return error;
		defer_data_words(walk, root_class);
	}
	error = grf_walk_run(walk, true);
	if (!error && root_class == GRF_ROOT_GOROUTINE)
		error = grf_walk_run_pools(walk);
	if (!error && walk->deferred.count)
		grf_walk_ask_code(walk, root_class);
	if (!error)
		error = grf_walk_run(walk, false);
	if (!error && root_class == GRF_ROOT_RUNTIME)
		error = grf_walk_run_left(walk);
	return error;
}
