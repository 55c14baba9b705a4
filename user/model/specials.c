/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Specials hang from a span as a list sorted by offset (runtime/mheap.go). Their kinds are numbered
 * anew in nearly every release, so the numbers stand in a table; the fields come from the layout.
 */
#include "model/specials.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/log.h"

/* A list longer than this for each slot of its span is a loop. */
#define MAX_SPECIALS_PER_SLOT 64
/* More blocks than this in a queue is a loop. */
#define MAX_BLOCKS (1u << 24)

enum special_kind { SPECIAL_OTHER, SPECIAL_FINALIZER, SPECIAL_WEAK_HANDLE, SPECIAL_CLEANUP };

/* _KindSpecial* from a minor release on; 0: the release has no such kind. */
static const struct {
	int since;
	uint8_t finalizer, weak_handle, cleanup;
} kind_tables[] = {
    {0, 1, 0, 0},
    {23, 1, 2, 0},
    {24, 1, 2, 6},
    {25, 2, 3, 7},
};

struct special_reader {
	const struct grf_image *image;
	const struct grf_layout *layout;
	uint8_t finalizer, weak_handle, cleanup;
	GRF_ARRAY(struct grf_special_root) roots;
	bool no_memory;
	uint64_t broken;
};

static void add(struct special_reader *reader, const char *name, enum grf_root_value_kind kind,
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

/* The word of a structure at `address`; 0 when this version lacks the field. */
static uint64_t word(const struct special_reader *reader, uint64_t address, int64_t offset)
{
	uint64_t value = 0;

	if (offset >= 0)
		grf_image_u64(reader->image, address + (uint64_t)offset, &value);
	return value;
}

#define WORD(address, structure, field)                                                            \
	word(reader, address, grf_offset(reader->layout, structure, field))

/* Go 1.24 and 1.25 keep a cleanup's function, which holds its argument; 1.26 keeps {call, fn, arg}
 * (runtime/mcleanup.go). `address` is that of the cleanupFn, or of the one word. */
static void add_cleanup_fn(struct special_reader *reader, uint64_t address)
{
	add(reader, "runtime.AddCleanup.fn", GRF_ROOT_FUNCTION, WORD(address, cleanup_fn, fn), 0);
	add(reader, "runtime.AddCleanup.fn", GRF_ROOT_FUNCTION, WORD(address, cleanup_fn, call), 0);
	add(reader, "runtime.AddCleanup.arg", GRF_ROOT_OBJECT, WORD(address, cleanup_fn, arg), 0);
}

static void take_special(struct special_reader *reader, const struct grf_span *span,
			 uint64_t special, uint64_t offset, uint8_t kind)
{
	uint64_t object = span->base + offset;

	if (kind == reader->finalizer) {
		add(reader, "runtime.SetFinalizer.obj", GRF_ROOT_REFERENTS, object,
		    WORD(special, specialfinalizer, ot));
		add(reader, "runtime.SetFinalizer.fn", GRF_ROOT_FUNCTION,
		    WORD(special, specialfinalizer, fn), 0);
	} else if (reader->weak_handle && kind == reader->weak_handle) {
		add(reader, "runtime.weakHandle", GRF_ROOT_OBJECT,
		    WORD(special, special_weak_handle, handle), 0);
	} else if (reader->cleanup && kind == reader->cleanup) {
		if (grf_has(reader->layout, special_cleanup, cleanup))
			add_cleanup_fn(reader,
				       special + (uint64_t)grf_offset(reader->layout,
								      special_cleanup, cleanup));
		else
			add(reader, "runtime.AddCleanup.fn", GRF_ROOT_FUNCTION,
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

static void read_span(struct special_reader *reader, const struct grf_span *span)
{
	uint64_t limit = (uint64_t)span->slot_count * MAX_SPECIALS_PER_SLOT;
	uint64_t special = span->specials, offset;
	uint8_t kind;

	for (; special && limit; limit--, special = WORD(special, special, next)) {
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

/* Finalizers that wait to run: blocks {…, alllink, cnt, fin[]} off the heap (runtime/mfinal.go). */
static void read_finalizer_queue(struct special_reader *reader, uint64_t variable)
{
	uint64_t block = word(reader, variable, 0), size, stride, room;
	uint64_t left = MAX_BLOCKS;

	size = (uint64_t)grf_offset(reader->layout, finblock, _size);
	stride = (uint64_t)grf_offset(reader->layout, finalizer, _size);
	room = (size - (uint64_t)grf_offset(reader->layout, finblock, fin)) / stride;
	for (; block && left; left--, block = WORD(block, finblock, alllink)) {
		uint64_t entry = block + (uint64_t)grf_offset(reader->layout, finblock, fin);
		uint64_t count = (uint32_t)WORD(block, finblock, cnt);

		if (count > room)
			count = room;
		for (uint64_t i = 0; i < count; i++, entry += stride) {
			add(reader, "runtime.SetFinalizer.obj", GRF_ROOT_OBJECT,
			    WORD(entry, finalizer, arg), WORD(entry, finalizer, ot));
			add(reader, "runtime.SetFinalizer.fn", GRF_ROOT_FUNCTION,
			    WORD(entry, finalizer, fn), 0);
		}
	}
	if (block)
		reader->broken++;
}

/* cleanupBlockHeader: {lfnode {next, pushcnt}; alllink; n uint32} (runtime/mcleanup.go, 1.25+). */
#define CLEANUP_BLOCK_ALL_LINK 16
#define CLEANUP_BLOCK_COUNT    24

static void read_cleanup_queue(struct special_reader *reader, uint64_t variable)
{
	const struct grf_layout *layout = reader->layout;
	int64_t entries = grf_offset(layout, cleanup_block, cleanups);
	uint64_t block, left = MAX_BLOCKS, stride = 8, room;

	if (!grf_has(layout, cleanup_queue, all) || entries < 0)
		return;
	if (grf_has(layout, cleanup_fn, _size))
		stride = (uint64_t)grf_offset(layout, cleanup_fn, _size);
	room = ((uint64_t)grf_offset(layout, cleanup_block, _size) - (uint64_t)entries) / stride;
	block = WORD(variable, cleanup_queue, all);
	for (; block && left; left--, block = word(reader, block, CLEANUP_BLOCK_ALL_LINK)) {
		uint64_t count = (uint32_t)word(reader, block, CLEANUP_BLOCK_COUNT);

		if (count > room)
			count = room;
		for (uint64_t i = 0; i < count; i++) {
			uint64_t entry = block + (uint64_t)entries + i * stride;

			if (grf_has(layout, cleanup_fn, _size))
				add_cleanup_fn(reader, entry);
			else
				add(reader, "runtime.AddCleanup.fn", GRF_ROOT_FUNCTION,
				    word(reader, entry, 0), 0);
		}
	}
	if (block)
		reader->broken++;
}

struct grf_error *grf_special_roots_read(const struct grf_image *image,
					 const struct grf_layout *layout,
					 const struct grf_heap *heap,
					 const struct grf_special_variables *variables,
					 struct grf_special_roots **ret)
{
	struct special_reader reader = {.image = image, .layout = layout};
	struct grf_special_roots *roots = calloc(1, sizeof(*roots));

	if (!roots)
		return grf_error_no_memory();
	for (size_t i = 0; i < sizeof(kind_tables) / sizeof(*kind_tables); i++) {
		if (kind_tables[i].since > layout->version.minor)
			break;
		reader.finalizer = kind_tables[i].finalizer;
		reader.weak_handle = kind_tables[i].weak_handle;
		reader.cleanup = kind_tables[i].cleanup;
	}
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
