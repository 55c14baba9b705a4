/* SPDX-License-Identifier: BSD-2-Clause */
/* The way through a function: in passes, until nothing changes, and to one pc that is asked for. */
#include <stdlib.h>
#include <string.h>

#include "arch/amd64/flow_private.h"

#define FUNCTION_MAX (UINT64_C(1) << 18) /* bytes of code */
#define TARGETS_MAX  4096                /* of branches */
#define STATE_BYTES  (UINT64_C(32) << 20)
#define ABOVE_BYTES  128 /* return address and what arguments are spilled to */
#define PASSES       32
#define NOT_EXPOSED  INT64_MAX

static int by_offset(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return a < b ? -1 : a > b;
}

/* The frame's words are none that is in use before the code writes them. Arguments come in the
 * registers of results. */
static void begin_flow(struct grf_flow *flow)
{
	flow->now.reached = true;
	flow->now.stack = 0;
	memset(flow->now.values, 0, flow->value_count * sizeof(*flow->now.values));
	for (int64_t at = flow->lowest; at < 0; at += GRF_FLOW_WORD)
		*grf_flow_slot_at(flow, at) = grf_flow_make(GRF_FLOW_UNSET, 0);
	for (unsigned int i = 0; i < GRF_FLOW_RESULTS; i++)
		flow->now.values[grf_flow_result_registers[i]] =
		    grf_flow_given(grf_flow_result_registers[i]);
}

/* Goes through the code once, up to `stop` bytes of it. */
static void pass_code(struct grf_flow *flow, uint64_t stop)
{
	uint64_t offset = 0;
	size_t target = 0;

	begin_flow(flow);
	for (size_t i = 0; i < flow->instructions.count && !flow->failed; i++) {
		const struct grf_instruction *at = &flow->instructions.items[i];

		while (target < flow->target_count && flow->targets[target] < offset)
			target++;
		if (target < flow->target_count && flow->targets[target] == offset) {
			struct grf_flow_state *saved = &flow->states[target];

			grf_flow_merge_into(flow, saved, false);
			flow->now.reached = saved->reached;
			flow->now.stack = saved->stack;
			memcpy(flow->now.values, saved->values,
			       flow->value_count * sizeof(*saved->values));
		}
		offset += at->length;
		if (offset > stop)
			return;
		if (flow->now.reached && grf_flow_afford(flow, 1))
			grf_flow_take(flow, at, flow->entry + offset);
	}
}

static bool is_branch(const struct grf_instruction *at)
{
	if (at->map == GRF_OPCODES_0F)
		return at->opcode >= 0x80 && at->opcode <= 0x8f;
	return at->map == GRF_OPCODES_ONE_BYTE &&
	       (at->opcode == 0xe9 || at->opcode == 0xeb || (at->opcode & 0xf0) == 0x70 ||
		at->opcode == 0xe3);
}

/* Reads the instructions: what branches lead to, and how much of the stack the function takes.
 * False: it is none to follow. */
static bool survey_code(struct grf_flow *flow, const uint8_t *code)
{
	struct grf_instruction at;
	int64_t frame = 0;
	size_t kept = 0;

	flow->targets = malloc((TARGETS_MAX + 1) * sizeof(*flow->targets));
	if (!flow->targets)
		return false;
	for (uint64_t offset = 0; offset < flow->length; offset += at.length) {
		struct grf_instruction *added;
		uint64_t target;

		if (!grf_instruction_read(code + offset, flow->length - offset, &at))
			return false;
		added = grf_array_add(&flow->instructions);
		if (!added)
			return false;
		*added = at;
		if (at.map == GRF_OPCODES_ONE_BYTE && (at.opcode == 0x83 || at.opcode == 0x81) &&
		    !at.is_memory && at.base == GRF_RSP) {
			int64_t taken = at.immediate < 0 ? -at.immediate : at.immediate;

			frame = taken > frame ? taken : frame;
		}
		target = offset + at.length + (uint64_t)at.immediate;
		if (!is_branch(&at) || target >= flow->length)
			continue;
		if (flow->target_count == TARGETS_MAX)
			return false;
		flow->targets[flow->target_count++] = (uint32_t)target;
	}
	qsort(flow->targets, flow->target_count, sizeof(*flow->targets), by_offset);
	for (size_t i = 0; i < flow->target_count; i++)
		if (!kept || flow->targets[kept - 1] != flow->targets[i])
			flow->targets[kept++] = flow->targets[i];
	flow->target_count = kept;
	frame = (frame < FRAME_MAX ? frame : FRAME_MAX) + (int64_t)4 * GRF_FLOW_WORD;
	flow->lowest = -(frame & ~(int64_t)(GRF_FLOW_WORD - 1));
	flow->value_count =
	    GRF_FLOW_REGISTERS + (uint32_t)((ABOVE_BYTES - flow->lowest) / GRF_FLOW_WORD);
	return true;
}

static bool make_room(struct grf_flow *flow)
{
	uint64_t values = (flow->target_count + 1) * (uint64_t)flow->value_count;

	if (values * sizeof(*flow->memory) > STATE_BYTES)
		return false;
	flow->memory = calloc(values, sizeof(*flow->memory));
	flow->states = calloc(flow->target_count + 1, sizeof(*flow->states));
	if (!flow->memory || !flow->states)
		return false;
	for (size_t i = 0; i < flow->target_count; i++)
		flow->states[i].values = flow->memory + i * flow->value_count;
	flow->now.values = flow->memory + flow->target_count * flow->value_count;
	return true;
}

struct grf_flow *grf_flow_create(const struct grf_code *code,
				 const struct grf_flow_context *context)
{
	struct grf_flow *flow;
	int passes = 0;

	if (code->length > FUNCTION_MAX)
		return NULL;
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return NULL;
	*flow = (struct grf_flow){
	    .length = code->length,
	    .entry = code->address,
	    .context = *context,
	    .exposed = NOT_EXPOSED,
	    .put = grf_flow_make(GRF_FLOW_UNSET, 0),
	};
	flow->failed = !survey_code(flow, code->bytes) || !make_room(flow);
	do {
		if (flow->failed || passes++ == PASSES) {
			grf_flow_destroy(flow);
			return NULL;
		}
		for (unsigned int i = 0; i < GRF_FLOW_RESULTS; i++)
			flow->results[i] = grf_flow_make(GRF_FLOW_UNSET, 0);
		flow->changed = false;
		pass_code(flow, code->length);
	} while (flow->changed || flow->failed);
	return flow;
}

void grf_flow_refuse(const struct grf_code *code, const struct grf_flow_context *context)
{
	struct grf_instruction at;

	for (uint64_t offset = 0; offset < code->length; offset++) {
		uint64_t address;

		if (!grf_instruction_read(code->bytes + offset, code->length - offset, &at) ||
		    !at.rip)
			continue;
		address = code->address + offset + at.length + (uint64_t)(int64_t)at.displacement;
		if (at.map == GRF_OPCODES_ONE_BYTE &&
		    (at.opcode == 0x8b || (at.opcode >= 0x38 && at.opcode <= 0x3d)))
			continue;
		context->escape(context->context, address);
	}
}

void grf_flow_destroy(struct grf_flow *flow)
{
	if (!flow)
		return;
	grf_array_free(&flow->instructions);
	free(flow->targets);
	free(flow->states);
	free(flow->memory);
	free(flow);
}

void grf_flow_results(const struct grf_flow *flow, grf_flow_value ret[GRF_FLOW_RESULTS])
{
	memcpy(ret, flow->results, sizeof(flow->results));
}

/* Goes through the code up to the instruction around `pc`. False: it does not get there. */
static bool go_to(struct grf_flow *flow, uint64_t pc)
{
	if (pc < flow->entry || pc - flow->entry >= flow->length)
		return false;
	flow->quiet = true;
	pass_code(flow, pc - flow->entry);
	flow->quiet = false;
	return flow->now.reached && !flow->failed;
}

grf_flow_value grf_flow_slot(struct grf_flow *flow, uint64_t pc, int64_t offset)
{
	grf_flow_value value = go_to(flow, pc) ? grf_flow_read_slot(flow, offset) : UNKNOWN;

	return grf_flow_kind(value) == GRF_FLOW_UNSET ? UNKNOWN : value;
}

grf_flow_value grf_flow_register(struct grf_flow *flow, uint64_t pc, unsigned int reg)
{
	return reg < GRF_FLOW_REGISTERS && go_to(flow, pc) ? flow->now.values[reg] : UNKNOWN;
}

/* The return address stands just below the canonical frame address. */
static grf_flow_value slot_value(struct grf_flow *flow, uint64_t pc, int64_t offset)
{
	return grf_flow_slot(flow, pc, offset + GRF_FLOW_WORD);
}

/* runtime/asm_amd64.s, up to Go 1.20; later ones only note what is stored. */
static bool stored_by(const char *barrier, uint8_t *ret)
{
	static const struct {
		const char *name;
		uint8_t reg;
	} barriers[] = {
	    {"runtime.gcWriteBarrier", GRF_RAX},   {"runtime.gcWriteBarrierCX", GRF_RCX},
	    {"runtime.gcWriteBarrierDX", GRF_RDX}, {"runtime.gcWriteBarrierBX", GRF_RBX},
	    {"runtime.gcWriteBarrierBP", GRF_RBP}, {"runtime.gcWriteBarrierSI", GRF_RSI},
	    {"runtime.gcWriteBarrierR8", 8},       {"runtime.gcWriteBarrierR9", 9},
	};

	for (size_t i = 0; i < sizeof(barriers) / sizeof(*barriers); i++)
		if (!strcmp(barrier, barriers[i].name)) {
			*ret = barriers[i].reg;
			return true;
		}
	return false;
}

const struct grf_arch_flow grf_amd64_flow = {
    .result_registers = grf_flow_result_registers,
    .context = 1u << GRF_RDX,
    .none = 1u << GRF_RSP,
    .stored_by = stored_by,
    .create = grf_flow_create,
    .destroy = grf_flow_destroy,
    .refuse = grf_flow_refuse,
    .results = grf_flow_results,
    .slot = slot_value,
    .value_of = grf_flow_register,
    .entry_registers = grf_entry_registers,
};
