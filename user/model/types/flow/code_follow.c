/* SPDX-License-Identifier: BSD-2-Clause */
/* Follows one function, with what is known of those that it calls. */
#include <stdlib.h>
#include <string.h>

#include "model/types/flow/code_private.h"
#include "model/types/flow/given_types.h"
#include "model/types/flow/special_callees.h"

#define GROWSLICE_TYPE_LAST 4 /* the argument of runtime.growslice that is its type */
#define DEPTH_MAX           4 /* of functions asked for what they look at, for one that calls them */

int grf_code_by_entry(const void *left, const void *right)
{
	const struct grf_code_function *a = left, *b = right;

	return a->entry < b->entry ? -1 : a->entry > b->entry;
}

struct grf_code_function *grf_code_function_at(const struct grf_code_types *code, uint64_t entry)
{
	const struct grf_code_function key = {.entry = entry};

	return code->functions.count ? bsearch(&key, code->functions.items, code->functions.count,
					       sizeof(key), grf_code_by_entry)
				     : NULL;
}

/* The function that has `pc` in it. */
static struct grf_code_function *function_around(const struct grf_code_types *code, uint64_t pc)
{
	size_t low = 0, high = code->functions.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct grf_code_function *function = &code->functions.items[middle];

		if (pc >= function->entry && pc < function->end)
			return function;
		if (pc < function->entry)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

struct grf_code grf_code_of_function(const struct grf_code_types *code,
				     const struct grf_code_function *function)
{
	uint64_t length = function->end - function->entry;

	return (struct grf_code){grf_image_at(code->types->image, function->entry, length), length,
				 function->entry};
}

const struct grf_code_results *grf_code_results_of(const struct grf_code_follower *follower,
						   const struct grf_code_function *function)
{
	size_t index = (size_t)(function - follower->code->functions.items);

	return index < follower->at ? &function->now : &function->before;
}

struct grf_code_function *grf_code_next_callee(const struct grf_code_types *code,
					       const struct grf_code *caller, uint64_t *at)
{
	const struct grf_arch *arch = grf_image_arch(code->types->image);
	struct grf_code_reference call;

	while (arch->next_call(caller, *at, &call)) {
		struct grf_code_function *callee = grf_code_function_at(code, call.target);

		*at = call.at + 1;
		if (callee)
			return callee;
	}
	return NULL;
}

static grf_entry_callee_at entry_callee;

grf_register_set grf_code_taken_by(struct grf_code_types *code, struct grf_code_function *function)
{
	struct grf_code machine_code;

	if (function->takes)
		return function->takes;
	function->takes = GRF_ALL_REGISTERS;
	machine_code = grf_code_of_function(code, function);
	if (machine_code.bytes && code->depth < DEPTH_MAX) {
		code->depth++;
		function->takes =
		    grf_code_flow(code)->entry_registers(&machine_code, entry_callee, code) |
		    grf_code_flow(code)->none;
		code->depth--;
	}
	return function->takes;
}

static struct grf_entry_callee entry_callee(void *context, uint64_t target)
{
	struct grf_code_types *code = context;
	struct grf_code_function *function = grf_code_function_at(code, target);

	if (!function)
		return (struct grf_entry_callee){false, GRF_ALL_REGISTERS};
	if (function->kind == GRF_CALLEE_MORE_STACK)
		return (struct grf_entry_callee){true, 0};
	if (function->kind == GRF_CALLEE_MORE_STACK_CONTEXT)
		return (struct grf_entry_callee){true, grf_code_flow(code)->context};
	return (struct grf_entry_callee){false, grf_code_taken_by(code, function)};
}

/* --- what the flow of a function asks and tells ----------------------------------------------- */

bool grf_code_in_data(const struct grf_code_types *code, uint64_t address)
{
	for (size_t i = 0; i < code->types->modules->count; i++) {
		const struct grf_module *module = &code->types->modules->items[i];

		if ((address >= module->data && address < module->edata) ||
		    (address >= module->bss && address < module->ebss))
			return true;
	}
	return false;
}

struct grf_code_word *grf_code_word_at(struct grf_code_follower *follower, uint64_t address)
{
	const struct grf_code_types *code = follower->code;
	struct grf_code_word *word;

	if (code->results_only || !grf_code_in_data(code, address))
		return NULL;
	HASH_FIND(hh, follower->finding, &address, sizeof(address), word);
	if (word)
		return word;
	word = HASH_COUNT(follower->finding) < GRF_CODE_WORDS_MAX ? calloc(1, sizeof(*word)) : NULL;
	if (!word) {
		follower->no_memory = true;
		return NULL;
	}
	word->address = address;
	word->value = word->used = grf_flow_make(GRF_FLOW_UNSET, 0);
	HASH_ADD(hh, follower->finding, address, sizeof(word->address), word);
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
	return registers[grf_code_flow(code)->result_registers[number]];
}

/* The map that a word of a data segment led to is worked on as one of some type. */
static void note_use(struct grf_code_follower *follower, const grf_flow_value *registers)
{
	grf_flow_value map =
	    made_value(GRF_FLOW_CONTAINER, argument_value(follower->code, registers, 0));
	struct grf_code_word *word;

	if (!map || grf_flow_is_given(map) ||
	    grf_flow_kind(argument_value(follower->code, registers, 1)) != GRF_FLOW_LOADED)
		return;
	word = grf_code_word_at(follower,
				grf_flow_address(argument_value(follower->code, registers, 1)));
	if (word)
		word->used = grf_flow_join(word->used, map);
}

static void on_plain_call(struct grf_code_follower *follower, struct grf_code_function *function,
			  const grf_flow_value *registers, struct grf_flow_call *ret)
{
	const grf_flow_value *results = grf_code_results_of(follower, function)->values;

	ret->args_size = function->args;
	ret->takes = grf_code_taken_by(follower->code, function);
	for (unsigned int i = 0; i < GRF_FLOW_RESULTS; i++)
		ret->results[i] = grf_flow_is_given(results[i])
				      ? grf_given_type(follower->code->types, results[i], registers)
				      : results[i];
}

static void on_call(void *context, uint64_t target, const grf_flow_value *registers,
		    struct grf_flow_call *ret)
{
	struct grf_code_follower *follower = context;
	const struct grf_code_types *code = follower->code;
	struct grf_code_function *function = target ? function_around(code, target) : NULL;
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
		ret->results[0] =
		    made_value(GRF_FLOW_OBJECT, argument_value(follower->code, registers, 0));
		break;
	case GRF_CALLEE_OBJECT_SECOND:
		ret->results[0] =
		    made_value(GRF_FLOW_OBJECT, argument_value(follower->code, registers, 1));
		break;
	case GRF_CALLEE_CONTAINER:
		ret->results[0] =
		    made_value(GRF_FLOW_CONTAINER, argument_value(follower->code, registers, 0));
		break;
	case GRF_CALLEE_ARRAY:
		ret->results[0] =
		    made_value(GRF_FLOW_ARRAY, argument_value(follower->code, registers, 0));
		break;
	case GRF_CALLEE_GROW:
		ret->results[0] =
		    made_value(GRF_FLOW_ARRAY, argument_value(follower->code, registers,
							      last ? GROWSLICE_TYPE_LAST : 0));
		break;
	case GRF_CALLEE_ANY_MAP:
		break;
	case GRF_CALLEE_MAP:
		note_use(follower, registers);
		on_plain_call(follower, function, registers, ret);
		break;
	case GRF_CALLEE_MORE_STACK:
	case GRF_CALLEE_MORE_STACK_CONTEXT:
	case GRF_CALLEE_PLAIN:
		on_plain_call(follower, function, registers, ret);
		break;
	}
}

static grf_flow_value on_address(void *context, uint64_t address)
{
	const struct grf_code_follower *follower = context;
	const struct grf_code_types *code = follower->code;
	const struct grf_segment *segment;

	if (grf_code_in_data(code, address))
		return grf_flow_make(GRF_FLOW_DATA, address);
	if (!(address % 8) && grf_modules_by_type(code->types->modules, address))
		return grf_flow_make(GRF_FLOW_DESCRIPTOR, address);
	segment = grf_image_find(code->types->image, address);
	return segment && !(segment->flags & GRF_SEGMENT_WRITE)
		   ? grf_flow_make(GRF_FLOW_CONSTANT, address)
		   : 0;
}

grf_flow_value grf_code_load(const struct grf_code_types *code, uint64_t address)
{
	const struct grf_code_word *word;

	HASH_FIND(hh, code->words, &address, sizeof(address), word);
	if (word && !word->escaped && grf_flow_is_object(word->value))
		return word->value;
	return grf_code_in_data(code, address) ? grf_flow_make(GRF_FLOW_LOADED, address) : 0;
}

static grf_flow_value on_load(void *context, uint64_t address)
{
	const struct grf_code_follower *follower = context;

	return grf_code_load(follower->code, address);
}

/* A write that is not of a whole word is one to each word that it may touch. */
static void on_store(void *context, uint64_t address, grf_flow_value value)
{
	struct grf_code_follower *follower = context;
	struct grf_code_word *word = grf_code_word_at(follower, address & ~UINT64_C(7));

	if (address % 8) {
		struct grf_code_word *next = grf_code_word_at(follower, (address | 7) + 1);

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
	struct grf_code_word *word = grf_code_word_at(context, address & ~UINT64_C(7));

	if (word)
		word->escaped = true;
}

void grf_code_words_free(struct grf_code_word **words)
{
	struct grf_code_word *word, *next;

	HASH_ITER (hh, *words, word, next) {
		HASH_DEL(*words, word);
		free(word);
	}
}

/* --- one function ----------------------------------------------------------------------------- */

struct grf_flow *grf_code_follow(struct grf_code_follower *follower,
				 const struct grf_code_function *function)
{
	const struct grf_code_types *code = follower->code;
	const struct grf_flow_context context = {on_call,   on_address, on_load,          on_store,
						 on_escape, follower,   &follower->budget};
	const struct grf_code machine_code = grf_code_of_function(code, function);
	struct grf_flow *flow;

	if (!machine_code.bytes)
		return NULL;
	flow = grf_code_flow(code)->create(&machine_code, &context);
	if (!flow)
		grf_code_flow(code)->refuse(&machine_code, &context);
	return flow;
}
