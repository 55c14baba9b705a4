/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the program's code puts into package variables and frames.
 *
 * Each function is followed by itself (arch/flow.h). What it returns is what its callers get: so
 * those that may return something new are gone through more than once, and all code at last. It
 * begins with nothing known of any function, and each round knows what the one before it has shown;
 * so whatever has been shown holds, however many rounds there are. What is loaded from a package
 * variable is known when frames are looked at.
 *
 * A word of a data segment leads to objects of a type when all that is stored there is a new one or
 * nil, wherever the code names the word, and its address goes nowhere where it is not followed. The
 * type of a map is not told where an empty one is made (runtime.makemap_small), but wherever it is
 * worked on: what the word held that all code takes for a map of one type is one.
 */
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "arch/arch.h"
#include "base/array.h"
#include "model/types/flow/code_types.h"
#include "model/types/flow/given_types.h"
#include "model/types/flow/special_callees.h"
#include "model/types/flow/variable_reach.h"
#include "model/types/types_parts.h"

#define ROUNDS              3
#define TEXT_MAX            (UINT64_C(64) << 20) /* more code than this is not gone through */
#define WORK_PER_BYTE       128                  /* of code; a tenth of it is what programs need */
#define WORDS_MAX           (1u << 22)
#define FRAMES_MAX          (1u << 16)
#define GROWSLICE_TYPE_LAST 4 /* the argument of runtime.growslice that is its type */
/* Registers stand for offsets from here on, which no frame has. */
#define FRAME_REGISTERS (INT64_MAX - GRF_FLOW_REGISTERS)
#define DEPTH_MAX       4 /* of functions asked for what they look at, for one that calls them */

struct code_function {
	uint64_t entry, end;
	uint8_t kind;  /* enum grf_callee */
	bool recovers; /* may return after a panic, from another place */
	bool stores;   /* a write barrier that stores the register `stored` */
	uint8_t stored;
	grf_register_set takes; /* what it may look at; none: not asked yet */
	uint32_t args;          /* bytes on the stack */
	/* When it was followed last, and when `results` changed last, by the clock; 0: never. */
	uint64_t followed, changed;
	grf_flow_value results[GRF_FLOW_RESULTS];
};

struct code_word {
	uint64_t address;
	grf_flow_value value;
	grf_flow_value used; /* as the map that the code takes it for */
	bool escaped;
	UT_hash_handle hh;
};

struct frame_word {
	struct frame_key {
		uint64_t pc;
		int64_t offset;
	} key;
	grf_flow_value value;
	UT_hash_handle hh;
};

struct grf_code_types {
	struct grf_types *types;
	GRF_ARRAY(struct code_function) functions; /* by entry */
	struct code_word *words;                   /* when all code has been gone through */
	struct code_word *finding;                 /* until then */
	struct frame_word *frames;
	uint64_t budget;
	uint64_t clock;
	unsigned int depth; /* of functions that are asked what they look at */
	bool results_only;  /* what is stored is not asked for */
	bool no_memory;
};

static void free_words(struct code_word **words)
{
	struct code_word *word, *next;

	HASH_ITER (hh, *words, word, next) {
		HASH_DEL(*words, word);
		free(word);
	}
}

void grf_code_types_destroy(struct grf_code_types *code)
{
	struct frame_word *frame, *next;

	if (!code)
		return;
	HASH_ITER (hh, code->frames, frame, next) {
		HASH_DEL(code->frames, frame);
		free(frame);
	}
	free_words(&code->words);
	free_words(&code->finding);
	grf_array_free(&code->functions);
	free(code);
}

/* --- functions -------------------------------------------------------------------------------- */

static const struct grf_arch_flow *flow_of(const struct grf_code_types *code)
{
	return grf_image_arch(code->types->image)->flow;
}

/* Lists the functions of a module. False: out of memory, or it has more code than is looked at. */
static bool list_functions(struct grf_code_types *code, const struct grf_module *module)
{
	uint64_t end = module->maxpc < module->etext ? module->maxpc : module->etext;
	struct grf_function function;

	if (module->etext < module->text || module->etext - module->text > TEXT_MAX)
		return false;
	for (uint64_t pc = module->text; pc < end; pc = function.end) {
		struct code_function *added;

		if (!grf_pclntab_find(code->types->table, pc, &function))
			return false;
		added = grf_array_add(&code->functions);
		if (!added)
			return false;
		code->budget += (function.end - function.entry) * WORK_PER_BYTE;
		added->entry = function.entry;
		added->end = function.end < end ? function.end : end;
		added->kind = (uint8_t)grf_callee_by_name(function.name);
		added->stores = added->kind == GRF_CALLEE_BARRIER &&
				flow_of(code)->stored_by(function.name, &added->stored);
		added->recovers = function.deferreturn != 0;
		added->args = function.args_size > 0 ? (uint32_t)function.args_size : 0;
	}
	return true;
}

static int by_entry(const void *left, const void *right)
{
	const struct code_function *a = left, *b = right;

	return a->entry < b->entry ? -1 : a->entry > b->entry;
}

static struct code_function *function_at(const struct grf_code_types *code, uint64_t entry)
{
	const struct code_function key = {.entry = entry};

	return code->functions.count ? bsearch(&key, code->functions.items, code->functions.count,
					       sizeof(key), by_entry)
				     : NULL;
}

/* The function that has `pc` in it. */
static struct code_function *function_around(const struct grf_code_types *code, uint64_t pc)
{
	size_t low = 0, high = code->functions.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct code_function *function = &code->functions.items[middle];

		if (pc >= function->entry && pc < function->end)
			return function;
		if (pc < function->entry)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* The code of a function; without bytes where it is not there. */
static struct grf_code code_of_function(const struct grf_code_types *code,
					const struct code_function *function)
{
	uint64_t length = function->end - function->entry;

	return (struct grf_code){grf_image_at(code->types->image, function->entry, length), length,
				 function->entry};
}

/* The next function that code calls from the offset *at on; *at goes behind the call. NULL: none
 * that is known. What looks like a call may be in the midst of an instruction. */
static struct code_function *next_callee(const struct grf_code_types *code,
					 const struct grf_code *caller, uint64_t *at)
{
	const struct grf_arch *arch = grf_image_arch(code->types->image);
	struct grf_code_reference call;

	while (arch->next_call(caller, *at, &call)) {
		struct code_function *callee = function_at(code, call.target);

		*at = call.at + 1;
		if (callee)
			return callee;
	}
	return NULL;
}

static grf_entry_callee_at entry_callee;

/* What a function may look at. While it is being asked, and where it is not there: anything. */
static grf_register_set taken_by(struct grf_code_types *code, struct code_function *function)
{
	struct grf_code machine_code;

	if (function->takes)
		return function->takes;
	function->takes = GRF_ALL_REGISTERS;
	machine_code = code_of_function(code, function);
	if (machine_code.bytes && code->depth < DEPTH_MAX) {
		code->depth++;
		function->takes =
		    flow_of(code)->entry_registers(&machine_code, entry_callee, code) |
		    flow_of(code)->none;
		code->depth--;
	}
	return function->takes;
}

static struct grf_entry_callee entry_callee(void *context, uint64_t target)
{
	struct grf_code_types *code = context;
	struct code_function *function = function_at(code, target);

	if (!function)
		return (struct grf_entry_callee){false, GRF_ALL_REGISTERS};
	if (function->kind == GRF_CALLEE_MORE_STACK)
		return (struct grf_entry_callee){true, 0};
	if (function->kind == GRF_CALLEE_MORE_STACK_CONTEXT)
		return (struct grf_entry_callee){true, flow_of(code)->context};
	return (struct grf_entry_callee){false, taken_by(code, function)};
}

/* --- what the flow of a function asks and tells ----------------------------------------------- */

static bool in_data(const struct grf_code_types *code, uint64_t address)
{
	for (size_t i = 0; i < code->types->modules->count; i++) {
		const struct grf_module *module = &code->types->modules->items[i];

		if ((address >= module->data && address < module->edata) ||
		    (address >= module->bss && address < module->ebss))
			return true;
	}
	return false;
}

static struct code_word *word_at(struct grf_code_types *code, uint64_t address)
{
	struct code_word *word;

	if (code->results_only || !in_data(code, address))
		return NULL;
	HASH_FIND(hh, code->finding, &address, sizeof(address), word);
	if (word)
		return word;
	word = HASH_COUNT(code->finding) < WORDS_MAX ? calloc(1, sizeof(*word)) : NULL;
	if (!word) {
		code->no_memory = true;
		return NULL;
	}
	word->address = address;
	word->value = word->used = grf_flow_make(GRF_FLOW_UNSET, 0);
	HASH_ADD(hh, code->finding, address, sizeof(word->address), word);
	return word;
}

static grf_flow_value made_value(enum grf_flow_kind kind, grf_flow_value descriptor)
{
	return grf_flow_kind(descriptor) == GRF_FLOW_DESCRIPTOR
		   ? grf_flow_make(kind, grf_flow_address(descriptor))
		   : 0;
}

/* What a function is given, by the number of the argument: they come in the registers of results.
 */
static grf_flow_value argument_value(const struct grf_code_types *code,
				     const grf_flow_value *registers, unsigned int number)
{
	return registers[flow_of(code)->result_registers[number]];
}

/* The map that a word of a data segment led to is worked on as one of some type. */
static void note_use(struct grf_code_types *code, const grf_flow_value *registers)
{
	grf_flow_value map = made_value(GRF_FLOW_CONTAINER, argument_value(code, registers, 0));
	struct code_word *word;

	if (!map || grf_flow_is_given(map) ||
	    grf_flow_kind(argument_value(code, registers, 1)) != GRF_FLOW_LOADED)
		return;
	word = word_at(code, grf_flow_address(argument_value(code, registers, 1)));
	if (word)
		word->used = grf_flow_join(word->used, map);
}

static void on_plain_call(struct grf_code_types *code, struct code_function *function,
			  const grf_flow_value *registers, struct grf_flow_call *ret)
{
	ret->args_size = function->args;
	ret->takes = taken_by(code, function);
	for (unsigned int i = 0; i < GRF_FLOW_RESULTS; i++)
		ret->results[i] = grf_flow_is_given(function->results[i])
				      ? grf_given_type(code->types, function->results[i], registers)
				      : function->results[i];
}

static void on_call(void *context, uint64_t target, const grf_flow_value *registers,
		    struct grf_flow_call *ret)
{
	struct grf_code_types *code = context;
	struct code_function *function = target ? function_around(code, target) : NULL;
	bool last = code->types->layout->release->growslice_type_last;

	if (!function || (function->entry != target && function->kind != GRF_CALLEE_ZERO))
		return;
	/* Those that make something only read what they are given. */
	if (function->kind >= GRF_CALLEE_OBJECT)
		ret->takes = 0;
	switch ((enum grf_callee)function->kind) {
	case GRF_CALLEE_NO_RETURN:
		ret->returns = false;
		break;
	case GRF_CALLEE_BARRIER:
		ret->keeps_registers = true;
		ret->stores = function->stores;
		ret->stored = function->stored;
		break;
	case GRF_CALLEE_ZERO:
		ret->zeroes = true;
		break;
	case GRF_CALLEE_OBJECT:
		ret->results[0] = made_value(GRF_FLOW_OBJECT, argument_value(code, registers, 0));
		break;
	case GRF_CALLEE_OBJECT_SECOND:
		ret->results[0] = made_value(GRF_FLOW_OBJECT, argument_value(code, registers, 1));
		break;
	case GRF_CALLEE_CONTAINER:
		ret->results[0] =
		    made_value(GRF_FLOW_CONTAINER, argument_value(code, registers, 0));
		break;
	case GRF_CALLEE_ARRAY:
		ret->results[0] = made_value(GRF_FLOW_ARRAY, argument_value(code, registers, 0));
		break;
	case GRF_CALLEE_GROW:
		ret->results[0] =
		    made_value(GRF_FLOW_ARRAY,
			       argument_value(code, registers, last ? GROWSLICE_TYPE_LAST : 0));
		break;
	case GRF_CALLEE_ANY_MAP:
		break;
	case GRF_CALLEE_MAP:
		note_use(code, registers);
		on_plain_call(code, function, registers, ret);
		break;
	case GRF_CALLEE_MORE_STACK:
	case GRF_CALLEE_MORE_STACK_CONTEXT:
	case GRF_CALLEE_PLAIN:
		on_plain_call(code, function, registers, ret);
		break;
	}
}

static grf_flow_value on_address(void *context, uint64_t address)
{
	const struct grf_code_types *code = context;
	const struct grf_segment *segment;

	if (in_data(code, address))
		return grf_flow_make(GRF_FLOW_DATA, address);
	if (!(address % 8) && grf_modules_by_type(code->types->modules, address))
		return grf_flow_make(GRF_FLOW_DESCRIPTOR, address);
	segment = grf_image_find(code->types->image, address);
	return segment && !(segment->flags & GRF_SEGMENT_WRITE)
		   ? grf_flow_make(GRF_FLOW_CONSTANT, address)
		   : 0;
}

static grf_flow_value on_load(void *context, uint64_t address)
{
	const struct grf_code_types *code = context;
	const struct code_word *word;

	HASH_FIND(hh, code->words, &address, sizeof(address), word);
	if (word && !word->escaped && grf_flow_is_object(word->value))
		return word->value;
	return in_data(code, address) ? grf_flow_make(GRF_FLOW_LOADED, address) : 0;
}

/* A write that is not of a whole word is one to each word that it may touch. */
static void on_store(void *context, uint64_t address, grf_flow_value value)
{
	struct grf_code_types *code = context;
	struct code_word *word = word_at(code, address & ~UINT64_C(7));

	if (address % 8) {
		struct code_word *next = word_at(code, (address | 7) + 1);

		if (next)
			next->value = grf_flow_join(next->value, 0);
		value = 0;
	}
	/* A type that this function is given is not that of others. */
	if (word)
		word->value = grf_flow_join(word->value, grf_flow_is_given(value) ? 0 : value);
}

static void on_escape(void *context, uint64_t address)
{
	struct code_word *word = word_at(context, address & ~UINT64_C(7));

	if (word)
		word->escaped = true;
}

/* --- all code --------------------------------------------------------------------------------- */

static struct grf_flow *follow_function(struct grf_code_types *code,
					const struct code_function *function)
{
	const struct grf_flow_context context = {on_call,   on_address, on_load,      on_store,
						 on_escape, code,       &code->budget};
	const struct grf_code machine_code = code_of_function(code, function);
	struct grf_flow *flow;

	if (!machine_code.bytes)
		return NULL;
	flow = flow_of(code)->create(&machine_code, &context);
	if (!flow)
		flow_of(code)->refuse(&machine_code, &context);
	return flow;
}

/* What is known of the functions that one calls. */
struct callees {
	bool objects; /* results of some are objects: else it has none to return */
	bool maps;    /* some work on maps */
	bool changed; /* more is known of some than when it was followed last */
};

static bool returns_object(const struct code_function *function)
{
	if (function->kind >= GRF_CALLEE_OBJECT)
		return true;
	for (int i = 0; i < GRF_FLOW_RESULTS; i++)
		if (grf_flow_is_object(function->results[i]))
			return true;
	return false;
}

static struct callees look_at_callees(const struct grf_code_types *code,
				      const struct code_function *function)
{
	const struct grf_code caller = code_of_function(code, function);
	const struct code_function *callee;
	struct callees found = {0};
	uint64_t at = 0;

	while (caller.bytes && (callee = next_callee(code, &caller, &at))) {
		found.objects = found.objects || returns_object(callee);
		found.changed = found.changed || callee->changed > function->followed;
		found.maps = found.maps || callee->kind == GRF_CALLEE_MAP;
	}
	return found;
}

static bool is_data(void *context, uint64_t address)
{
	return in_data(context, address);
}

/* Whether some instruction may name a word of a data segment that it does not only read. */
static bool names_data(struct grf_code_types *code, const struct code_function *function)
{
	const struct grf_code all = code_of_function(code, function);

	return all.bytes && grf_image_arch(code->types->image)->may_write(&all, is_data, code);
}

/* Whether following a function tells anything that is not known. */
static bool is_worth_following(struct grf_code_types *code, const struct code_function *function)
{
	struct callees callees;

	if (!code->results_only && names_data(code, function))
		return true;
	callees = look_at_callees(code, function);
	if (!code->results_only && callees.maps)
		return true;
	return callees.objects && (!function->followed || callees.changed);
}

static void take_results(struct grf_code_types *code, struct code_function *function,
			 const struct grf_flow *flow)
{
	grf_flow_value results[GRF_FLOW_RESULTS];

	flow_of(code)->results(flow, results);
	if (!memcmp(results, function->results, sizeof(results)))
		return;
	memcpy(function->results, results, sizeof(results));
	function->changed = ++code->clock;
}

static void go_through(struct grf_code_types *code)
{
	for (size_t i = 0; i < code->functions.count && !code->no_memory; i++) {
		struct code_function *function = &code->functions.items[i];
		struct grf_flow *flow;

		if (!is_worth_following(code, function))
			continue;
		function->followed = ++code->clock;
		flow = follow_function(code, function);
		if (flow && !function->recovers)
			take_results(code, function, flow);
		flow_of(code)->destroy(flow);
	}
}

static int by_address(const struct code_word *left, const struct code_word *right)
{
	return left->address < right->address ? -1 : left->address > right->address;
}

/* Whoever has the address of a variable, or indexes it, may write to all of it. */
static void spread_escapes(struct grf_types *types, struct code_word **words)
{
	struct grf_variable_reach reach;
	uint64_t end = 0;

	grf_variable_reach_find(types, &reach);
	HASH_SORT(*words, by_address);
	for (struct code_word *word = *words; word; word = word->hh.next) {
		if (word->escaped && grf_variable_end(types, &reach, word->address) > end)
			end = grf_variable_end(types, &reach, word->address);
		word->escaped = word->escaped || word->address < end;
	}
}

static struct grf_code_types *code_of(struct grf_types *types)
{
	struct grf_code_types *code = types->code;

	if (code || !types->table || !types->modules)
		return code;
	code = types->code = calloc(1, sizeof(*code));
	if (!code)
		return NULL;
	code->types = types;
	for (size_t i = 0; i < types->modules->count; i++)
		if (!list_functions(code, &types->modules->items[i])) {
			code->functions.count = 0;
			return code;
		}
	if (code->functions.count)
		qsort(code->functions.items, code->functions.count, sizeof(*code->functions.items),
		      by_entry);
	for (int round = 0; round < ROUNDS && !code->no_memory; round++) {
		code->results_only = round + 1 < ROUNDS;
		go_through(code);
	}
	code->results_only = true;
	spread_escapes(types, &code->finding);
	code->words = code->finding;
	code->finding = NULL;
	if (code->no_memory)
		free_words(&code->words);
	return code;
}

static bool resolve_value(struct grf_types *types, grf_flow_value value,
			  struct grf_code_object *ret)
{
	enum grf_flow_kind kind = grf_flow_kind(value);

	*ret = (struct grf_code_object){0};
	if (!grf_flow_is_object(value) || grf_flow_is_given(value))
		return false;
	ret->type = grf_types_by_descriptor(types, grf_flow_address(value));
	if (ret->type && kind == GRF_FLOW_CONTAINER)
		ret->type = grf_type_object(types, ret->type);
	ret->array = kind == GRF_FLOW_ARRAY || kind == GRF_FLOW_IN_ARRAY;
	ret->inside = kind == GRF_FLOW_IN_OBJECT || kind == GRF_FLOW_IN_ARRAY;
	if (ret->type)
		grf_type_plan(types, ret->type);
	return ret->type != NULL;
}

bool grf_types_in_data(struct grf_types *types, uint64_t address, struct grf_code_object *ret)
{
	struct grf_code_types *code = code_of(types);
	const struct code_word *word;

	if (!code)
		return false;
	if (resolve_value(types, on_load(code, address), ret))
		return true;
	HASH_FIND(hh, code->words, &address, sizeof(address), word);
	if (!word || !resolve_value(types, word->used, ret))
		return false;
	ret->by_use = true;
	return true;
}

/* Frames are looked at when all code has been gone through. */
static grf_flow_value find_in_frame(struct grf_code_types *code, const struct frame_key *key)
{
	struct grf_function around;
	const struct code_function *function;
	struct grf_flow *flow;
	grf_flow_value value = 0;

	if (!grf_pclntab_find(code->types->table, key->pc, &around))
		return 0;
	function = function_at(code, around.entry);
	flow = function ? follow_function(code, function) : NULL;
	if (flow)
		value = key->offset >= FRAME_REGISTERS
			    ? flow_of(code)->value_of(flow, key->pc,
						      (unsigned int)(key->offset - FRAME_REGISTERS))
			    : flow_of(code)->slot(flow, key->pc, key->offset);
	flow_of(code)->destroy(flow);
	return value;
}

/* What a slot or register holds at a pc; remembered. */
static grf_flow_value in_frame(struct grf_types *types, struct frame_key key)
{
	struct grf_code_types *code = code_of(types);
	struct frame_word *found;

	if (!code || code->no_memory || !code->functions.count)
		return 0;
	/* NOLINTNEXTLINE(clang-analyzer-*): all of the key is set. */
	HASH_FIND(hh, code->frames, &key, sizeof(key), found);
	if (!found && HASH_COUNT(code->frames) < FRAMES_MAX) {
		found = calloc(1, sizeof(*found));
		if (!found)
			return 0;
		found->key = key;
		found->value = find_in_frame(code, &key);
		HASH_ADD(hh, code->frames, key, sizeof(found->key), found);
	}
	return found ? found->value : 0;
}

bool grf_types_in_frame(struct grf_types *types, uint64_t pc, uint64_t cfa, uint64_t address,
			struct grf_code_object *ret)
{
	const struct frame_key key = {pc, (int64_t)(address - cfa)};

	return key.offset < FRAME_REGISTERS && resolve_value(types, in_frame(types, key), ret);
}

uint64_t grf_types_argument(struct grf_types *types, uint64_t pc, unsigned int number)
{
	grf_flow_value value;

	if (number >= GRF_FLOW_RESULTS)
		return 0;
	value = in_frame(types,
			 (struct frame_key){
			     pc, FRAME_REGISTERS +
				     grf_image_arch(types->image)->flow->result_registers[number]});
	/* Between the descriptors of types there is more, such as dictionaries. */
	return !grf_flow_is_given(value) && (grf_flow_kind(value) == GRF_FLOW_CONSTANT ||
					     grf_flow_kind(value) == GRF_FLOW_DESCRIPTOR)
		   ? grf_flow_address(value)
		   : 0;
}
