/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What registers and frames hold, from the machine code of a function, as far as that is the same
 * on every architecture.
 *
 * A value made by the code has the type whose descriptor the allocator was given. From there it is
 * followed through registers, the slots of the frame, and back over every branch until nothing
 * changes. Where two ways meet with different values, or an instruction does what is not modelled,
 * the value is unknown. So what is said holds for every run of the function.
 *
 * Slots from the lowest on whose address the code takes are written to by that address, or by an
 * index, too: what they hold is what the code last put there by name, or whatever it puts anywhere
 * by an address in the frame. Where such an address leaves the function, they are unknown.
 */
#ifndef GRF_ARCH_FLOW_H
#define GRF_ARCH_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/code.h"
#include "base/load.h"

/* Distances have a sign. */
#define GRF_FLOW_WORD ((int)GRF_WORD_BYTES)

/* What a register or a slot holds; the address of a descriptor, or of data, in the low 56 bits. */
enum grf_flow_kind {
	GRF_FLOW_UNKNOWN,
	GRF_FLOW_NIL,
	GRF_FLOW_OBJECT,     /* the beginning of a new value of the type, or nil */
	GRF_FLOW_CONTAINER,  /* what a new map or channel of the type points to, or nil */
	GRF_FLOW_ARRAY,      /* the beginning of a new array of the type, or nil */
	GRF_FLOW_IN_OBJECT,  /* somewhere in a new value of the type, or nil */
	GRF_FLOW_IN_ARRAY,   /* somewhere in a new array of the type, or nil */
	GRF_FLOW_DESCRIPTOR, /* the descriptor itself, or what may be one */
	GRF_FLOW_CONSTANT,   /* any other address in what nobody writes to */
	GRF_FLOW_DATA,       /* an address in a data segment */
	GRF_FLOW_LEFT_DATA,  /* one that a write barrier left in the register it had it in */
	GRF_FLOW_LOADED,     /* what the word of a data segment at the address held */
	GRF_FLOW_FRAME,      /* what may be an address in the function's frame */
	GRF_FLOW_UNSET,      /* nothing that is known of got there yet */
};

typedef uint64_t grf_flow_value;

static inline grf_flow_value grf_flow_make(enum grf_flow_kind kind, uint64_t address)
{
	return (uint64_t)kind << 56 | (address & (UINT64_MAX >> 8));
}

static inline enum grf_flow_kind grf_flow_kind(grf_flow_value value)
{
	return (enum grf_flow_kind)(value >> 56);
}

static inline uint64_t grf_flow_address(grf_flow_value value)
{
	return value & (UINT64_MAX >> 8);
}

/*
 * Generic code is given the types of what it makes: in a dictionary, an array of addresses in what
 * nobody writes to, of which some lead to further ones. In place of the address of a descriptor, a
 * value then has the way to it: the register that had the first address when the function began,
 * and up to GRF_FLOW_STEPS words that are loaded, one from behind the other. Who calls the function
 * knows what that is.
 */
#define GRF_FLOW_STEPS 3

/** What a register holds when the function begins, taken for a descriptor. */
grf_flow_value grf_flow_given(unsigned int reg);

/** Whether a value has a way in place of an address. */
static inline bool grf_flow_is_given(grf_flow_value value)
{
	return value >> 55 & 1;
}

/** The register that a way begins with. */
static inline unsigned int grf_flow_way_register(grf_flow_value value)
{
	return value >> 51 & 15;
}

/** The distance in bytes of the word that is loaded as the way's step `number`. False: the way has
 * no such step. */
bool grf_flow_way_step(grf_flow_value value, unsigned int number, uint64_t *ret_distance);

/** What is loaded `distance` bytes behind where a descriptor leads; unknown where the value has no
 * way, or the way would have too many steps or one that no dictionary is long enough for. */
grf_flow_value grf_flow_way_on(grf_flow_value descriptor, int64_t distance);

/** The same kind of value as `value` where its way begins with what `from` has a way to; unknown
 * where that has too many steps, or `from` none. */
grf_flow_value grf_flow_way_join(grf_flow_value value, grf_flow_value from);

/** Whether a value says what kind of object a pointer leads to. */
static inline bool grf_flow_is_object(grf_flow_value value)
{
	enum grf_flow_kind kind = grf_flow_kind(value);

	return kind >= GRF_FLOW_OBJECT && kind <= GRF_FLOW_IN_ARRAY;
}

/** What is known where either of two values may be. */
grf_flow_value grf_flow_join(grf_flow_value left, grf_flow_value right);

/** The same as what leads somewhere into an object: not to its beginning, in all that is known. */
grf_flow_value grf_flow_inside(grf_flow_value value);

/** How many registers, and how many of them with results, are followed. */
#define GRF_FLOW_REGISTERS 16
#define GRF_FLOW_RESULTS   9

/* A bit for each register, by its number in the encoding. */
typedef uint16_t grf_register_set;
#define GRF_ALL_REGISTERS UINT16_MAX

/** What is known of a function that another one calls. */
struct grf_entry_callee {
	bool grows_stack;       /* runtime.morestack, runtime.morestack_noctxt */
	grf_register_set reads; /* what it may look at */
};

typedef struct grf_entry_callee grf_entry_callee_at(void *context, uint64_t target);

/** What a call leaves behind. */
struct grf_flow_call {
	bool returns;         /* false: the code behind it is not reached from here */
	bool keeps_registers; /* all but one that no value is passed in */
	/* It stores the value of register `stored` where the register leads that the architecture's
	 * write barrier has for that. */
	bool stores;
	uint8_t stored;
	bool zeroes; /* what its first register leads to, and keeps all others */
	/* The registers whose addresses it may keep, or write to what they lead to. */
	grf_register_set takes;
	uint64_t args_size; /* bytes on the stack that the callee may have read and changed */
	grf_flow_value results[GRF_FLOW_RESULTS];
};

/** What the function's surroundings know, and are told. */
struct grf_flow_context {
	/* A direct call of `target`, 0: of what is not known; `registers` as at the call. *ret is
	 * set to what is true of any function, but that it has nothing on the stack. */
	void (*call)(void *context, uint64_t target, const grf_flow_value *registers,
		     struct grf_flow_call *ret);
	/* What the address of something in the image is: a descriptor, data, or a constant. */
	grf_flow_value (*address)(void *context, uint64_t address);
	/* A word of a data segment, as it is read; GRF_FLOW_LOADED if nothing is known of it. */
	grf_flow_value (*load)(void *context, uint64_t address);
	/* A word of a data segment is written, or its address goes where it is not followed: then
	 * words behind it may be written too. */
	void (*store)(void *context, uint64_t address, grf_flow_value value);
	void (*escape)(void *context, uint64_t address);
	void *context;
	/* Instructions and values that may still be looked at; goes down, to 0 where it is too
	 * little. */
	uint64_t *budget;
};

struct grf_flow;

/** How code of an architecture is followed. */
struct grf_arch_flow {
	/** The numbers of the registers that results come in, and arguments, in their order: Go's
	 * internal ABI. GRF_FLOW_RESULTS of them. */
	const uint8_t *result_registers;
	/** The register in which a closure's function finds its object. */
	grf_register_set context;
	/** One in which nothing is passed in any case: the stack pointer. */
	grf_register_set none;

	/** Whether the runtime's write barrier by that name ("runtime.gcWriteBarrierCX") stores a
	 * register, and which. */
	bool (*stored_by)(const char *barrier, uint8_t *ret);

	/**
	 * Follows a function.
	 * NULL: it is too large, jumps to where nobody knows, or budget or memory is out; nothing
	 * can be said of it. While it works it tells of stores and escapes as it meets them, once
	 * or more: what is stored at an address is the join of all that it was told.
	 */
	struct grf_flow *(*create)(const struct grf_code *code,
				   const struct grf_flow_context *context);
	void (*destroy)(struct grf_flow *flow);

	/** Tells of all that a function that is not to be followed may do to data: escapes of
	 * whatever its instructions name, and of what bytes within them would name. */
	void (*refuse)(const struct grf_code *code, const struct grf_flow_context *context);

	/** What all returns have in the result registers. All unset: it does not return. */
	void (*results)(const struct grf_flow *flow, grf_flow_value ret[GRF_FLOW_RESULTS]);

	/** What the word `offset` bytes from the canonical frame address holds at `pc`, an address
	 * within the call instruction or behind it, as frames have it. Goes through the code once
	 * more. */
	grf_flow_value (*slot)(struct grf_flow *flow, uint64_t pc, int64_t offset);

	/** The same for a register, as the call around `pc` finds it. */
	grf_flow_value (*value_of)(struct grf_flow *flow, uint64_t pc, unsigned int reg);

	/** The registers whose values a function may look at, but for the stack pointer. All:
	 * nobody knows. */
	grf_register_set (*entry_registers)(const struct grf_code *code,
					    grf_entry_callee_at *callee_at, void *context);
};

#endif
