/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked of machine code, whatever its architecture. */
#ifndef GRF_ARCH_CODE_H
#define GRF_ARCH_CODE_H

#include <stddef.h>
#include <stdint.h>

/** Bytes of machine code as an image has them; borrowed. */
struct grf_code {
	const uint8_t *bytes;
	uint64_t length;
	uint64_t address; /* of the first */
};

/** An instruction, or what looks like one, that names an address. */
struct grf_code_reference {
	uint64_t at, end; /* offsets: of its first byte, and behind it */
	uint64_t target;
};

/** No offset in a closure object. */
#define GRF_CLOSURE_OFFSET_UNKNOWN UINT64_MAX
/** No closure object is larger, and no offset in one; bytes. */
#define GRF_CLOSURE_OFFSET_MAX (1 << 20)
#define GRF_CLOSURE_STORES     128

/** What a closure's function copies from the closure object to its frame before anything else. */
struct grf_closure_stores {
	int64_t cfa; /* from the stack pointer of its body to its canonical frame address; 0: not
			seen */
	size_t count;
	struct grf_closure_store {
		int64_t slot;    /* offset from the stack pointer */
		uint64_t offset; /* in the closure object, of the word that was put there */
	} items[GRF_CLOSURE_STORES];
};

/** A closure object that a function keeps in its frame. */
struct grf_stack_closure {
	int64_t offset; /* from the canonical frame address */
	uint64_t entry; /* of the closure's function */
};

#endif
