/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frames of a Go stack, from the function table alone (runtime/traceback.go, amd64): at every
 * pc the table pcsp tells how far the stack pointer is below the return address, so that a frame
 * can be left from any instruction:
 *
 *	fp (canonical frame address) --> | arguments of the caller ...
 *	                          fp - 8 | return address
 *	                         fp - 16 | caller's frame pointer, where the frame is not empty
 *	                          varp --> | locals ...
 *	                            sp --> |
 */
#include "model/stacks/unwind.h"

/* abi.FuncFlag */
#define FLAG_TOP_FRAME 1
#define FLAG_SP_WRITE  2

#define WORD_BYTES 8u

/* No frame is larger than the largest stack that Go allows. */
#define MAX_FRAME (1 << 30)

/* Fills in a frame whose pc and sp are set. False: the function or its frame size is not known. */
static bool complete(const struct grf_pclntab *table, struct grf_frame *frame, bool interrupted,
		     bool below_signal)
{
	int32_t delta;

	if (!grf_pclntab_find(table, frame->pc, &frame->function) ||
	    !grf_pclntab_value(table, &frame->function, frame->function.pcsp, frame->pc, &delta,
			       NULL) ||
	    delta < 0 || delta > MAX_FRAME)
		return false;
	frame->fp = frame->sp + (uint64_t)delta + WORD_BYTES;
	frame->argp = frame->fp;
	frame->varp = frame->fp - WORD_BYTES;
	if (frame->varp > frame->sp)
		frame->varp -= WORD_BYTES;
	/* A return address may be the first instruction of something else; the call is before it. A
	 * pc that was interrupted, or whose function has not begun, is what it is. */
	frame->lookup_pc = frame->pc;
	if (!interrupted && !below_signal && frame->pc != frame->function.entry)
		frame->lookup_pc--;
	return true;
}

bool grf_unwind(const struct grf_image *image, const struct grf_pclntab *table,
		const struct grf_unwind_start *start, uint64_t low, uint64_t high,
		grf_frame_array *frames, const char **ret_failure)
{
	struct grf_frame next = {.pc = start->pc, .sp = start->sp};
	bool interrupted = start->interrupted, below_signal = false;

	*ret_failure = NULL;
	/* Every frame is at least a word higher than the one before, so this ends. */
	while (next.sp >= low && next.sp < high) {
		struct grf_frame *frame = grf_array_add(frames);
		uint64_t previous = next.sp;

		if (!frame)
			return false;
		*frame = next;
		if (!complete(table, frame, interrupted, below_signal)) {
			*ret_failure = "a pc is in no known function";
			frames->count--;
			return true;
		}
		if (frame->function.flag & FLAG_TOP_FRAME)
			return true;
		/* cgocallback moves from a thread's stack to the goroutine's, but arranges both so
		 * that it can be left as its table says (traceback.go). */
		if (frame->function.flag & FLAG_SP_WRITE && frames->count > 1 &&
		    grf_pclntab_kind(table, &frame->function) != GRF_FUNC_CGOCALLBACK) {
			*ret_failure = "a function moves the stack pointer by itself";
			frames->count--;
			return true;
		}
		if (frame->fp > high || frame->fp <= previous ||
		    !grf_image_u64(image, frame->fp - WORD_BYTES, &next.pc)) {
			*ret_failure = "a frame reaches beyond the stack";
			frames->count--;
			return true;
		}
		next.sp = frame->fp;
		/* What is above a signal's handler was interrupted by it, not called from. */
		below_signal = grf_pclntab_kind(table, &frame->function) == GRF_FUNC_SIGPANIC;
		interrupted = false;
		if (!next.pc) {
			*ret_failure = "a return address is zero";
			return true;
		}
	}
	*ret_failure = "the stack pointer left the stack";
	return true;
}
