/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the specials of spans, each span's a list sorted by offset and kind (runtime/mheap.go), and
 * the queues of those that wait to run. Many releases have new numbers for the kinds (release.h);
 * the fields come from the layout.
 *
 * A special keeps alive (markrootSpans in mgcmark.go): a finalizer its function and what its object
 * points to, but not the object; a cleanup its function, and since Go 1.26 its argument; a weak
 * handle the handle. A finalizer in the queue also keeps its object and the types that the call
 * needs: types that reflect made are objects of the heap.
 */
#include "model/heap/specials.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/log.h"

/* A longer list for each slot of a span is damaged. */
#define MAX_SPECIALS_PER_SLOT 64
/* Bytes of a special, at least: next, offset, kind. */
#define MIN_SPECIAL 16
/* A queue of more blocks is a loop. */
#define MAX_BLOCKS (1u << 20)

struct special_reader {
	const struct grf_image *image;
	const struct grf_layout *layout;
	const struct grf_heap *heap;
	const struct grf_special_kinds *kinds;
	GRF_ARRAY(struct grf_special_root) roots;
	bool no_memory;
	uint64_t left; /* bytes that the image can hold of further records */
	uint64_t broken;
};

static void add_root(struct special_reader *reader, const char *name, enum grf_root_value_kind kind,
		     uint64_t value, uint64_t type)
{
	struct grf_special_root *root;

	if (!value)
		return;
	root = grf_array_add(&reader->roots);
	if (!root) {
		reader->no_memory = true;
		return;
	}
	*root = (struct grf_special_root){name, kind, value, type};
}

/* Whether the image can hold one more record of `bytes` bytes. Only in a damaged image do lists
 * share their ends, or blocks overlap. */
static bool afford_bytes(struct special_reader *reader, uint64_t bytes)
{
	if (reader->left < bytes)
		return false;
	reader->left -= bytes;
	return true;
}

#define WORD(address, structure, field)                                                            \
	grf_image_field(reader->image, address, grf_offset(reader->layout, structure, field))

/* Go 1.24 and 1.25 keep a cleanup's function, which holds its argument; 1.26 keeps {call, fn, arg}
 * (runtime/mcleanup.go). `address` is that of the cleanupFn, or of the one word. */
static void add_cleanup_fn(struct special_reader *reader, uint64_t address)
{
	add_root(reader, "runtime.AddCleanup.fn", GRF_ROOT_FUNCTION, WORD(address, cleanup_fn, fn),
		 0);
	add_root(reader, "runtime.AddCleanup.fn", GRF_ROOT_FUNCTION,
		 WORD(address, cleanup_fn, call), 0);
	add_root(reader, "runtime.AddCleanup.arg", GRF_ROOT_OBJECT, WORD(address, cleanup_fn, arg),
		 0);
}

static void take_special(struct special_reader *reader, const struct grf_span *span,
			 uint64_t special, uint64_t offset, uint8_t kind)
{
	uint64_t object = span->base + offset;

	if (kind == reader->kinds->finalizer) {
		add_root(reader, "runtime.SetFinalizer.obj", GRF_ROOT_REFERENTS, object,
			 WORD(special, specialfinalizer, ot));
		add_root(reader, "runtime.SetFinalizer.fn", GRF_ROOT_FUNCTION,
			 WORD(special, specialfinalizer, fn), 0);
	} else if (reader->kinds->weak_handle && kind == reader->kinds->weak_handle) {
		add_root(reader, "runtime.weakHandle", GRF_ROOT_OBJECT,
			 WORD(special, special_weak_handle, handle), 0);
	} else if (reader->kinds->cleanup && kind == reader->kinds->cleanup) {
		if (grf_has(reader->layout, special_cleanup, cleanup))
			add_cleanup_fn(reader,
				       special + (uint64_t)grf_offset(reader->layout,
								      special_cleanup, cleanup));
		else
			add_root(reader, "runtime.AddCleanup.fn", GRF_ROOT_FUNCTION,
				 WORD(special, special_cleanup, fn), 0);
	}
}

/* The offset of a special's object in its span: 16 bits up to Go 1.23, a word since. */
static bool special_offset(const struct special_reader *reader, uint64_t special, uint64_t *ret)
{
	int64_t at = grf_offset(reader->layout, special, offset);
	int64_t kind = grf_offset(reader->layout, special, kind);
	uint16_t narrow;

	if (kind - at >= 8)
		return grf_image_u64(reader->image, special + (uint64_t)at, ret);
	if (!grf_image_u16(reader->image, special + (uint64_t)at, &narrow))
		return false;
	*ret = narrow;
	return true;
}

/* Finds loops in a chain: compares each link with one that was seen a power of two steps ago
 * (Brent's algorithm). */
struct loop_check {
	uint64_t seen, steps, next;
};

static bool is_loop(struct loop_check *check, uint64_t link)
{
	if (link == check->seen)
		return true;
	if (check->steps++ == check->next) {
		check->seen = link;
		check->next = check->steps * 2;
	}
	return false;
}

static void read_span(struct special_reader *reader, const struct grf_span *span)
{
	uint64_t limit = (uint64_t)span->slot_count * MAX_SPECIALS_PER_SLOT;
	uint64_t special = span->specials, offset;
	struct loop_check check = {0};
	uint8_t kind;

	for (; special && limit && !is_loop(&check, special) && afford_bytes(reader, MIN_SPECIAL);
	     limit--, special = WORD(special, special, next)) {
		if (!special_offset(reader, special, &offset) ||
		    !grf_image_u8(reader->image,
				  special + (uint64_t)grf_offset(reader->layout, special, kind),
				  &kind) ||
		    offset >= span->limit - span->base) {
			reader->broken++;
			return;
		}
		take_special(reader, span, special, offset, kind);
	}
	if (special)
		reader->broken++;
}

/* Adds a type that a queued finalizer's call needs. Types of the binary are no objects. */
static void add_type(struct special_reader *reader, uint64_t type)
{
	if (grf_heap_span(reader->heap, type))
		add_root(reader, "runtime.SetFinalizer.type", GRF_ROOT_OBJECT, type, 0);
}

/* Go 1.24 queues cleanups here, without an object. */
static void add_queued_finalizer(struct special_reader *reader, uint64_t entry)
{
	if (!WORD(entry, finalizer, arg)) {
		add_root(reader, "runtime.AddCleanup.fn", GRF_ROOT_FUNCTION,
			 WORD(entry, finalizer, fn), 0);
		return;
	}
	add_root(reader, "runtime.SetFinalizer.obj", GRF_ROOT_OBJECT, WORD(entry, finalizer, arg),
		 WORD(entry, finalizer, ot));
	add_root(reader, "runtime.SetFinalizer.fn", GRF_ROOT_FUNCTION, WORD(entry, finalizer, fn),
		 0);
	add_type(reader, WORD(entry, finalizer, fint));
	add_type(reader, WORD(entry, finalizer, ot));
}

static void add_queued_cleanup(struct special_reader *reader, uint64_t entry)
{
	if (grf_has(reader->layout, cleanup_fn, _size))
		add_cleanup_fn(reader, entry);
	else
		add_root(reader, "runtime.AddCleanup.fn", GRF_ROOT_FUNCTION,
			 grf_image_field(reader->image, entry, 0), 0);
}

/* A queue: blocks off the heap, all of them chained, each with a count of entries. */
struct queue {
	uint64_t block; /* the first */
	int64_t size, link, count, entries;
	int64_t stride;
	void (*add_entry)(struct special_reader *reader, uint64_t entry);
};

static void read_queue(struct special_reader *reader, const struct queue *queue)
{
	struct loop_check check = {0};
	uint64_t block = queue->block, left = MAX_BLOCKS, room;

	if (queue->link < 0 || queue->count < 0 || queue->entries < 0 || queue->stride < 8 ||
	    queue->size < queue->entries)
		return;
	room = (uint64_t)(queue->size - queue->entries) / (uint64_t)queue->stride;
	for (; block && left && !is_loop(&check, block) && !reader->no_memory &&
	       afford_bytes(reader, (uint64_t)queue->size);
	     left--, block = grf_image_field(reader->image, block, queue->link)) {
		uint64_t entry = block + (uint64_t)queue->entries;
		uint32_t count = 0;

		if (!grf_image_u32(reader->image, block + (uint64_t)queue->count, &count) ||
		    count > room)
			break;
		for (uint32_t i = 0; i < count; i++, entry += (uint64_t)queue->stride)
			queue->add_entry(reader, entry);
	}
	if (block)
		reader->broken++;
}

/* runtime.allfin (mfinal.go). */
static void read_finalizer_queue(struct special_reader *reader, uint64_t variable)
{
	const struct grf_layout *layout = reader->layout;
	const struct queue queue = {
	    .block = grf_image_field(reader->image, variable, 0),
	    .size = grf_offset(layout, finblock, _size),
	    .link = grf_offset(layout, finblock, alllink),
	    .count = grf_offset(layout, finblock, cnt),
	    .entries = grf_offset(layout, finblock, fin),
	    .stride = grf_offset(layout, finalizer, _size),
	    .add_entry = add_queued_finalizer,
	};

	read_queue(reader, &queue);
}

/* runtime.gcCleanups (mcleanup.go, Go 1.25 and later). */
static void read_cleanup_queue(struct special_reader *reader, uint64_t variable)
{
	const struct grf_layout *layout = reader->layout;
	struct queue queue = {
	    .size = grf_offset(layout, cleanup_block, _size),
	    .link = grf_offset(layout, cleanup_block, alllink),
	    .count = grf_offset(layout, cleanup_block, n),
	    .entries = grf_offset(layout, cleanup_block, cleanups),
	    .stride =
		grf_has(layout, cleanup_fn, _size) ? grf_offset(layout, cleanup_fn, _size) : 8,
	    .add_entry = add_queued_cleanup,
	};

	if (!grf_has(layout, cleanup_queue, all))
		return;
	queue.block = WORD(variable, cleanup_queue, all);
	read_queue(reader, &queue);
}

struct grf_error *grf_special_roots_read(const struct grf_image *image,
					 const struct grf_layout *layout,
					 const struct grf_heap *heap,
					 const struct grf_special_variables *variables,
					 struct grf_special_roots **ret)
{
	struct special_reader reader = {.image = image, .layout = layout, .heap = heap};
	struct grf_special_roots *roots = calloc(1, sizeof(*roots));

	if (!roots)
		return grf_error_no_memory();
	reader.left = grf_image_held(image);
	reader.kinds = layout->release->specials;
	for (size_t i = 0; i < heap->span_count; i++)
		read_span(&reader, &heap->spans[i]);
	if (variables->allfin)
		read_finalizer_queue(&reader, variables->allfin);
	if (variables->gc_cleanups)
		read_cleanup_queue(&reader, variables->gc_cleanups);
	if (reader.broken)
		grf_warn("%llu lists of finalizers and cleanups are broken; what they hold is "
			 "missing",
			 (unsigned long long)reader.broken);
	roots->items = reader.roots.items;
	roots->count = reader.roots.count;
	if (reader.no_memory) {
		grf_special_roots_destroy(roots);
		return grf_error_no_memory();
	}
	*ret = roots;
	return NULL;
}

void grf_special_roots_destroy(struct grf_special_roots *roots)
{
	if (!roots)
		return;
	free(roots->items);
	free(roots);
}
