/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds live stack words as the collector does (scanframeworker in runtime/mgcmark.go, getStackMap
 * in runtime/stkframe.go).
 *
 * At a call, the function's stack maps say which words of locals and arguments are live pointers.
 * Variables whose address is taken are not in the maps: they are stack objects, which the function
 * lists with the pointer masks of their types. A stack object is live only when a live word points
 * into it. So live words are found first, and then followed from object to object within the stack.
 *
 * Where no map applies, every word may be a pointer: in a frame that asynchronous preemption (or a
 * debugger's call) interrupted, in the frame of the interruption, and in the innermost frame when
 * the thread was stopped between safe points.
 */
#include "model/stacks/stack_words.h"

#include <stdlib.h>

#include "arch/arch.h"

#define ARGS_UNKNOWN INT32_MIN

/* A bit vector describes the arguments of calls through method values and reflect.MakeFunc at run
 * time. So many are read at most. */
#define MAX_REFLECT_ARGS 65536u

#define MAX_OBJECTS_PER_FRAME 65536u

/* A word of a stack may be read as a local, as an argument of the callee, as an object and as a
 * part of an object. */
#define STEPS_PER_WORD 16u
#define LEAST_STEPS    4096u

struct grf_stack_object {
	uint64_t address;
	uint32_t size;
	int32_t pointer_bytes; /* negative: a GC program; scanned conservatively */
	uint64_t mask;         /* address of its pointer mask */
	uint32_t frame;
	bool live;
};

/* Counts a step. False: the frames overlap, as others need only a small multiple of the stack's
 * words in steps. */
static bool is_affordable(struct grf_stack_scan *scan)
{
	if (!scan->left)
		return false;
	scan->left--;
	return true;
}

static void add_word(struct grf_stack_scan *scan, uint64_t address, uint32_t frame,
		     bool conservative)
{
	struct grf_stack_word *word;

	if (address < scan->low || address >= scan->high || scan->high - address < 8 || address & 7)
		return;
	word = grf_array_add(&scan->words);
	if (!word) {
		scan->no_memory = true;
		return;
	}
	*word = (struct grf_stack_word){address, frame, conservative};
}

/* Adds words of the stack that are aligned and held. */
static void add_words(struct grf_stack_scan *scan, uint64_t from, uint64_t to, uint32_t frame)
{
	for (uint64_t at = from; at < to && is_affordable(scan); at += 8)
		add_word(scan, at, frame, true);
}

static void add_range(struct grf_stack_scan *scan, uint64_t from, uint64_t to, uint32_t frame)
{
	/* Both may come from a damaged frame. */
	if (from < scan->low)
		from = scan->low;
	if (to > scan->high)
		to = scan->high;
	if (from >= to)
		return;
	from = (from + 7) & ~(uint64_t)7;
	if (scan->whole) {
		add_words(scan, from, to, frame);
		return;
	}
	for (uint64_t until; (until = grf_image_next_held(scan->image, &from, to)); from = until)
		add_words(scan, (from + 7) & ~(uint64_t)7, until, frame);
}

/* Adds the words of bitmap `index` of a runtime.stackmap {n, nbit int32; bits}. The bits describe
 * the words from `base` on, or, with `below`, those that end at it. */
static void add_map(struct grf_stack_scan *scan, uint64_t map, int32_t index, uint64_t base,
		    bool below, uint32_t frame)
{
	const uint8_t *bits;
	uint32_t count, width;

	if (!map || !grf_image_u32(scan->image, map, &count) ||
	    !grf_image_u32(scan->image, map + 4, &width) || (uint32_t)index >= count || !width ||
	    width > (1u << 27))
		return;
	bits = grf_image_at(scan->image, map + 8 + (uint64_t)index * ((width + 7) / 8),
			    (width + 7) / 8);
	if (!bits)
		return;
	if (below)
		base -= (uint64_t)width * 8;
	for (uint32_t i = 0; i < width && is_affordable(scan); i++)
		if (bits[i / 8] >> (i % 8) & 1)
			add_word(scan, base + i * 8ul, frame, false);
}

static void add_objects(struct grf_stack_scan *scan, const struct grf_frame *frame, uint32_t index)
{
	uint64_t list = grf_pclntab_funcdata(scan->table, frame->function, GRF_FUNCDATA_OBJECTS);
	const struct grf_layout *layout = scan->layout;
	uint64_t stride = (uint64_t)grf_offset(layout, stack_object_record, _size), count;
	uint64_t mask_at = (uint64_t)grf_offset(layout, stack_object_record, gcdata);

	if (!list || !grf_image_u64(scan->image, list, &count) || count > MAX_OBJECTS_PER_FRAME)
		return;
	for (uint64_t i = 0; i < count && is_affordable(scan); i++) {
		uint64_t record = list + 8 + i * stride, address, mask = 0;
		const uint8_t *memory = grf_image_at(scan->image, record, stride);
		struct grf_stack_object *object;
		int32_t offset;

		if (!memory)
			return;
		offset = (int32_t)grf_load_u32(memory);
		address = (offset < 0 ? frame->varp : frame->argp) + (uint64_t)(int64_t)offset;
		/* Below sp: the frame has not grown so far yet. */
		if (address < frame->sp)
			continue;
		object = grf_array_add(&scan->objects);
		if (!object) {
			scan->no_memory = true;
			return;
		}
		/* An address before Go 1.18, then an offset from the module's rodata. */
		if (stride - mask_at >= 8)
			mask = grf_load_u64(memory + mask_at);
		else
			mask = frame->function->module->rodata + grf_load_u32(memory + mask_at);
		*object = (struct grf_stack_object){
		    .address = address,
		    .size = grf_load_u32(memory + 4),
		    .pointer_bytes = (int32_t)grf_load_u32(memory + 8),
		    .mask = mask,
		    .frame = index,
		};
	}
}

/*
 * Frames of reflect.makeFuncStub and methodValueCall: their arguments are described by the
 * methodValue {fn, *bitvector, argLen} whose address is the first argument of what they call, and
 * what came in registers stands spilled in the frame. Few and small, they are taken conservatively,
 * which keeps all that the collector keeps.
 */
static void add_reflect_frame(struct grf_stack_scan *scan, const struct grf_frame *frame,
			      uint32_t index)
{
	uint64_t arguments = frame->sp + grf_image_arch(scan->image)->min_frame, method, length = 0;

	add_range(scan, frame->sp, frame->varp, index);
	if (grf_image_u64(scan->image, arguments, &method) &&
	    grf_image_u64(scan->image, method + 16, &length) && length <= MAX_REFLECT_ARGS)
		add_range(scan, frame->argp, frame->argp + length, index);
}

static void add_precise_frame(struct grf_stack_scan *scan, const struct grf_frame *frame,
			      uint32_t index, uint64_t target)
{
	int32_t map = frame->stack_map;

	if (target != frame->pc)
		map = grf_pclntab_pcdata(scan->table, frame->function, GRF_PCDATA_STACK_MAP,
					 target - (target != frame->function->entry));
	if (map < 0)
		map = 0;
	if (frame->varp > frame->sp)
		add_map(
		    scan,
		    grf_pclntab_funcdata(scan->table, frame->function, GRF_FUNCDATA_LOCALS_MAPS),
		    map, frame->varp, true, index);
	if (frame->function->args_size > 0)
		add_map(scan,
			grf_pclntab_funcdata(scan->table, frame->function, GRF_FUNCDATA_ARGS_MAPS),
			map, frame->argp, false, index);
	add_objects(scan, frame, index);
}

static void add_conservative_frame(struct grf_stack_scan *scan, struct grf_frame *frame,
				   uint32_t index)
{
	int32_t args = frame->function->args_size;

	frame->conservative = true;
	add_range(scan, frame->sp, frame->varp, index);
	if (args > 0)
		add_range(scan, frame->argp, frame->argp + (uint32_t)args, index);
}

static void add_frames(struct grf_stack_scan *scan, struct grf_frame *frames, uint32_t count,
		       bool interrupted)
{
	enum grf_func_kind below = GRF_FUNC_NORMAL;
	bool conservative = interrupted;

	for (uint32_t i = 0; i < count; i++) {
		struct grf_frame *frame = &frames[i];
		enum grf_func_kind kind = grf_pclntab_kind(scan->table, frame->function);
		bool intruder = kind == GRF_FUNC_ASYNC_PREEMPT || kind == GRF_FUNC_DEBUG_CALL;
		uint64_t target = frame->pc;

		/* A function that a signal interrupted goes on, if at all, in its deferred calls.
		 */
		if (below == GRF_FUNC_SIGPANIC)
			target = frame->function->deferreturn
				     ? frame->function->entry + frame->function->deferreturn + 1
				     : 0;
		below = kind;
		if (conservative || intruder) {
			add_conservative_frame(scan, frame, i);
			conservative = intruder;
		} else if (frame->function->args_size == ARGS_UNKNOWN) {
			add_reflect_frame(scan, frame, i);
		} else if (target) {
			add_precise_frame(scan, frame, i, target);
		}
	}
}

static int object_by_address(const void *left, const void *right)
{
	const struct grf_stack_object *a = left, *b = right;

	return a->address < b->address ? -1 : a->address > b->address;
}

/* Finds the object that an address points into, among the sorted ones; NULL: none. */
static struct grf_stack_object *find_object(const struct grf_stack_scan *scan, uint64_t address)
{
	size_t low = 0, high = scan->objects.count;

	if (address < scan->low || address >= scan->high)
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (scan->objects.items[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low ||
	    address - scan->objects.items[low - 1].address >= scan->objects.items[low - 1].size)
		return NULL;
	return &scan->objects.items[low - 1];
}

/* Makes the object around `address` live: its pointers are live words. */
static void point_to(struct grf_stack_scan *scan, uint64_t address, bool conservative)
{
	struct grf_stack_object *object = find_object(scan, address);
	const uint8_t *mask;
	uint32_t words;

	if (!object || object->live)
		return;
	object->live = true;
	if (object->pointer_bytes < 0) {
		add_range(scan, object->address, object->address + object->size, object->frame);
		return;
	}
	words = (uint32_t)object->pointer_bytes / 8;
	if (words > object->size / 8)
		words = object->size / 8;
	mask = grf_image_at(scan->image, object->mask, (words + 7) / 8);
	for (uint32_t i = 0; mask && i < words && is_affordable(scan); i++)
		if (mask[i / 8] >> (i % 8) & 1)
			add_word(scan, object->address + i * 8ul, object->frame, conservative);
}

static int word_by_address(const void *left, const void *right)
{
	const struct grf_stack_word *a = left, *b = right;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return a->conservative - b->conservative;
}

/* Sorts the words and keeps each once, the precise one before the conservative one. */
static void sort_words(struct grf_stack_scan *scan)
{
	struct grf_stack_word *words = scan->words.items;
	size_t kept = 0;

	if (!scan->words.count)
		return;
	qsort(words, scan->words.count, sizeof(*words), word_by_address);
	for (size_t i = 0; i < scan->words.count; i++)
		if (!kept || words[kept - 1].address != words[i].address)
			words[kept++] = words[i];
	scan->words.count = kept;
}

void grf_stack_scan_frames(struct grf_stack_scan *scan, struct grf_frame *frames, uint32_t count,
			   bool interrupted, uint64_t rest,
			   const struct grf_goroutine_value *values, uint32_t value_count)
{
	uint64_t held = grf_image_held_in(scan->image, scan->low, scan->high);

	scan->words.count = 0;
	scan->objects.count = 0;
	scan->whole = held == scan->high - scan->low;
	scan->left = LEAST_STEPS + held / 8 * STEPS_PER_WORD;
	add_frames(scan, frames, count, interrupted);
	if (rest)
		add_range(scan, rest, scan->high, count ? count - 1 : 0);
	if (scan->objects.count)
		qsort(scan->objects.items, scan->objects.count, sizeof(*scan->objects.items),
		      object_by_address);
	for (uint32_t i = 0; i < value_count; i++)
		point_to(scan, values[i].value, values[i].conservative);
	/* The list grows as objects become live, each once. */
	for (size_t i = 0; scan->objects.count && i < scan->words.count; i++) {
		struct grf_stack_word word = scan->words.items[i];

		point_to(scan, grf_load_u64(scan->memory + (word.address - scan->low)),
			 word.conservative);
	}
	sort_words(scan);
}

void grf_stack_scan_free(struct grf_stack_scan *scan)
{
	grf_array_free(&scan->words);
	grf_array_free(&scan->objects);
}
