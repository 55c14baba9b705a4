/* SPDX-License-Identifier: BSD-2-Clause */
/* The values of registers and of the slots of a frame, at one instruction. */
#include <string.h>

#include "arch/amd64/flow_private.h"

const uint8_t grf_flow_result_registers[GRF_FLOW_RESULTS] = {
    GRF_RAX, GRF_RBX, GRF_RCX, GRF_RDI, GRF_RSI, 8, 9, 10, 11};

struct grf_flow_state *grf_flow_state_at(const struct grf_flow *flow, uint64_t offset)
{
	size_t low = 0, high = flow->target_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (flow->targets[middle] < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low < flow->target_count && flow->targets[low] == offset ? &flow->states[low] : NULL;
}

grf_flow_value *grf_flow_slot_at(struct grf_flow *flow, int64_t offset)
{
	int64_t index = (offset - flow->lowest) / GRF_FLOW_WORD;

	if (offset < flow->lowest || offset % GRF_FLOW_WORD ||
	    index >= (int64_t)(flow->value_count - GRF_FLOW_REGISTERS))
		return NULL;
	return &flow->now.values[GRF_FLOW_REGISTERS + index];
}

grf_flow_value grf_flow_read_slot(struct grf_flow *flow, int64_t offset)
{
	const grf_flow_value *slot = grf_flow_slot_at(flow, offset);

	if (!slot || (offset >= flow->exposed && flow->leaked))
		return UNKNOWN;
	return offset < flow->exposed ? *slot : grf_flow_join(*slot, flow->put);
}

void grf_flow_tell_data(struct grf_flow *flow, grf_flow_value value)
{
	bool is_data =
	    grf_flow_kind(value) == GRF_FLOW_DATA || grf_flow_kind(value) == GRF_FLOW_LEFT_DATA;

	if (is_data && !flow->quiet)
		flow->context.escape(flow->context.context, grf_flow_address(value));
}

void grf_flow_tell_indexed(struct grf_flow *flow, const struct grf_instruction *at)
{
	if (at->base < GRF_FLOW_REGISTERS)
		grf_flow_tell_data(flow, flow->now.values[at->base]);
	if (at->index < GRF_FLOW_REGISTERS)
		grf_flow_tell_data(flow, flow->now.values[at->index]);
}

void grf_flow_tell_escape(struct grf_flow *flow, grf_flow_value value)
{
	grf_flow_tell_data(flow, value);
	if (grf_flow_kind(value) != GRF_FLOW_FRAME || flow->leaked)
		return;
	flow->leaked = true;
	flow->changed = true;
}

void grf_flow_write_slots(struct grf_flow *flow, int64_t offset, uint64_t bytes,
			  grf_flow_value value)
{
	int64_t first = offset & ~(int64_t)(GRF_FLOW_WORD - 1);
	bool whole = !(offset % GRF_FLOW_WORD) && !(bytes % GRF_FLOW_WORD);

	for (int64_t at = first; at < offset + (int64_t)bytes; at += GRF_FLOW_WORD) {
		grf_flow_value *slot = grf_flow_slot_at(flow, at);

		if (slot)
			*slot = whole ? value : UNKNOWN;
	}
	if (offset >= flow->exposed)
		grf_flow_tell_escape(flow, value);
}

void grf_flow_put_somewhere(struct grf_flow *flow, uint64_t bytes, grf_flow_value value)
{
	grf_flow_value joined = grf_flow_join(flow->put, value);

	grf_flow_tell_escape(flow, value);
	if (bytes < GRF_FLOW_WORD || joined == flow->put)
		return;
	flow->put = joined;
	flow->changed = true;
}

void grf_flow_expose(struct grf_flow *flow, int64_t offset)
{
	if (offset >= flow->exposed)
		return;
	flow->exposed = offset;
	flow->changed = true;
}

bool grf_flow_afford(struct grf_flow *flow, uint64_t work)
{
	if (*flow->context.budget < work) {
		*flow->context.budget = 0;
		flow->failed = true;
		return false;
	}
	*flow->context.budget -= work;
	return true;
}

/* Where `value` becomes `joined`: data whose address meets another value may be either. The code
 * does not use what a write barrier left in a register when another way leads there with another
 * value in it: no value of the source is a phi of the two
 * (cmd/compile/internal/ssa/writebarrier.go). */
static void tell_lost(struct grf_flow *flow, grf_flow_value value, grf_flow_value joined)
{
	if (grf_flow_kind(value) == GRF_FLOW_DATA && joined != value)
		grf_flow_tell_data(flow, value);
}

void grf_flow_merge_into(struct grf_flow *flow, struct grf_flow_state *to, bool back)
{
	bool changed = !to->reached;

	if (!flow->now.reached || !grf_flow_afford(flow, flow->value_count))
		return;
	if (!to->reached) {
		to->reached = true;
		to->stack = flow->now.stack;
		memcpy(to->values, flow->now.values, flow->value_count * sizeof(*to->values));
	}
	if (to->stack != flow->now.stack) {
		flow->failed = true;
		return;
	}
	for (uint32_t i = 0; i < flow->value_count; i++) {
		grf_flow_value joined;

		if (to->values[i] == flow->now.values[i])
			continue;
		joined = grf_flow_join(to->values[i], flow->now.values[i]);
		tell_lost(flow, flow->now.values[i], joined);
		if (joined != to->values[i]) {
			tell_lost(flow, to->values[i], joined);
			to->values[i] = joined;
			changed = true;
		}
	}
	flow->changed = flow->changed || (changed && back);
}

void grf_flow_set_register(struct grf_flow *flow, unsigned int reg, grf_flow_value value)
{
	if (reg < GRF_FLOW_REGISTERS && reg != GRF_RSP)
		flow->now.values[reg] = value;
}

bool grf_flow_on_stack(const struct grf_instruction *at)
{
	return at->is_memory && at->base == GRF_RSP && at->index == GRF_NO_REGISTER;
}

bool grf_flow_has_kind(const struct grf_flow *flow, unsigned int reg, enum grf_flow_kind kind)
{
	return reg < GRF_FLOW_REGISTERS && grf_flow_kind(flow->now.values[reg]) == kind;
}

bool grf_flow_somewhere_in_frame(const struct grf_flow *flow, const struct grf_instruction *at)
{
	return at->is_memory &&
	       (at->base == GRF_RSP || grf_flow_has_kind(flow, at->base, GRF_FLOW_FRAME) ||
		grf_flow_has_kind(flow, at->index, GRF_FLOW_FRAME));
}

bool grf_flow_in_data(const struct grf_flow *flow, const struct grf_instruction *at, uint64_t next,
		      uint64_t *ret)
{
	grf_flow_value base;

	if (!at->is_memory || at->index != GRF_NO_REGISTER)
		return false;
	if (at->rip) {
		*ret = next + (uint64_t)(int64_t)at->displacement;
		return true;
	}
	if (at->base >= GRF_FLOW_REGISTERS)
		return false;
	base = flow->now.values[at->base];
	if (grf_flow_kind(base) != GRF_FLOW_DATA)
		return false;
	*ret = grf_flow_address(base) + (uint64_t)(int64_t)at->displacement;
	return true;
}

grf_flow_value grf_flow_operand(struct grf_flow *flow, const struct grf_instruction *at,
				uint64_t next)
{
	uint64_t address;

	if (!at->is_memory)
		return flow->now.values[at->base & 15];
	if (grf_flow_on_stack(at)) {
		grf_flow_value value = grf_flow_read_slot(flow, flow->now.stack + at->displacement);

		return grf_flow_kind(value) == GRF_FLOW_UNSET ? UNKNOWN : value;
	}
	if (grf_flow_in_data(flow, at, next, &address))
		return flow->context.load(flow->context.context, address);
	if (at->base < GRF_FLOW_REGISTERS && at->index == GRF_NO_REGISTER)
		return grf_flow_way_on(flow->now.values[at->base], at->displacement);
	return UNKNOWN;
}

void grf_flow_write_operand(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next,
			    uint64_t bytes, grf_flow_value value)
{
	uint64_t address;

	if (!at->is_memory) {
		grf_flow_set_register(flow, at->base & 15, value);
		return;
	}
	if (grf_flow_on_stack(at)) {
		grf_flow_write_slots(flow, flow->now.stack + at->displacement, bytes, value);
		return;
	}
	/* A place on the stack that an index chooses. */
	if (at->base == GRF_RSP)
		grf_flow_expose(flow, flow->now.stack + at->displacement);
	if (grf_flow_somewhere_in_frame(flow, at))
		grf_flow_put_somewhere(flow, bytes, value);
	grf_flow_tell_escape(flow, value);
	if (flow->quiet)
		return;
	if (grf_flow_in_data(flow, at, next, &address)) {
		for (uint64_t i = 0; i < bytes; i += GRF_FLOW_WORD)
			flow->context.store(flow->context.context, address + i, value);
	} else {
		/* Data that an index chooses. */
		grf_flow_tell_indexed(flow, at);
	}
}

void grf_flow_spoil(struct grf_flow *flow, unsigned int reg)
{
	grf_flow_tell_escape(flow, flow->now.values[reg & 15]);
	grf_flow_set_register(flow, reg & 15, UNKNOWN);
}

void grf_flow_spoil_all(struct grf_flow *flow)
{
	for (unsigned int i = 0; i < GRF_FLOW_REGISTERS; i++)
		grf_flow_spoil(flow, i);
}

void grf_flow_overwrite(struct grf_flow *flow, const struct grf_instruction *at)
{
	if (!at->is_memory)
		grf_flow_tell_escape(flow, flow->now.values[at->base & 15]);
	grf_flow_set_register(flow, at->reg, UNKNOWN);
}
