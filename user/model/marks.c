/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads mark bits of spans and, where the process has them, the checkmarks of arenas into one
 * bitmap by object id.
 */
#include "model/marks.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "model/heap/heap_parts.h"
#include "model/variables/variables.h"

/*
 * Functions at whose beginning marks are complete and nothing is swept. One goroutine runs them
 * once in each cycle with the world stopped (runtime/mgc.go, in every release). `bytes`: the length
 * of code for which this holds: until gcSweep takes a lock and begins a new sweep generation, and
 * until gcMarkTermination changes anything.
 */
static const struct {
	const char *function;
	uint64_t bytes;
} gc_points[] = {
    {"runtime.gcSweep", 48},
    {"runtime.gcMarkTermination", 16},
};

static bool stands_at_gc_point(const struct grf_model *model, const struct grf_thread *thread,
			       const char **ret_name)
{
	struct grf_function function;

	if (!grf_pclntab_find(model->pclntab, thread->pc, &function) || !function.name)
		return false;
	for (size_t i = 0; i < sizeof(gc_points) / sizeof(*gc_points); i++) {
		if (strcmp(function.name, gc_points[i].function) != 0 ||
		    thread->pc - function.entry >= gc_points[i].bytes)
			continue;
		*ret_name = function.name;
		return true;
	}
	return false;
}

/* Whether every span is swept, as at the end of each collection; see sweepgen in mheap.go. */
static bool all_swept(const struct grf_heap *heap)
{
	for (size_t i = 0; i < heap->span_count; i++)
		if (heap->spans[i].sweep_state != 0 && heap->spans[i].sweep_state != 3)
			return false;
	return true;
}

static void find_gc_point(const struct grf_model *model, struct grf_marks *marks)
{
	size_t count;
	const struct grf_thread *threads = grf_image_threads(model->image, &count);

	for (size_t i = 0; i < count && !marks->at_gc_point; i++) {
		if (!stands_at_gc_point(model, &threads[i], &marks->function))
			continue;
		marks->at_gc_point = true;
		marks->tid = threads[i].tid;
	}
	if (!marks->at_gc_point || all_swept(model->heap))
		return;
	grf_warn("a thread stands at the end of a garbage collection, but spans are not swept as "
		 "they should be there");
	marks->at_gc_point = false;
}

static void set_mark(struct grf_marks *marks, uint64_t id)
{
	marks->bits[id >> 3] |= (uint8_t)(1u << (id & 7));
}

static void take_mark_bits(const struct grf_heap *heap, struct grf_marks *marks)
{
	for (size_t i = 0; i < heap->span_count; i++) {
		const struct grf_span *span = &heap->spans[i];

		for (uint32_t slot = 0; slot < span->slot_count; slot++)
			if (span->marked[slot >> 3] >> (slot & 7) & 1)
				set_mark(marks, span->first_object + slot);
	}
}

/* The address of the checkmark bitmap for the arena of `address`; 0: none. It has a bit for each
 * word, and an object's bit is that of its first word (runtime/mcheckmark.go). */
static uint64_t checkmarks_of(struct grf_heap_reader *reader, uint64_t address)
{
	uint64_t arena = grf_heap_arena(reader, address);
	int64_t offset = grf_offset(reader->layout, heap_arena, checkmarks);

	return grf_image_field(reader->image, arena, offset);
}

/* Takes the checkmarks of a span. False: it has none. */
static bool take_checkmarks_of(struct grf_heap_reader *reader, const struct grf_span *span,
			       struct grf_marks *marks)
{
	for (uint32_t slot = 0; slot < span->slot_count; slot++) {
		uint64_t address = span->base + slot * span->element_size;
		uint64_t word = address % GRF_ARENA_BYTES / 8;
		uint64_t bitmap = checkmarks_of(reader, address);
		uint8_t byte;

		if (!bitmap)
			return false;
		/* Pages of the bitmap that were never written to are not in the image. */
		if (grf_image_u8(reader->image, bitmap + word / 8, &byte) && byte >> (word % 8) & 1)
			set_mark(marks, span->first_object + slot);
	}
	return true;
}

/* Takes the exact marks. False: this process makes none. */
static bool take_checkmarks(const struct grf_model *model, struct grf_marks *marks)
{
	struct grf_heap_reader reader = {
	    .image = model->image,
	    .layout = &model->layout,
	    .mheap = grf_types_variable(model->types, "runtime.mheap_"),
	};

	if (!model->layout.release->exact_checkmarks)
		return false;
	for (size_t i = 0; i < model->heap->span_count; i++)
		if (!take_checkmarks_of(&reader, &model->heap->spans[i], marks)) {
			memset(marks->bits, 0, model->heap->object_ids / 8 + 1);
			return false;
		}
	return true;
}

struct grf_error *grf_marks_read(const struct grf_model *model, struct grf_marks *ret)
{
	struct grf_marks marks = {0};

	marks.bits = calloc(1, model->heap->object_ids / 8 + 1);
	if (!marks.bits)
		return grf_error_no_memory();
	find_gc_point(model, &marks);
	if (marks.at_gc_point) {
		marks.exact = take_checkmarks(model, &marks);
		if (!marks.exact)
			take_mark_bits(model->heap, &marks);
	}
	*ret = marks;
	return NULL;
}

bool grf_marks_pass_over(const struct grf_model *model, const struct grf_span *span, uint32_t slot)
{
	const struct grf_layout *layout = &model->layout;
	struct grf_raw_span raw;
	const uint8_t *memory;
	uint8_t bits;

	if (!layout->release->exact_checkmarks || !grf_has(layout, mspan, free_index_for_scan))
		return false;
	memory =
	    grf_image_at(model->image, span->address, (uint64_t)grf_offset(layout, mspan, _size));
	if (!memory)
		return false;
	grf_raw_span_read(layout, memory, &raw);
	return slot >= raw.scan_index && slot < raw.free_index &&
	       grf_image_u8(model->image, raw.alloc_bits + slot / 8, &bits) &&
	       !(bits >> (slot % 8) & 1);
}

void grf_marks_free(struct grf_marks *marks)
{
	free(marks->bits);
	marks->bits = NULL;
}
