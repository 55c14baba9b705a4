/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In which registers a function may get something; private to the model.
 *
 * A function whose stack may have to grow calls runtime.morestack for that, and begins anew: what
 * it loads again behind that call is all that it looks at, beside what closures find in rdx where
 * it is not runtime.morestack_noctxt (cmd/internal/obj/x86/obj6.go, Go 1.17 to 1.27). Of others the
 * first instructions tell, up to a branch or a call.
 */
#ifndef GRF_MODEL_CODE_ENTRY_REGISTERS_H
#define GRF_MODEL_CODE_ENTRY_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>

/* A bit for each register, by its number in the encoding. */
typedef uint16_t grf_register_set;
#define GRF_ALL_REGISTERS UINT16_MAX
/** In which a closure's function finds its object: rdx. */
#define GRF_CONTEXT_REGISTER (1u << 2)
/** In which nothing is passed in any case, as it is the stack pointer: rsp. */
#define GRF_NO_REGISTER_TAKEN (1u << 4)

/** What is known of a function that another one calls. */
struct grf_entry_callee {
	bool grows_stack;       /* runtime.morestack, runtime.morestack_noctxt */
	grf_register_set reads; /* what it may look at */
};

typedef struct grf_entry_callee grf_entry_callee_at(void *context, uint64_t target);

/**
 * The registers whose values a function of `length` bytes of machine code at `code`, which stands
 * at `entry`, may look at, but for the stack pointer. All: nobody knows.
 */
grf_register_set grf_entry_registers(const uint8_t *code, uint64_t length, uint64_t entry,
				     grf_entry_callee_at *callee_at, void *context);

#endif
