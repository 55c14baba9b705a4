/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What differs from one architecture to the next, as far as an image tells it: a core is read on
 * whatever machine, so the `e_machine` of its ELF header chooses. What needs the machine itself,
 * as a thread of the target is to do something, stands in arch/live.h, and the compiler chooses.
 *
 * Every architecture that is handled has 64 bits and is little-endian.
 */
#ifndef GRF_ARCH_ARCH_H
#define GRF_ARCH_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/code.h"
#include "arch/flow.h"
#include "base/error.h"

/** Where in a thread's general registers some are. The registers are words, in the order of the
 * kernel's NT_PRSTATUS set (struct user_regs_struct), which cores and ptrace(2) have. */
struct grf_arch_registers {
	uint8_t count; /* of all words */
	uint8_t pc;
	uint8_t sp;
};

/** Where in the ucontext that the kernel lays for a signal handler the interrupted registers are;
 * bytes. Behind flags and link, at 16, stands the stack_t on every architecture. */
struct grf_arch_ucontext {
	uint16_t size; /* no less than this is there */
	uint16_t pc;
	uint16_t sp;
	uint16_t first; /* the first of the words that may hold pointers */
	uint16_t count; /* of those */
};

/** A frame whose stack pointer is known (struct stkframe in runtime/stkframe.go); addresses. */
struct grf_arch_frame {
	uint64_t fp;             /* the caller's stack pointer: the canonical frame address */
	uint64_t argp;           /* arguments that were given on the stack begin here */
	uint64_t varp;           /* locals end here */
	uint64_t return_address; /* of the word that holds it */
};

/** Reads 8 bytes of the target's memory. False: they are not there. */
typedef bool grf_arch_read(void *context, uint64_t address, uint64_t *ret);

/** Whether an address is in a data segment. */
typedef bool grf_arch_is_data(void *context, uint64_t address);

struct grf_arch {
	/** As Go names it (GOARCH). */
	const char *name;
	/** In the ELF headers of its programs and cores. */
	uint16_t machine;

	/** User addresses end here. */
	uint64_t address_limit;
	/** What is added to an address before it is divided into arenas: -arenaBaseOffset in
	 * runtime/malloc.go. */
	uint64_t arena_base;
	/** Bytes; all instructions begin at a multiple of it: PCQuantum in internal/runtime/sys,
	 * and in the head of the function table. */
	uint8_t quantum;
	/** Bytes at a caller's stack pointer that are the callee's, below its arguments:
	 * MinFrameSize in internal/runtime/sys. */
	uint8_t min_frame;
	/** The relocation that makes a word the load bias plus the addend. */
	uint32_t relative_relocation;

	struct grf_arch_registers registers;
	struct grf_arch_ucontext ucontext;

	/** The frame of a function that is at its `sp`, where the table pcsp says that it has taken
	 * `depth` bytes (runtime/traceback.go). */
	struct grf_arch_frame (*frame)(uint64_t sp, uint64_t depth);

	/** The address of the runtime.g that a thread with these registers says it runs, whose
	 * memory `read` reads; 0: it says none. */
	uint64_t (*running_g)(const uint64_t *registers, grf_arch_read *read, void *context);

	/** The first instruction from offset `from` on that takes the address of something; bytes
	 * that look like one count. False: none up to the end. */
	bool (*next_address)(const struct grf_code *code, uint64_t from,
			     struct grf_code_reference *ret);
	/** The same of calls whose target is in the instruction. */
	bool (*next_call)(const struct grf_code *code, uint64_t from,
			  struct grf_code_reference *ret);

	/** The first `capacity` addresses that the instructions name, one after the other from the
	 * first, up to what is none; returns how many were written. */
	size_t (*named_addresses)(const struct grf_code *code, uint64_t *ret, size_t capacity);

	/** Whether some instruction may name an address for which `is_data` is true, and not only
	 * read it: what has none neither stores there nor takes the address. Instructions are read
	 * from whatever byte on. */
	bool (*may_write)(const struct grf_code *code, grf_arch_is_data *is_data, void *context);

	/** What the beginning of a closure's function copies to its frame. */
	void (*closure_stores)(const struct grf_code *code, struct grf_closure_stores *ret);
	/** The offset in the closure object from which the instruction that ends at the offset
	 * `end` loads a register, which DWARF numbers so; GRF_CLOSURE_OFFSET_UNKNOWN. */
	uint64_t (*closure_load)(const struct grf_code *code, uint64_t end,
				 unsigned int dwarf_register);
	/** The first `capacity` of the closure objects that a function makes in its frame, of which
	 * closure_stores() told the size; returns how many were written. */
	size_t (*stack_closures)(const struct grf_code *code,
				 const struct grf_closure_stores *stores,
				 struct grf_stack_closure *ret, size_t capacity);

	/** How code is followed. */
	const struct grf_arch_flow *flow;
};

/** Those that images are read of. */
extern const struct grf_arch grf_arch_amd64;

/** All of them, *ret_count. */
const struct grf_arch *const *grf_archs(size_t *ret_count);

/** The one with an `e_machine`; NULL: it is not read. */
const struct grf_arch *grf_arch_by_machine(uint16_t machine);

/** How much of an ELF file grf_arch_of_elf() looks at; bytes. */
#define GRF_ARCH_ELF_BYTES 20

/**
 * The architecture of an ELF file that begins with `header`, of which GRF_ARCH_ELF_BYTES are there.
 * Errors: UNSUPPORTED; the message names `path`, the architecture and those that are read.
 */
struct grf_error *grf_arch_of_elf(const uint8_t *header, const char *path,
				  const struct grf_arch **ret);

#endif
