/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks the frames of a Go stack by the function table alone (runtime/traceback.go). For every pc
 * the table pcsp has the size of the frame so far, so a frame can be left from any instruction. The
 * architecture knows the places within a frame.
 */
#include "model/stacks/unwind.h"

#include "arch/arch.h"

/* abi.FuncFlag */
#define FLAG_TOP_FRAME 1
#define FLAG_SP_WRITE  2

/* Bytes; Go allows no larger stack. */
#define MAX_FRAME (1 << 30)

/* Fills in a frame whose pc and sp are set. False: the function or its frame size is not known. */
static bool complete_frame(const struct grf_arch *arch, const struct grf_met_pc *met,
			   struct grf_frame *frame, bool interrupted, bool below_signal,
			   uint64_t *ret_return_address)
{
	struct grf_arch_frame laid;

	if (!met->function || met->frame_size < 0 || met->frame_size > MAX_FRAME)
		return false;
	frame->function = met->function;
	frame->stack_map = met->stack_map;
	laid = arch->frame(frame->sp, (uint64_t)met->frame_size);
	frame->fp = laid.fp;
	frame->argp = laid.argp;
	frame->varp = laid.varp;
	*ret_return_address = laid.return_address;
	/* A return address may be the first instruction of the next statement; the call is before
	 * it. A pc that was interrupted, or that of a function which has not begun, is exact. */
	frame->lookup_pc = frame->pc;
	if (!interrupted && !below_signal && frame->pc != frame->function->entry)
		frame->lookup_pc--;
	return true;
}

bool grf_unwind(const struct grf_image *image, const struct grf_pclntab *table,
		struct grf_met_functions *functions, const struct grf_unwind_start *start,
		uint64_t low, uint64_t high, grf_frame_array *frames, const char **ret_failure)
{
	struct grf_frame next = {.pc = start->pc, .sp = start->sp};
	bool interrupted = start->interrupted, below_signal = false;
	const struct grf_arch *arch = grf_image_arch(image);

	*ret_failure = NULL;
	/* Every frame is at least a word higher than the one before, so this ends. */
	while (next.sp >= low && next.sp < high) {
		struct grf_frame *frame = grf_array_add(frames);
		uint64_t previous = next.sp, return_address;
		struct grf_met_pc met;

		if (!frame || !grf_met_functions_find(functions, next.pc, &met))
			return false;
		*frame = next;
		if (!complete_frame(arch, &met, frame, interrupted, below_signal,
				    &return_address)) {
			*ret_failure = "a pc is in no known function";
			frames->count--;
			return true;
		}
		if (frame->function->flag & FLAG_TOP_FRAME)
			return true;
		/* cgocallback moves from a thread's stack to the goroutine's, but arranges both so
		 * that it can be left as its table says (traceback.go). */
		if (frame->function->flag & FLAG_SP_WRITE && frames->count > 1 &&
		    grf_pclntab_kind(table, frame->function) != GRF_FUNC_CGOCALLBACK) {
			*ret_failure = "a function moves the stack pointer by itself";
			frames->count--;
			return true;
		}
		if (frame->fp > high || frame->fp <= previous ||
		    !grf_image_u64(image, return_address, &next.pc)) {
			*ret_failure = "a frame reaches beyond the stack";
			frames->count--;
			return true;
		}
		next.sp = frame->fp;
		/* A signal interrupted the function above its handler, which did not call it. */
		below_signal = grf_pclntab_kind(table, frame->function) == GRF_FUNC_SIGPANIC;
		interrupted = false;
		if (!next.pc) {
			*ret_failure = "a return address is zero";
			return true;
		}
	}
	*ret_failure = "the stack pointer left the stack";
	return true;
}
