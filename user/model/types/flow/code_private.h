/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files that go through the program's code share; private to them. */
#ifndef GRF_MODEL_TYPES_FLOW_CODE_PRIVATE_H
#define GRF_MODEL_TYPES_FLOW_CODE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "arch/arch.h"
#include "base/array.h"
#include "model/types/types_parts.h"

#define GRF_CODE_WORDS_MAX (1u << 22)

/* What a function returns, and when that changed last, by the clock; 0: never. */
struct grf_code_results {
	uint64_t changed;
	grf_flow_value values[GRF_FLOW_RESULTS];
};

struct grf_code_function {
	uint64_t entry, end;
	uint8_t kind;  /* enum grf_callee */
	bool recovers; /* may return after a panic, from another place */
	bool stores;   /* a write barrier that stores the register `stored` */
	uint8_t stored;
	grf_register_set takes;         /* what it may look at; none: not asked yet */
	uint32_t args;                  /* bytes on the stack */
	uint64_t followed;              /* when it was followed last, by the clock; 0: never */
	struct grf_code_results before; /* when the round at hand began */
	struct grf_code_results now;
};

struct grf_code_word {
	uint64_t address;
	grf_flow_value value;
	grf_flow_value used; /* as the map that the code takes it for */
	bool escaped;
	UT_hash_handle hh;
};

struct grf_frame_word {
	struct grf_frame_key {
		uint64_t pc;
		int64_t offset;
	} key;
	grf_flow_value value;
	UT_hash_handle hh;
};

struct grf_code_types {
	struct grf_types *types;
	GRF_ARRAY(struct grf_code_function) functions; /* by entry */
	struct grf_code_word *words;                   /* when all code has been gone through */
	struct grf_frame_word *frames;
	uint64_t budget;
	unsigned int depth; /* of functions that are asked what they look at */
	bool results_only;  /* what is stored is not asked for */
	bool nothing;       /* is known: memory or the budget is out */
};

/* One that follows functions: a thread has its own. */
struct grf_code_follower {
	struct grf_code_types *code;
	size_t at;                     /* the function; behind the last: all rounds are over */
	struct grf_code_word *finding; /* what is stored */
	uint64_t budget;
	bool no_memory;
};

/* --- code_follow.c ---------------------------------------------------------------------------- */

/* Orders functions. */
int grf_code_by_entry(const void *left, const void *right);

/* The function that begins at an address, or NULL. */
struct grf_code_function *grf_code_function_at(const struct grf_code_types *code, uint64_t entry);

/* The code of a function; without bytes where it is not there. */
struct grf_code grf_code_of_function(const struct grf_code_types *code,
				     const struct grf_code_function *function);

/* The next function that code calls from the offset *at on; *at goes behind the call. NULL: none
 * that is known. What looks like a call may be in the midst of an instruction. */
struct grf_code_function *grf_code_next_callee(const struct grf_code_types *code,
					       const struct grf_code *caller, uint64_t *at);

/* What is known of the results of a function, for the one that is followed: what this round has
 * shown of those before it, and what the last one has shown of the others. So it does not matter
 * which of them are being followed by others. */
const struct grf_code_results *grf_code_results_of(const struct grf_code_follower *follower,
						   const struct grf_code_function *function);

/* What a function may look at. While it is being asked, and where it is not there: anything. */
grf_register_set grf_code_taken_by(struct grf_code_types *code, struct grf_code_function *function);

bool grf_code_in_data(const struct grf_code_types *code, uint64_t address);

/* What the word at an address holds when it is loaded. */
grf_flow_value grf_code_load(const struct grf_code_types *code, uint64_t address);

/* The word at an address, which is added where it is not there. NULL: it is in no data segment, or
 * there is no room. */
struct grf_code_word *grf_code_word_at(struct grf_code_follower *follower, uint64_t address);

void grf_code_words_free(struct grf_code_word **words);

/* Follows a function; NULL: nothing is known of it. */
struct grf_flow *grf_code_follow(struct grf_code_follower *follower,
				 const struct grf_code_function *function);

/* --- code_rounds.c ---------------------------------------------------------------------------- */

/* Goes through all code. Where budget or memory is out, nothing is known. */
void grf_code_go_through(struct grf_code_types *code);

static inline const struct grf_arch_flow *grf_code_flow(const struct grf_code_types *code)
{
	return grf_image_arch(code->types->image)->flow;
}

#endif
