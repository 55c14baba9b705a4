/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goroutines, their frames, and the words of their stacks that are live pointers for the garbage
 * collector. Frames at safe points have stack maps and stack objects. A frame is read
 * conservatively where the runtime does so (asyncPreempt and the frame above it), or where a thread
 * was stopped between safe points.
 */
#ifndef GRF_MODEL_STACKS_GOROUTINES_H
#define GRF_MODEL_STACKS_GOROUTINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/error.h"
#include "image/image.h"
#include "model/code/modules.h"
#include "model/code/pclntab.h"
#include "model/release/layout.h"

/* One physical frame, innermost first within its goroutine. */
struct grf_met_functions;

struct grf_frame {
	uint64_t pc; /* return address, or the thread's pc when innermost */
	uint64_t
	    lookup_pc; /* for liveness and variables: pc - 1, or pc when innermost or interrupted */
	uint64_t sp;   /* lowest address of the frame */
	uint64_t fp;   /* canonical frame address: just above the return address */
	uint64_t varp; /* top of locals */
	uint64_t argp; /* bottom of incoming arguments */
	const struct grf_function *function; /* grf_goroutines.functions owns it */
	int32_t stack_map; /* index of the stack map of a call from here; below 0: none */
	bool conservative; /* no stack map used here */
};

/* A word of a stack that is a root. */
struct grf_stack_word {
	uint64_t address;
	uint32_t frame;    /* index into the goroutine's frames */
	bool conservative; /* may be no pointer at all */
};

/* A root of a goroutine that is in no stack word: a register, sched.ctxt, a defer's function. */
struct grf_goroutine_value {
	uint64_t value;
	uint32_t frame; /* index of its frame; 0 when none fits */
	enum {
		GRF_VALUE_REGISTER,     /* of a thread, or saved off the stack */
		GRF_VALUE_CONTEXT,      /* sched.ctxt: a *funcval */
		GRF_VALUE_DEFER,        /* a deferred *funcval */
		GRF_VALUE_DEFER_RECORD, /* a runtime._defer in the heap */
	} kind;
	bool conservative;
};

/* A value on a goroutine's stack that it waits to send, or to receive into, from its sudogs
 * (runtime/runtime2.go). */
struct grf_goroutine_wait {
	uint64_t address;    /* of the value */
	uint64_t descriptor; /* of its type: the channel's element type */
};

struct grf_goroutine {
	uint64_t address; /* of the runtime.g */
	uint64_t id;
	uint32_t status; /* without the scan bit */
	bool system;     /* the runtime's own */
	uint64_t stack_low, stack_high;
	uint64_t start_pc, creator_pc, parent_id;
	uint8_t wait_reason;
	pid_t tid;             /* the thread that runs it; 0 when none */
	const uint8_t *memory; /* of its stack; the image or the set owns it; NULL: missing */
	const char *failure;   /* why its stack could not be walked to its end, or NULL */
	struct grf_frame *frames;
	uint32_t frame_count;
	struct grf_stack_word *words; /* by address, each once */
	uint32_t word_count;
	struct grf_goroutine_value *values;
	uint32_t value_count;
	struct grf_goroutine_wait *waits;
	uint32_t wait_count;
};

struct grf_goroutines {
	struct grf_goroutine *items; /* in the order of runtime.allgs, dead ones left out */
	size_t count;
	size_t broken;                       /* how many have `failure` */
	size_t lost;                         /* of them, stacks that could not be read at all */
	struct grf_met_functions *functions; /* of all frames; owned */
	GRF_ARRAY(struct grf_assembled_stack {
		uint8_t *memory;
		uint64_t size;
	})
	assembled; /* stacks that the image has in pieces; owned */
};

/*
 * Reads all goroutines. `allgs` is the address of the runtime.allgs slice, `allm` that of
 * runtime.allm (0: unknown; threads are then matched by their stack pointers alone). A bad link or
 * bound ends the walk of one stack, not the call. Errors: BAD_INPUT, TORN, NO_MEMORY, INTERRUPTED.
 */
struct grf_error *grf_goroutines_read(const struct grf_image *image,
				      const struct grf_layout *layout,
				      const struct grf_modules *modules, struct grf_pclntab *table,
				      uint64_t allgs, uint64_t allm, struct grf_goroutines **ret);
void grf_goroutines_destroy(struct grf_goroutines *goroutines);

#endif
