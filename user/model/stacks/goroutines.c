/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds where each goroutine stands. A waiting one has its pc and sp in sched; one in a system call
 * or in C code, in syscallsp and syscallpc. A running one has them in its thread's registers,
 * unless the thread is on another stack: on the system stack (g0), to which systemstack and mcall
 * switch after they saved sched; in the vDSO, for which m keeps the caller's; or on the signal
 * stack, where the kernel saved the interrupted registers.
 */
#include "model/stacks/goroutines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/arch.h"
#include "base/address_set.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "model/code/entry_points.h"
#include "model/stacks/goroutine_records.h"
#include "model/stacks/stack_memory.h"
#include "model/stacks/stack_words.h"
#include "model/stacks/system_goroutine.h"

/* Bytes; functions have fewer arguments. */
#define MAX_DEFER_ARGUMENTS (1u << 20)
/* Signal stacks are 32 KiB (runtime, os_linux.go). */
#define MAX_SIGNAL_STACK ((uint64_t)1 << 20)

/* An m: which thread it is, what it runs. */
struct machine {
	uint64_t address;
	uint64_t current_g;
	uint64_t g0, signal_g;
	uint64_t vdso_pc, vdso_sp;
	pid_t tid;
	const struct grf_thread *thread; /* NULL: not in the image */
};

struct goroutine_reader {
	const struct grf_image *image;
	const struct grf_layout *layout;
	struct grf_pclntab *table;
	const struct grf_thread *threads;
	size_t thread_count;
	GRF_ARRAY(struct machine) machines;
	struct grf_address_set machine_of; /* an m, its index */
	struct grf_address_set machine_by_tid;
	/* Records that belong to a goroutine already; another one may not have them too. */
	struct grf_address_set goroutine_of, records;
	/* Bytes that the image can hold of further stacks and deferred arguments. */
	uint64_t stacks_left, arguments_left;
	struct grf_stack_scan scan;
	struct grf_goroutines *goroutines;  /* the result */
	struct grf_goroutine_index index;   /* what was taken at the stop */
	struct grf_goroutine_record record; /* of the current goroutine */
	grf_frame_array frames;
	grf_value_array values;
	GRF_ARRAY(struct grf_goroutine_wait) waits;
	bool scans_vector_registers; /* this release's collector scans them */
	bool no_memory;
};

#define WORD(address, structure, field)                                                            \
	grf_image_field(reader->image, address, grf_offset(reader->layout, structure, field))

static void add_value(struct goroutine_reader *reader, uint64_t value, uint32_t frame, int kind,
		      bool conservative)
{
	struct grf_goroutine_value *added;

	if (!value)
		return;
	added = grf_array_add(&reader->values);
	if (!added) {
		reader->no_memory = true;
		return;
	}
	added->value = value;
	added->frame = frame;
	added->kind = kind;
	added->conservative = conservative;
}

static bool read_image_word(void *image, uint64_t address, uint64_t *ret)
{
	return grf_image_u64(image, address, ret);
}

/* The m of a thread, through the pointer to its g; 0: it has none. */
static uint64_t owner_of(const struct goroutine_reader *reader, const struct grf_thread *thread)
{
	uint64_t g = grf_image_arch(reader->image)
			 ->running_g(thread->general, read_image_word, (void *)reader->image);

	return WORD(g, g, m);
}

/* Matches threads to ms. In a PID namespace of its own, a program knows its threads by other
 * numbers than those outside. */
static void find_threads(struct goroutine_reader *reader)
{
	for (size_t i = 0; reader->machines.items && i < reader->thread_count; i++) {
		const struct grf_thread *thread = &reader->threads[i];
		struct machine *found = NULL;
		size_t number;

		if (grf_address_set_find(&reader->machine_of, owner_of(reader, thread), &number) ||
		    (grf_address_set_find(&reader->machine_by_tid, (uint32_t)thread->tid,
					  &number) &&
		     !reader->machines.items[number].thread))
			found = &reader->machines.items[number];
		if (found) {
			found->thread = thread;
			found->tid = thread->tid;
		}
	}
}

static void read_machines(struct goroutine_reader *reader, uint64_t allm)
{
	uint64_t m = grf_image_field(reader->image, allm, 0);

	for (; grf_address_set_add(&reader->machine_of, m, reader->machines.count);
	     m = WORD(m, m, alllink)) {
		struct machine *machine = grf_array_add(&reader->machines);

		if (!machine) {
			reader->no_memory = true;
			return;
		}
		*machine = (struct machine){
		    .address = m,
		    .current_g = WORD(m, m, curg),
		    .g0 = WORD(m, m, g0),
		    .signal_g = WORD(m, m, gsignal),
		    .vdso_pc = WORD(m, m, vdso_pc),
		    .vdso_sp = WORD(m, m, vdso_sp),
		    .tid = (pid_t)WORD(m, m, procid),
		};
		grf_address_set_add(&reader->machine_by_tid, (uint32_t)machine->tid,
				    reader->machines.count - 1);
	}
	reader->no_memory |= reader->machine_of.no_memory || reader->machine_by_tid.no_memory;
	find_threads(reader);
}

/* The m that a goroutine runs on, or whose system call it is in. */
static const struct machine *machine_of(const struct goroutine_reader *reader, uint64_t g)
{
	size_t number;

	if (!grf_address_set_find(&reader->machine_of, WORD(g, g, m), &number) ||
	    reader->machines.items[number].current_g != g)
		return NULL;
	return &reader->machines.items[number];
}

static bool in_stack(const struct goroutine_reader *reader, uint64_t g, uint64_t sp)
{
	int64_t stack = grf_offset(reader->layout, g, stack);
	uint64_t low, high;

	low = grf_image_field(reader->image, g, stack + grf_offset(reader->layout, stack, lo));
	high = grf_image_field(reader->image, g, stack + grf_offset(reader->layout, stack, hi));
	return sp >= low && sp < high;
}

/*
 * The registers that a signal interrupted. The kernel puts a ucontext on the signal stack: flags,
 * link, then the stack_t that Go gave to sigaltstack, which names just this stack and so tells a
 * ucontext from everything else; then, where the architecture has them, the registers.
 */
#define UCONTEXT_STACK 16

static bool find_ucontext(struct goroutine_reader *reader, const struct machine *machine,
			  const struct grf_goroutine *goroutine, struct grf_unwind_start *ret)
{
	const struct grf_arch_ucontext *places = &grf_image_arch(reader->image)->ucontext;
	int64_t stack = grf_offset(reader->layout, g, stack);
	uint64_t low = grf_image_field(reader->image, machine->signal_g, stack);
	uint64_t high = grf_image_field(reader->image, machine->signal_g, stack + 8), at;

	if (high <= low || high - low > MAX_SIGNAL_STACK)
		return false;
	for (at = machine->thread->sp & ~(uint64_t)7; at + places->size <= high; at += 8) {
		uint64_t sp;

		if (grf_image_field(reader->image, at, UCONTEXT_STACK) != low ||
		    grf_image_field(reader->image, at, UCONTEXT_STACK + 16) != high - low)
			continue;
		sp = grf_image_field(reader->image, at, places->sp);
		if (sp < goroutine->stack_low || sp >= goroutine->stack_high)
			continue;
		ret->sp = sp;
		ret->pc = grf_image_field(reader->image, at, places->pc);
		ret->interrupted = true;
		for (int i = 0; i < places->count; i++)
			add_value(reader, grf_image_field(reader->image, at, places->first + i * 8),
				  0, GRF_VALUE_REGISTER, true);
		return true;
	}
	return false;
}

/* Finds pc and sp of a goroutine that runs on a thread. False: not known. */
static bool start_running(struct goroutine_reader *reader, const struct machine *machine,
			  const struct grf_goroutine *goroutine, struct grf_unwind_start *ret)
{
	const struct grf_thread *thread = machine->thread;

	if (thread->sp >= goroutine->stack_low && thread->sp < goroutine->stack_high) {
		*ret = (struct grf_unwind_start){thread->pc, thread->sp, true};
		for (uint32_t i = 0; i < thread->general_count; i++)
			add_value(reader, thread->general[i], 0, GRF_VALUE_REGISTER, true);
		return true;
	}
	if (machine->vdso_sp >= goroutine->stack_low && machine->vdso_sp < goroutine->stack_high) {
		*ret = (struct grf_unwind_start){machine->vdso_pc, machine->vdso_sp, false};
		return true;
	}
	if (in_stack(reader, machine->signal_g, thread->sp))
		return find_ucontext(reader, machine, goroutine, ret);
	return false;
}

static bool find_start(struct goroutine_reader *reader, struct grf_goroutine *goroutine,
		       struct grf_unwind_start *ret)
{
	const struct grf_goroutine_record *record = &reader->record;
	const struct machine *machine = machine_of(reader, record->g);

	if (machine)
		goroutine->tid = machine->tid;
	if (record->syscall_sp) {
		*ret = (struct grf_unwind_start){record->syscall_pc, record->syscall_sp, false};
		return true;
	}
	if (goroutine->status == GRF_G_RUNNING && machine && machine->thread &&
	    start_running(reader, machine, goroutine, ret))
		return true;
	*ret = (struct grf_unwind_start){.pc = record->pc, .sp = record->sp};
	return ret->pc && ret->sp >= goroutine->stack_low && ret->sp < goroutine->stack_high;
}

/* The frame of a defer record: the one whose sp it names. */
static uint32_t frame_at(const struct goroutine_reader *reader, uint64_t sp)
{
	size_t low = 0, high = reader->frames.count;

	/* Frames are in the order of their addresses. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (reader->frames.items[middle].fp <= sp)
			low = middle + 1;
		else
			high = middle;
	}
	return low < reader->frames.count && reader->frames.items[low].sp <= sp ? (uint32_t)low : 0;
}

/*
 * Go 1.17 keeps the arguments of a deferred call behind its record, unless it was built with
 * GOEXPERIMENT=regabidefer, as on amd64 by default. The callee's map of its arguments, at its
 * entry, tells the pointers (tracebackdefers in runtime/traceback.go).
 */
static void add_defer_arguments(struct goroutine_reader *reader, uint64_t record, uint32_t frame)
{
	const struct grf_layout *layout = reader->layout;
	uint64_t at = record + (uint64_t)grf_offset(layout, defer, _size), map;
	const uint8_t *bits = NULL;
	struct grf_function function;
	uint32_t size = 0, width = 0;

	if (!grf_has(layout, defer, siz) ||
	    !grf_image_u32(reader->image, record + (uint64_t)grf_offset(layout, defer, siz),
			   &size) ||
	    !size || size > MAX_DEFER_ARGUMENTS || size > reader->arguments_left ||
	    !grf_pclntab_find(reader->table,
			      grf_image_field(reader->image, WORD(record, defer, fn), 0),
			      &function))
		return;
	reader->arguments_left -= size;
	/* runtime.stackmap: how many maps, bits of each, the maps. */
	map = grf_pclntab_funcdata(reader->table, &function, GRF_FUNCDATA_ARGS_MAPS);
	if (map && grf_image_u32(reader->image, map + 4, &width) && width <= size / 8)
		bits = grf_image_at(reader->image, map + 8, (width + 7) / 8);
	if (!bits)
		width = size / 8;
	for (uint32_t i = 0; i < width; i++)
		if (!bits || bits[i / 8] >> (i % 8) & 1)
			add_value(reader, grf_image_field(reader->image, at, (int64_t)i * 8), frame,
				  GRF_VALUE_REGISTER, !bits);
}

/* Adds deferred calls: their functions are roots, and so are records in the heap (scanstack in
 * runtime/mgcmark.go). */
static void add_defers(struct goroutine_reader *reader, const struct grf_goroutine *goroutine)
{
	uint64_t record = WORD(goroutine->address, g, defer), next;

	for (; grf_address_set_add(&reader->records, record, 0); record = next) {
		uint32_t frame = frame_at(reader, WORD(record, defer, sp));

		next = WORD(record, defer, link);
		add_value(reader, WORD(record, defer, fn), frame, GRF_VALUE_DEFER, false);
		add_defer_arguments(reader, record, frame);
		/* A record on the stack is a local of its frame, and may be dead after a panic. */
		if (record < goroutine->stack_low || record >= goroutine->stack_high)
			add_value(reader, record, frame, GRF_VALUE_DEFER_RECORD, false);
	}
}

/* Adds the values on its stack that channels point to: one for each channel that it waits for. */
static void add_waits(struct goroutine_reader *reader, const struct grf_goroutine *goroutine)
{
	uint64_t sudog = WORD(goroutine->address, g, waiting);

	while (grf_address_set_add(&reader->records, sudog, 0)) {
		struct grf_goroutine_wait wait =
					      {
						  .address = WORD(sudog, sudog, elem),
						  .descriptor =
						      WORD(WORD(sudog, sudog, c), hchan, elemtype),
					      },
					  *added;

		sudog = WORD(sudog, sudog, waitlink);
		if (!wait.descriptor || wait.address < goroutine->stack_low ||
		    wait.address >= goroutine->stack_high)
			continue;
		added = grf_array_add(&reader->waits);
		if (!added) {
			reader->no_memory = true;
			return;
		}
		*added = wait;
	}
}

/* Adds the saved vector registers. From Go 1.26 on, asynchronous preemption saves them off the
 * stack (runtime, preempt_xreg.go). From 1.27 on the collector scans them conservatively; in 1.26
 * any pointer in them is dead. */
static void add_vector_registers(struct goroutine_reader *reader,
				 const struct grf_goroutine *goroutine)
{
	const struct grf_layout *layout = reader->layout;
	uint64_t state, size;
	uint8_t asynchronous = 0;

	if (!reader->scans_vector_registers)
		return;
	grf_image_u8(reader->image,
		     goroutine->address + (uint64_t)grf_offset(layout, g, async_safe_point),
		     &asynchronous);
	if (!asynchronous)
		return;
	state =
	    grf_image_field(reader->image, goroutine->address,
			    grf_offset(layout, g, x_regs) + grf_offset(layout, x_reg_per_g, state));
	size = (uint64_t)grf_offset(layout, x_reg_state, _size);
	for (uint64_t at = 0; state && at < size && size < 65536; at += 8)
		add_value(reader, grf_image_field(reader->image, state, (int64_t)at), 0,
			  GRF_VALUE_REGISTER, true);
}

/* Copies the frames, words and values of the current goroutine into memory of its own. */
static bool keep_goroutine(struct goroutine_reader *reader, struct grf_goroutine *goroutine)
{
	size_t frames = reader->frames.count * sizeof(struct grf_frame);
	size_t words = reader->scan.words.count * sizeof(struct grf_stack_word);
	size_t values = reader->values.count * sizeof(struct grf_goroutine_value);
	size_t waits = reader->waits.count * sizeof(struct grf_goroutine_wait);
	uint8_t *memory = malloc(frames + words + values + waits + 1);

	if (!memory)
		return false;
	goroutine->frames = (struct grf_frame *)memory;
	goroutine->words = (struct grf_stack_word *)(memory + frames);
	goroutine->values = (struct grf_goroutine_value *)(memory + frames + words);
	goroutine->waits = (struct grf_goroutine_wait *)(memory + frames + words + values);
	if (waits)
		memcpy(goroutine->waits, reader->waits.items, waits);
	if (frames)
		memcpy(goroutine->frames, reader->frames.items, frames);
	if (words)
		memcpy(goroutine->words, reader->scan.words.items, words);
	if (values)
		memcpy(goroutine->values, reader->values.items, values);
	goroutine->frame_count = (uint32_t)reader->frames.count;
	goroutine->word_count = (uint32_t)reader->scan.words.count;
	goroutine->value_count = (uint32_t)reader->values.count;
	goroutine->wait_count = (uint32_t)reader->waits.count;
	return true;
}

/* Whether the image can hold this stack beside those already read: stacks never overlap. */
static bool afford_stack(struct goroutine_reader *reader, const struct grf_goroutine *goroutine)
{
	uint64_t held =
	    grf_image_held_in(reader->image, goroutine->stack_low, goroutine->stack_high);

	if (held > reader->stacks_left)
		return false;
	reader->stacks_left -= held;
	return true;
}

static void walk_stack(struct goroutine_reader *reader, struct grf_goroutine *goroutine)
{
	uint64_t size = goroutine->stack_high - goroutine->stack_low, rest = 0;
	int64_t sched = grf_offset(reader->layout, g, sched);
	struct grf_unwind_start start = {0};

	reader->frames.count = reader->values.count = reader->scan.words.count = 0;
	reader->waits.count = 0;
	goroutine->memory = goroutine->stack_high > goroutine->stack_low &&
				    size <= GRF_MAX_STACK_BYTES && afford_stack(reader, goroutine)
				? grf_stack_memory(reader->image, goroutine->stack_low, size,
						   reader->goroutines, &reader->no_memory)
				: NULL;
	if (!goroutine->memory) {
		goroutine->failure = "its stack is not in the image";
		return;
	}
	reader->scan.memory = goroutine->memory;
	reader->scan.low = goroutine->stack_low;
	reader->scan.high = goroutine->stack_high;
	if (!find_start(reader, goroutine, &start)) {
		goroutine->failure = "its pc and sp are not known";
		rest = goroutine->stack_low;
	} else if (goroutine->status == GRF_G_COPYSTACK) {
		/* The stack is complete (copystack in runtime/stack.go), but pointers into it may
		 * still point to the old one, so its maps would mislead. */
		goroutine->failure = "its stack was being copied";
		rest = start.sp;
	} else if (!grf_unwind(reader->image, reader->table, reader->goroutines->functions, &start,
			       goroutine->stack_low, goroutine->stack_high, &reader->frames,
			       &goroutine->failure)) {
		reader->no_memory = true;
		return;
	} else if (goroutine->failure) {
		rest = reader->frames.count ? reader->frames.items[reader->frames.count - 1].fp
					    : start.sp;
	}
	add_value(reader,
		  grf_image_field(reader->image, goroutine->address,
				  sched + grf_offset(reader->layout, gobuf, ctxt)),
		  0, GRF_VALUE_CONTEXT, false);
	add_defers(reader, goroutine);
	add_waits(reader, goroutine);
	add_vector_registers(reader, goroutine);
	/* A panic's record is on the stack, an object of gopanic's frame. */
	add_value(reader, WORD(goroutine->address, g, panic), 0, GRF_VALUE_REGISTER, true);
	grf_stack_scan_frames(&reader->scan, reader->frames.items, (uint32_t)reader->frames.count,
			      start.interrupted, rest, reader->values.items,
			      (uint32_t)reader->values.count);
}

/* Reads the goroutine of the current record. False: it is dead. */
static bool read_goroutine(struct goroutine_reader *reader, struct grf_goroutine *goroutine)
{
	uint32_t status = (uint32_t)reader->record.status & ~(uint32_t)GRF_G_SCAN_BIT;
	uint64_t g = reader->record.g;

	if (status == GRF_G_IDLE || status == GRF_G_DEAD || status == GRF_G_DEAD_EXTRA)
		return false;
	*goroutine = (struct grf_goroutine){
	    .address = g,
	    .id = reader->record.id,
	    .status = status,
	    .stack_low = reader->record.low,
	    .stack_high = reader->record.high,
	    .start_pc = WORD(g, g, startpc),
	    .creator_pc = WORD(g, g, gopc),
	    .parent_id = WORD(g, g, parent_goid),
	    .wait_reason = (uint8_t)WORD(g, g, waitreason),
	};
	walk_stack(reader, goroutine);
	goroutine->system = grf_goroutine_is_system(reader->table, goroutine->start_pc,
						    reader->frames.items, reader->frames.count);
	return true;
}

/* Holds that the part of its stack that was read was copied. */
static struct grf_error *check_stack(const struct goroutine_reader *reader,
				     const struct grf_goroutine *goroutine)
{
	uint64_t low = goroutine->stack_high;
	char what[64];

	if (!goroutine->memory)
		return NULL;
	if (reader->scan.words.count)
		low = reader->scan.words.items[0].address;
	if (reader->frames.count && reader->frames.items[0].sp < low)
		low = reader->frames.items[0].sp;
	snprintf(what, sizeof(what), "the stack of goroutine %llu",
		 (unsigned long long)goroutine->id);
	return grf_image_check_copied(reader->image, low, goroutine->stack_high - low, what);
}

typedef GRF_ARRAY(struct grf_goroutine) goroutine_array;

/* Notes the goroutine at `g`. False: it was read before, or `g` is 0. */
static bool is_new(struct goroutine_reader *reader, uint64_t g)
{
	uint32_t status;

	return grf_image_u32(reader->image,
			     g + (uint64_t)grf_offset(reader->layout, g, atomicstatus), &status) &&
	       grf_address_set_add(&reader->goroutine_of, g, 0);
}

/* Reads the goroutine at `g`, if there is one that was not read before. */
static struct grf_error *add_goroutine(struct goroutine_reader *reader, uint64_t g,
				       goroutine_array *items)
{
	struct grf_goroutine goroutine, *item;
	struct grf_error *error;

	if (!is_new(reader, g)) {
		if (reader->goroutine_of.no_memory)
			return grf_error_no_memory();
		if (reader->goroutine_of.full)
			return grf_error_create(GRF_ERROR_BAD_INPUT,
						"runtime.allgs names more goroutines than the "
						"image has room for: it is damaged");
		return NULL;
	}
	error = grf_goroutine_index_find(&reader->index, g, &reader->record);
	if (error || !read_goroutine(reader, &goroutine))
		return error;
	error = check_stack(reader, &goroutine);
	if (error)
		return error;
	if (!keep_goroutine(reader, &goroutine))
		return grf_error_no_memory();
	item = grf_array_add(items);
	if (!item || reader->no_memory || reader->scan.no_memory || reader->records.no_memory) {
		free(goroutine.frames);
		items->count -= item != NULL;
		return grf_error_no_memory();
	}
	*item = goroutine;
	reader->goroutines->broken += goroutine.failure != NULL;
	reader->goroutines->lost += goroutine.memory == NULL;
	return NULL;
}

static struct grf_error *read_all(struct goroutine_reader *reader, uint64_t allgs,
				  struct grf_goroutines *goroutines)
{
	goroutine_array items = {0};
	uint64_t at = grf_image_field(reader->image, allgs, 0),
		 count = grf_image_field(reader->image, allgs, 8), end, until, done = 0;
	struct grf_error *error;

	if (count > GRF_MAX_GOROUTINES || at > UINT64_MAX - count * 8)
		return grf_error_create(GRF_ERROR_BAD_INPUT,
					"runtime.allgs says that there are %llu goroutines",
					(unsigned long long)count);
	reader->stacks_left = reader->arguments_left = grf_image_held(reader->image);
	error = grf_image_check_copied(reader->image, at, count * 8, "the list of goroutines");
	end = at + count * 8;
	for (; (until = grf_image_next_held(reader->image, &at, end)); at = until) {
		for (; at + 8 <= until && !error; at += 8) {
			if (!(done++ & 0xfff)) {
				grf_progress("reading goroutines", done - 1, count);
				if (grf_interrupted())
					error = grf_error_interrupted();
			}
			if (!error)
				error = add_goroutine(reader, grf_image_field(reader->image, at, 0),
						      &items);
		}
	}
	grf_progress_end();
	grf_array_fit(&items);
	goroutines->items = items.items;
	goroutines->count = items.count;
	return error;
}

static void tell_failures(const struct grf_goroutines *goroutines)
{
	if (goroutines->broken > goroutines->lost)
		grf_verbose("%zu of %zu stacks could not be walked to their end; the rest of them "
			    "was read conservatively",
			    goroutines->broken - goroutines->lost, goroutines->count);
	if (goroutines->lost)
		grf_warn("the stacks of %zu of %zu goroutines are not in the image; what only they "
			 "hold is missing",
			 goroutines->lost, goroutines->count);
	for (size_t i = 0; i < goroutines->count; i++)
		if (goroutines->items[i].failure)
			grf_debug("goroutine %llu: %s", (unsigned long long)goroutines->items[i].id,
				  goroutines->items[i].failure);
}

/* Checks that the lists of m, of deferred calls and of waits are no longer than the image can hold.
 * Errors: BAD_INPUT. */
static struct grf_error *check_lists(const struct goroutine_reader *reader)
{
	const char *what = reader->machine_of.full || reader->machine_by_tid.full ? "threads"
			   : reader->records.full ? "deferred calls and waits"
						  : NULL;

	return what ? grf_error_create(GRF_ERROR_BAD_INPUT,
				       "the runtime's lists name more %s than the image has room "
				       "for: it is damaged",
				       what)
		    : NULL;
}

static void limit_records(struct goroutine_reader *reader)
{
	const struct grf_layout *layout = reader->layout;
	const struct grf_image *image = reader->image;

	reader->goroutine_of.limit = grf_image_room(image, grf_offset(layout, g, _size));
	reader->machine_of.limit = reader->machine_by_tid.limit =
	    grf_image_room(image, grf_offset(layout, m, _size));
	/* A sudog is larger. */
	reader->records.limit = grf_image_room(image, grf_offset(layout, defer, _size));
}

struct grf_error *grf_goroutines_read(const struct grf_image *image,
				      const struct grf_layout *layout,
				      const struct grf_modules *modules, struct grf_pclntab *table,
				      uint64_t allgs, uint64_t allm, struct grf_goroutines **ret)
{
	struct goroutine_reader reader = {.image = image, .layout = layout, .table = table};
	struct grf_goroutines *goroutines = calloc(1, sizeof(*goroutines));
	struct grf_function scan;
	struct grf_error *error;

	(void)modules;
	if (!goroutines)
		return grf_error_no_memory();
	goroutines->functions = grf_met_functions_create(table);
	if (!goroutines->functions) {
		grf_goroutines_destroy(goroutines);
		return grf_error_no_memory();
	}
	reader.goroutines = goroutines;
	reader.threads = grf_image_threads(image, &reader.thread_count);
	reader.scan.image = image;
	reader.scan.layout = layout;
	reader.scan.table = table;
	reader.scans_vector_registers = grf_has(layout, g, x_regs) &&
					grf_has(layout, x_reg_per_g, state) &&
					grf_pclntab_by_name(table, "runtime.xRegScan", &scan);
	limit_records(&reader);
	read_machines(&reader, allm);
	error = grf_goroutine_index_make(image, layout, &reader.index);
	if (!error)
		error = read_all(&reader, allgs, goroutines);
	if (!error)
		error = check_lists(&reader);
	grf_goroutine_index_free(&reader.index);
	grf_stack_scan_free(&reader.scan);
	grf_address_set_free(&reader.machine_of);
	grf_address_set_free(&reader.machine_by_tid);
	grf_address_set_free(&reader.goroutine_of);
	grf_address_set_free(&reader.records);
	grf_array_free(&reader.machines);
	grf_array_free(&reader.frames);
	grf_array_free(&reader.values);
	grf_array_free(&reader.waits);
	if (error) {
		grf_goroutines_destroy(goroutines);
		return error;
	}
	tell_failures(goroutines);
	*ret = goroutines;
	return NULL;
}

void grf_goroutines_destroy(struct grf_goroutines *goroutines)
{
	if (!goroutines)
		return;
	for (size_t i = 0; i < goroutines->count; i++)
		free(goroutines->items[i].frames);
	for (size_t i = 0; i < goroutines->assembled.count; i++)
		munmap(goroutines->assembled.items[i].memory, goroutines->assembled.items[i].size);
	grf_array_free(&goroutines->assembled);
	grf_met_functions_destroy(goroutines->functions);
	free(goroutines->items);
	free(goroutines);
}
