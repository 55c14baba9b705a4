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
#include <uthash.h>

#include "model/types/flow/code_types.h"
#include "model/types/flow/code_private.h"
#include "model/types/flow/special_callees.h"

#define TEXT_MAX      (UINT64_C(64) << 20) /* more code than this is not gone through */
#define WORK_PER_BYTE 128                  /* of code; a tenth of it is what programs need */
#define FRAMES_MAX    (1u << 16)
/* Registers stand for offsets from here on, which no frame has. */
#define FRAME_REGISTERS (INT64_MAX - GRF_FLOW_REGISTERS)

void grf_code_types_destroy(struct grf_code_types *code)
{
	struct grf_frame_word *frame, *next;

	if (!code)
		return;
	HASH_ITER (hh, code->frames, frame, next) {
		HASH_DEL(code->frames, frame);
		free(frame);
	}
	grf_code_words_free(&code->words);
	grf_array_free(&code->functions);
	free(code);
}

/* --- functions -------------------------------------------------------------------------------- */

/* Lists the functions of a module. False: out of memory, or it has more code than is looked at. */
static bool list_functions(struct grf_code_types *code, const struct grf_module *module)
{
	uint64_t end = module->maxpc < module->etext ? module->maxpc : module->etext;
	struct grf_function function;

	if (module->etext < module->text || module->etext - module->text > TEXT_MAX)
		return false;
	for (uint64_t pc = module->text; pc < end; pc = function.end) {
		struct grf_code_function *added;

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
				grf_code_flow(code)->stored_by(function.name, &added->stored);
		added->recovers = function.deferreturn != 0;
		added->args = function.args_size > 0 ? (uint32_t)function.args_size : 0;
	}
	return true;
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
		      grf_code_by_entry);
	grf_code_go_through(code);
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
	const struct grf_code_word *word;

	if (!code)
		return false;
	if (resolve_value(types, grf_code_load(code, address), ret))
		return true;
	HASH_FIND(hh, code->words, &address, sizeof(address), word);
	if (!word || !resolve_value(types, word->used, ret))
		return false;
	ret->by_use = true;
	return true;
}

/* Frames are looked at when all code has been gone through. */
static grf_flow_value find_in_frame(struct grf_code_types *code, const struct grf_frame_key *key)
{
	struct grf_function around;
	struct grf_code_follower follower = {
	    .code = code, .at = code->functions.count, .budget = code->budget};
	const struct grf_code_function *function;
	struct grf_flow *flow;
	grf_flow_value value = 0;

	if (!grf_pclntab_find(code->types->table, key->pc, &around))
		return 0;
	function = grf_code_function_at(code, around.entry);
	flow = function ? grf_code_follow(&follower, function) : NULL;
	if (flow)
		value = key->offset >= FRAME_REGISTERS
			    ? grf_code_flow(code)->value_of(
				  flow, key->pc, (unsigned int)(key->offset - FRAME_REGISTERS))
			    : grf_code_flow(code)->slot(flow, key->pc, key->offset);
	grf_code_flow(code)->destroy(flow);
	code->budget = follower.budget;
	return value;
}

/* What a slot or register holds at a pc; remembered. */
static grf_flow_value in_frame(struct grf_types *types, struct grf_frame_key key)
{
	struct grf_code_types *code = code_of(types);
	struct grf_frame_word *found;

	if (!code || code->nothing || !code->functions.count)
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
	const struct grf_frame_key key = {pc, (int64_t)(address - cfa)};

	return key.offset < FRAME_REGISTERS && resolve_value(types, in_frame(types, key), ret);
}

uint64_t grf_types_argument(struct grf_types *types, uint64_t pc, unsigned int number)
{
	grf_flow_value value;

	if (number >= GRF_FLOW_RESULTS)
		return 0;
	value = in_frame(types,
			 (struct grf_frame_key){
			     pc, FRAME_REGISTERS +
				     grf_image_arch(types->image)->flow->result_registers[number]});
	/* Between the descriptors of types there is more, such as dictionaries. */
	return !grf_flow_is_given(value) && (grf_flow_kind(value) == GRF_FLOW_CONSTANT ||
					     grf_flow_kind(value) == GRF_FLOW_DESCRIPTOR)
		   ? grf_flow_address(value)
		   : 0;
}
