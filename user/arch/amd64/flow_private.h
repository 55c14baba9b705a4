/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the files that follow code: what is known at an instruction, and how it is looked at
 * and changed. */
#ifndef GRF_ARCH_AMD64_FLOW_PRIVATE_H
#define GRF_ARCH_AMD64_FLOW_PRIVATE_H

#include "arch/amd64/flow.h"
#include "arch/amd64/instructions.h"
#include "base/array.h"

#define FRAME_MAX 4096 /* bytes; slots beyond are unknown */
#define UNKNOWN   0u   /* GRF_FLOW_UNKNOWN of nothing */

/* Registers, then the slots of the frame from the lowest on. */
struct grf_flow_state {
	bool reached;
	int64_t stack; /* rsp, from where the return address stands */
	grf_flow_value *values;
};

struct grf_flow {
	uint64_t length, entry;
	GRF_ARRAY(struct grf_instruction) instructions; /* of all its code, from the entry on */
	struct grf_flow_context context;
	uint32_t *targets; /* offsets, in order */
	struct grf_flow_state *states;
	size_t target_count;
	grf_flow_value *memory; /* of all states, the one at work last */
	uint32_t value_count;   /* of each state */
	int64_t lowest;         /* offset of the first slot */
	int64_t exposed;        /* slots from here on have had their address taken */
	grf_flow_value put;     /* into the frame by an address in it, all of it */
	bool leaked;            /* such an address is where it is not followed */
	struct grf_flow_state now;
	grf_flow_value results[GRF_FLOW_RESULTS];
	bool changed;
	bool failed;
	bool quiet; /* looks only: nothing is told */
};

grf_flow_value *grf_flow_slot_at(struct grf_flow *flow, int64_t offset);

grf_flow_value grf_flow_read_slot(struct grf_flow *flow, int64_t offset);

/* The address of data is where it is not followed. */
void grf_flow_tell_data(struct grf_flow *flow, grf_flow_value value);

/* So is that of an operand, by the registers that it is of. */
void grf_flow_tell_indexed(struct grf_flow *flow, const struct grf_instruction *at);

/* So is any other address that is followed. */
void grf_flow_tell_escape(struct grf_flow *flow, grf_flow_value value);

/* Writes `bytes` from `offset` on; a word that is written in part is unknown. */
void grf_flow_write_slots(struct grf_flow *flow, int64_t offset, uint64_t bytes,
			  grf_flow_value value);

/* Writes `bytes` somewhere in the frame. What is less than a word is no part of a pointer: the
 * compiler writes those at once. */
void grf_flow_put_somewhere(struct grf_flow *flow, uint64_t bytes, grf_flow_value value);

void grf_flow_expose(struct grf_flow *flow, int64_t offset);

/* Takes from what work is allowed. False: none is left. */
bool grf_flow_afford(struct grf_flow *flow, uint64_t work);

/* Joins what is known now into what is known at a target. `back`: the pass at hand has been there
 * already, and so a change asks for a further one. */
void grf_flow_merge_into(struct grf_flow *flow, struct grf_flow_state *to, bool back);

struct grf_flow_state *grf_flow_state_at(const struct grf_flow *flow, uint64_t offset);

void grf_flow_set_register(struct grf_flow *flow, unsigned int reg, grf_flow_value value);

bool grf_flow_on_stack(const struct grf_instruction *at);

bool grf_flow_has_kind(const struct grf_flow *flow, unsigned int reg, enum grf_flow_kind kind);

/* Whether an operand is where an address in the frame, or an index to one, leads. */
bool grf_flow_somewhere_in_frame(const struct grf_flow *flow, const struct grf_instruction *at);

/* Where in a data segment an operand is, if that is known. */
bool grf_flow_in_data(const struct grf_flow *flow, const struct grf_instruction *at, uint64_t next,
		      uint64_t *ret);

/* The operand that may be in memory, of 8 bytes, as it is read. */
grf_flow_value grf_flow_operand(struct grf_flow *flow, const struct grf_instruction *at,
				uint64_t next);

/* Writes `bytes` to the operand that may be in memory. */
void grf_flow_write_operand(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next,
			    uint64_t bytes, grf_flow_value value);

/* What an instruction computes from a register is not followed, nor is what it may be used for. */
void grf_flow_spoil(struct grf_flow *flow, unsigned int reg);

void grf_flow_spoil_all(struct grf_flow *flow);

/* What a register is told to hold whatever it held before. */
void grf_flow_overwrite(struct grf_flow *flow, const struct grf_instruction *at);

void grf_flow_take(struct grf_flow *flow, const struct grf_instruction *at, uint64_t next);

#endif
