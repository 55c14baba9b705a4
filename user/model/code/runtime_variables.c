/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program without DWARF and symbols does not tell where its variables are, but the few of the
 * runtime's that a walk begins with look like nothing else. Two ways lead to them:
 *
 * By shape: each word of the module's data is tried for the beginning of the variable, and taken
 * when what hangs from it is as the runtime keeps it: the spans of runtime.mheap_ are where its own
 * arena index says; the elements of runtime.allgs are goroutines whose saved state names
 * themselves; an m of runtime.allm has a g0 that belongs to it; the p at index i of runtime.allp
 * has the number i. These checks hold in all releases, and no other variable passes them; where
 * one is a copy of another, or the tail of its list, the longest is taken.
 *
 * By reference: runtime.allfin and runtime.gcCleanups are often empty, and then have no shape. They
 * are among the variables that the machine code of two functions has in common: of the one that
 * adds to the list, and of runtime.markroot, which goes through it (runtime/mgcmark.go). Empty
 * ones are as good as none.
 */
#include "model/code/runtime_variables.h"

#include <string.h>

#include "arch/arch.h"
#include "base/log.h"
#include "model/heap/heap_parts.h"

#define MAX_LIST (1u << 20)
/* Elements of lists that one search looks at. Nearly all words fail at the first: only one of a
 * damaged image begins another list each. */
#define MAX_STEPS ((uint64_t)1 << 26)
/* How many elements of a list are looked at before it is believed. */
#define SAMPLE 256
/* The smallest stack, and what sizes of stacks are powers of two from (runtime/stack.go). */
#define MIN_STACK 2048u
/* References to the module's data in one function. */
#define MAX_REFERENCES 512
#define MAX_FUNCTION   (1u << 20)

struct search {
	const struct grf_image *image;
	const struct grf_layout *layout;
	const struct grf_modules *modules;
	struct grf_pclntab *table;
	uint64_t *steps; /* elements of lists that may still be looked at; NULL: of none */
};

static bool take_step(const struct search *search)
{
	if (!*search->steps)
		return false;
	--*search->steps;
	return true;
}

static uint64_t field_at(const struct search *search, uint64_t address, int64_t offset)
{
	return grf_image_field(search->image, address, offset);
}

#define FIELD(address, structure, name)                                                            \
	field_at(search, address, grf_offset(search->layout, structure, name))

/* Reads the slice header at `address`: 1 to `limit` elements, all of which are there. */
static bool read_slice(const struct search *search, uint64_t address, uint64_t limit,
		       struct grf_slice *ret)
{
	uint64_t capacity;

	ret->data = grf_image_word(search->image, address);
	if (!ret->data || ret->data & 7)
		return false;
	ret->length = grf_image_word(search->image, address + 8);
	capacity = grf_image_word(search->image, address + 16);
	return ret->length && ret->length <= capacity && capacity <= limit &&
	       grf_image_find(search->image, ret->data) &&
	       grf_image_find(search->image, ret->data + ret->length * 8 - 1);
}

/* --- shapes ----------------------------------------------------------------------------------- */

/* Whether the arena index of the mheap says that a span is where the span itself says. */
static bool owns_span(const struct search *search, uint64_t mheap, uint64_t span)
{
	struct grf_heap_reader reader = {
	    .image = search->image, .layout = search->layout, .mheap = mheap};
	uint64_t start = FIELD(span, mspan, start_addr), arena;

	if (!start || start % GRF_PAGE_BYTES)
		return false;
	arena = grf_heap_arena(&reader, start);
	return arena &&
	       grf_image_word(search->image,
			      arena + (uint64_t)grf_offset(search->layout, heap_arena, spans) +
				  start % GRF_ARENA_BYTES / GRF_PAGE_BYTES * 8) == span;
}

/* What each of these gives is how good the find is; 0: none. */
static uint64_t looks_like_mheap(const struct search *search, uint64_t address)
{
	uint64_t in_use = 0, owned = 0;
	struct grf_slice spans;

	if (!read_slice(search, address + (uint64_t)grf_offset(search->layout, mheap, allspans),
			GRF_MAX_SPANS, &spans))
		return 0;
	for (uint64_t i = 0; i < spans.length && in_use < SAMPLE; i++) {
		uint64_t span = grf_image_word(search->image, spans.data + i * 8);
		uint8_t state;

		if (!take_step(search) ||
		    !grf_image_u8(search->image,
				  span + (uint64_t)grf_offset(search->layout, mspan, state),
				  &state) ||
		    (!in_use && i >= SAMPLE))
			return 0;
		if (state != GRF_SPAN_IN_USE)
			continue;
		in_use++;
		owned += owns_span(search, address, span);
		if (in_use == 8 && !owned)
			return 0;
	}
	/* A process that was stopped in the middle of allocating may have one that is not yet. */
	return owned * 8 >= in_use * 7 ? owned : 0;
}

static bool is_goroutine(const struct search *search, uint64_t g)
{
	int64_t saved = grf_offset(search->layout, gobuf, g);
	uint64_t self;
	uint32_t status;

	if (!g || g & 7 ||
	    !grf_image_u32(search->image, g + (uint64_t)grf_offset(search->layout, g, atomicstatus),
			   &status) ||
	    (status & ~(uint32_t)GRF_G_SCAN_BIT) > (uint32_t)GRF_G_LAST_STATUS ||
	    grf_image_word(search->image, g) > grf_image_word(search->image, g + 8))
		return false;
	if (saved < 0)
		return true;
	self = FIELD(g + (uint64_t)saved, g, sched);
	return self == g || !self;
}

/* Whether a goroutine's number and stack are what those of one that has run are: zeros would pass
 * for a g else. */
static bool has_run(const struct search *search, uint64_t g)
{
	uint64_t low = grf_image_word(search->image, g),
		 size = grf_image_word(search->image, g + 8) - low;

	return FIELD(g, g, goid) && low && size >= MIN_STACK && !(size & (size - 1)) &&
	       !(low & (MIN_STACK - 1));
}

static uint64_t looks_like_allgs(const struct search *search, uint64_t address)
{
	struct grf_slice all;
	uint64_t run = 0;

	if (!read_slice(search, address, GRF_MAX_GOROUTINES, &all))
		return 0;
	for (uint64_t i = 0; i < all.length && i < SAMPLE; i++) {
		uint64_t g = grf_image_word(search->image, all.data + i * 8);

		if (!take_step(search) || !is_goroutine(search, g))
			return 0;
		run += has_run(search, g);
	}
	return run ? all.length : 0;
}

static uint64_t looks_like_allm(const struct search *search, uint64_t address)
{
	uint64_t m = grf_image_word(search->image, address), length = 0;

	for (; m && length < MAX_LIST; length++) {
		uint64_t g0 = m & 7 ? 0 : FIELD(m, m, g0);

		if (!take_step(search) || !g0 || g0 & 7 || FIELD(g0, g, m) != m)
			return 0;
		m = FIELD(m, m, alllink);
	}
	return length;
}

static uint64_t looks_like_allp(const struct search *search, uint64_t address)
{
	struct grf_slice all;

	if (!read_slice(search, address, GRF_MAX_PROCESSORS, &all))
		return 0;
	for (uint64_t i = 0; i < all.length; i++) {
		uint64_t p = grf_image_word(search->image, all.data + i * 8);
		uint32_t number, status;

		/* A p begins with its number and its status (runtime/runtime2.go). */
		if (!take_step(search) || !p || p & 7 ||
		    !grf_image_u32(search->image, p, &number) || number != i ||
		    !grf_image_u32(search->image, p + 4, &status) || status > 4 ||
		    (status != 4 && !FIELD(p, p, mcache)))
			return 0;
	}
	return all.length;
}

/* --- by shape --------------------------------------------------------------------------------- */

typedef uint64_t looks_like(const struct search *search, uint64_t address);

static void scan_segment(const struct search *search, uint64_t start, uint64_t end,
			 looks_like *test, uint64_t *best, uint64_t *ret)
{
	uint64_t until;

	/* What only claims to be zero is no list. */
	for (; (until = grf_image_next_held(search->image, &start, end)); start = until) {
		for (uint64_t at = (start + 7) & ~UINT64_C(7); at + 8 <= until; at += 8) {
			uint64_t found = test(search, at);

			if (found > *best) {
				*best = found;
				*ret = at;
			}
		}
	}
}

static uint64_t find_by_shape(const struct search *search, looks_like *test)
{
	uint64_t best = 0, found = 0;

	for (size_t i = 0; i < search->modules->count; i++) {
		const struct grf_module *module = &search->modules->items[i];

		scan_segment(search, module->noptrdata, module->enoptrdata, test, &best, &found);
		scan_segment(search, module->data, module->edata, test, &best, &found);
		scan_segment(search, module->bss, module->ebss, test, &best, &found);
		scan_segment(search, module->noptrbss, module->enoptrbss, test, &best, &found);
	}
	return found;
}

/* --- by reference ----------------------------------------------------------------------------- */

struct references {
	uint64_t address[MAX_REFERENCES];
	size_t count;
};

/* The addresses of static data that the code of a function names. */
static void references_of(const struct search *search, const char *name, struct references *ret)
{
	struct grf_function function;
	struct grf_code code;

	ret->count = 0;
	if (!grf_pclntab_by_name(search->table, name, &function))
		return;
	code =
	    (struct grf_code){.length = function.end - function.entry, .address = function.entry};
	if (code.length <= MAX_FUNCTION)
		code.bytes = grf_image_at(search->image, code.address, code.length);
	if (code.bytes)
		ret->count = grf_image_arch(search->image)
				 ->named_addresses(&code, ret->address, MAX_REFERENCES);
}

static bool refers_to(const struct references *references, uint64_t address)
{
	for (size_t i = 0; i < references->count; i++)
		if (references->address[i] == address)
			return true;
	return false;
}

static bool is_static_data(const struct search *search, uint64_t address)
{
	for (size_t i = 0; i < search->modules->count; i++) {
		const struct grf_module *module = &search->modules->items[i];

		if ((address >= module->noptrdata && address < module->enoptrdata) ||
		    (address >= module->data && address < module->edata) ||
		    (address >= module->bss && address < module->ebss) ||
		    (address >= module->noptrbss && address < module->enoptrbss))
			return true;
	}
	return false;
}

/* Whether `head` begins a list of blocks, each with no more entries than it has room for. */
static bool is_block_list(const struct search *search, uint64_t head, int64_t link, int64_t count,
			  uint64_t room)
{
	unsigned int steps = 0;

	for (; head && steps < MAX_LIST; steps++) {
		uint32_t used;

		if (!take_step(search) || head & 7 ||
		    !grf_image_u32(search->image, head + (uint64_t)count, &used) || used > room)
			return false;
		head = grf_image_word(search->image, head + (uint64_t)link);
	}
	return steps && steps < MAX_LIST;
}

static uint64_t find_allfin(const struct search *search)
{
	const struct grf_layout *layout = search->layout;
	uint64_t room = ((uint64_t)grf_offset(layout, finblock, _size) -
			 (uint64_t)grf_offset(layout, finblock, fin)) /
			(uint64_t)grf_offset(layout, finalizer, _size);
	struct references adds, marks;

	references_of(search, "runtime.queuefinalizer", &adds);
	references_of(search, "runtime.markroot", &marks);
	for (size_t i = 0; i < marks.count; i++) {
		uint64_t address = marks.address[i];

		if (refers_to(&adds, address) && is_static_data(search, address) &&
		    is_block_list(search, grf_image_word(search->image, address),
				  grf_offset(layout, finblock, alllink),
				  grf_offset(layout, finblock, cnt), room))
			return address;
	}
	return 0;
}

/* The queue is handed to its methods as a whole, while markroot loads its list. */
static uint64_t find_cleanups(const struct search *search)
{
	const struct grf_layout *layout = search->layout;
	int64_t all = grf_offset(layout, cleanup_queue, all);
	struct references runs, marks;

	if (all < 0 || !grf_has(layout, cleanup_block, alllink) ||
	    !grf_has(layout, cleanup_block, n))
		return 0;
	references_of(search, "runtime.runCleanups", &runs);
	references_of(search, "runtime.markroot", &marks);
	for (size_t i = 0; i < runs.count; i++) {
		uint64_t address = runs.address[i];

		if (refers_to(&marks, address + (uint64_t)all) && is_static_data(search, address) &&
		    is_block_list(search, grf_image_word(search->image, address + (uint64_t)all),
				  grf_offset(layout, cleanup_block, alllink),
				  grf_offset(layout, cleanup_block, n),
				  (uint64_t)grf_offset(layout, cleanup_block, _size) / 8))
			return address;
	}
	return 0;
}

/* allgadd names all three words of the slice, as no other variable's. */
uint64_t grf_runtime_allgs_by_code(const struct grf_image *image, const struct grf_layout *layout,
				   const struct grf_modules *modules, struct grf_pclntab *table)
{
	const struct search search = {image, layout, modules, table, NULL};
	struct references references;

	references_of(&search, "runtime.allgadd", &references);
	for (size_t i = 0; i < references.count; i++) {
		uint64_t address = references.address[i];

		if (is_static_data(&search, address) && refers_to(&references, address + 8) &&
		    refers_to(&references, address + 16))
			return address;
	}
	return 0;
}

/* gcSweep takes the heap's lock, which comes first in it, and counts its sweepgen on. */
uint64_t grf_runtime_mheap_by_code(const struct grf_image *image, const struct grf_layout *layout,
				   const struct grf_modules *modules, struct grf_pclntab *table)
{
	const struct search search = {image, layout, modules, table, NULL};
	uint64_t sweepgen = (uint64_t)grf_offset(layout, mheap, sweepgen);
	struct references references;

	references_of(&search, "runtime.gcSweep", &references);
	for (size_t i = 0; i < references.count; i++) {
		uint64_t address = references.address[i];

		if (is_static_data(&search, address) && refers_to(&references, address + sweepgen))
			return address;
	}
	return 0;
}

uint64_t grf_runtime_variable(const struct grf_image *image, const struct grf_layout *layout,
			      const struct grf_modules *modules, struct grf_pclntab *table,
			      const char *name)
{
	static const struct {
		const char *name;
		looks_like *test;
	} shapes[] = {
	    {"runtime.mheap_", looks_like_mheap},
	    {"runtime.allgs", looks_like_allgs},
	    {"runtime.allm", looks_like_allm},
	    {"runtime.allp", looks_like_allp},
	};
	uint64_t began = grf_now(), found = 0, steps = MAX_STEPS;
	const struct search search = {image, layout, modules, table, &steps};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		if (!strcmp(name, shapes[i].name))
			found = find_by_shape(&search, shapes[i].test);
	if (table && !strcmp(name, "runtime.allfin"))
		found = find_allfin(&search);
	if (table && !strcmp(name, "runtime.gcCleanups"))
		found = find_cleanups(&search);
	grf_verbose("%s: %s at %#llx (%.3f s)", name, found ? "found" : "not found",
		    (unsigned long long)found, (double)(grf_now() - began) / 1e9);
	return found;
}
