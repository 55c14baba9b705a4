/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must be plausible together, whatever the release:
 *
 * - A span counts its objects (allocCount), and its bits say which slots hold one. Threads that are
 *   in the middle of allocating have the two differ by one, in a span each.
 * - A span was swept in this cycle of the collector or the one before (sweepgen).
 * - A word that the masks call a pointer leads into a slot with an object, or out of the heap. It
 *   does not lead into a free slot, and is no small number. In spans that wait for the sweeper only
 *   marked objects are looked at: the others are garbage, which may point to what is freed by now.
 * - A large object's type, and the one in front of an object that has it there, is a type.
 * - Goroutines have numbers of their own, and began in a function. Threads that are in the middle
 *   of starting one have not given it its number yet.
 *
 * A program may do any of this to some extent, with unsafe. A misread one does it nearly
 * everywhere: the limits are far from both.
 */
#include "model/self_check.h"

#include <stdlib.h>

#include "arch/arch.h"
#include "base/log.h"

/* How much is looked at: spans, evenly over the heap; objects of a span; words of an object. */
#define SAMPLED_SPANS   4096u
#define SAMPLED_OBJECTS 4u
#define SAMPLED_WORDS   16u
/* With fewer than that there is no saying. */
#define FEW_POINTERS   32u
#define FEW_GOROUTINES 3u
/* The first page is never mapped. */
#define MIN_POINTER 4096u

struct sample {
	const struct grf_modules *modules;
	const struct grf_heap *heap;
	uint64_t address_limit;
	uint64_t pointers, wrong;
};

/* Whether a word that should be a pointer may be one. */
static bool may_be_pointer(const struct sample *sample, uint64_t value)
{
	const struct grf_span *span;
	uint32_t slot;

	if (value < MIN_POINTER || value >= sample->address_limit)
		return false;
	span = grf_heap_span(sample->heap, value);
	if (!span)
		return true;
	slot = grf_span_slot(span, value);
	/* A slot that a thread is taking may have pointers to it already. */
	return slot < span->slot_count &&
	       (grf_span_allocated(span, slot) || span->unfinished == slot + 1);
}

static void take_pointer(struct sample *sample, uint64_t value)
{
	if (!value)
		return;
	sample->pointers++;
	sample->wrong += !may_be_pointer(sample, value);
}

/* A type is in a module, is an object (by reflect), or was made by the runtime. */
static void take_type(struct sample *sample, uint64_t type)
{
	if (!type)
		return;
	sample->pointers++;
	sample->wrong +=
	    !grf_modules_by_type(sample->modules, type) && !may_be_pointer(sample, type);
}

static void take_object(struct sample *sample, const struct grf_span *span, uint32_t slot)
{
	uint64_t words = span->element_size / 8, first = slot * words, taken = 0, payload;

	if (!span->pointer_bits) {
		take_type(sample, grf_span_stored_type(span, slot, &payload));
		return;
	}
	for (uint64_t i = first; i < first + words && taken < SAMPLED_WORDS; i++) {
		if (!(span->pointer_bits[i >> 3] >> (i & 7) & 1))
			continue;
		take_pointer(sample, grf_load_u64(span->memory + i * 8));
		taken++;
	}
}

/* Whether the object in a slot is alive, as far as its span can tell now. */
static bool is_sound(const struct grf_span *span, uint32_t slot)
{
	bool swept = span->sweep_state == 0 || span->sweep_state == 3;

	return grf_span_allocated(span, slot) && span->unfinished != slot + 1 &&
	       (swept || !span->marked || span->marked[slot >> 3] >> (slot & 7) & 1);
}

static void take_span(struct sample *sample, const struct grf_span *span)
{
	uint32_t step = span->slot_count / SAMPLED_OBJECTS + 1;

	if (span->pointer_layout == GRF_POINTERS_NONE)
		return;
	for (uint32_t slot = 0; slot < span->slot_count; slot += step)
		for (uint32_t i = slot; i < slot + step && i < span->slot_count; i++) {
			if (!is_sound(span, i))
				continue;
			take_object(sample, span, i);
			break;
		}
}

/* How many spans have been swept neither before nor after now (runtime/mheap.go). */
static uint64_t count_timeless(const struct grf_heap *heap)
{
	uint64_t count = 0;

	for (size_t i = 0; i < heap->span_count; i++) {
		int32_t state = heap->spans[i].sweep_state;

		count += state != -2 && state != -1 && state != 0 && state != 1 && state != 3;
	}
	return count;
}

struct grf_error *grf_heap_self_check(const struct grf_layout *layout,
				      const struct grf_modules *modules,
				      const struct grf_heap *heap, const struct grf_arch *arch)
{
	struct sample sample = {
	    .modules = modules, .heap = heap, .address_limit = arch->address_limit};
	size_t step = heap->span_count / SAMPLED_SPANS + 1;
	uint64_t timeless = count_timeless(heap);
	struct grf_error *error =
	    grf_spans_self_check(layout, heap->left_out, heap->span_count + heap->left_out);

	if (error)
		return error;
	if (heap->miscounted > GRF_FEW_SPANS && heap->miscounted > heap->span_count / 4)
		return grf_misread_error(layout,
					 "spans of the heap count other objects than they have",
					 heap->miscounted, heap->span_count);
	if (timeless > GRF_FEW_SPANS && timeless > heap->span_count / 4)
		return grf_misread_error(layout,
					 "spans of the heap were swept in no cycle that there is",
					 timeless, heap->span_count);
	for (size_t i = 0; i < heap->span_count; i += step)
		take_span(&sample, &heap->spans[i]);
	grf_debug("self-check: %llu of %llu pointers lead nowhere; %llu of %zu spans miscount",
		  (unsigned long long)sample.wrong, (unsigned long long)sample.pointers,
		  (unsigned long long)heap->miscounted, heap->span_count);
	if (sample.pointers > FEW_POINTERS && sample.wrong > sample.pointers / 4)
		return grf_misread_error(layout, "pointers in the heap lead nowhere", sample.wrong,
					 sample.pointers);
	return NULL;
}

static int by_number(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

/* How many goroutines have no number of their own. False: out of memory. */
static bool count_nameless(const struct grf_goroutines *goroutines, size_t *ret)
{
	uint64_t *numbers = calloc(goroutines->count, sizeof(*numbers));

	*ret = 0;
	if (!numbers)
		return false;
	for (size_t i = 0; i < goroutines->count; i++)
		numbers[i] = goroutines->items[i].id;
	qsort(numbers, goroutines->count, sizeof(*numbers), by_number);
	for (size_t i = 0; i < goroutines->count; i++)
		*ret += !numbers[i] || (i && numbers[i] == numbers[i - 1]);
	free(numbers);
	return true;
}

struct grf_error *grf_goroutines_self_check(const struct grf_layout *layout,
					    const struct grf_modules *modules,
					    const struct grf_goroutines *goroutines,
					    size_t thread_count)
{
	size_t nameless, nowhere = 0, count = goroutines->count;

	if (count < FEW_GOROUTINES)
		return NULL;
	if (!count_nameless(goroutines, &nameless))
		return grf_error_no_memory();
	for (size_t i = 0; i < count; i++) {
		uint64_t start = goroutines->items[i].start_pc;

		nowhere += start && !grf_modules_by_pc(modules, start);
	}
	/* Each thread may be starting one. */
	if (nameless > thread_count && nameless > count / 4)
		return grf_misread_error(layout, "goroutines have no number of their own", nameless,
					 count);
	if (nowhere > thread_count && nowhere > count / 4)
		return grf_misread_error(layout, "goroutines did not begin in a function", nowhere,
					 count);
	return NULL;
}
