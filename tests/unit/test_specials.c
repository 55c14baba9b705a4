/* SPDX-License-Identifier: BSD-2-Clause */
/* Finalizers, cleanups and weak handles, on a heap made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "go_heap.h"
#include "model/heap/specials.h"

#define OBJECTS GO_HEAP_BASE /* eight of 1024 bytes */
#define ALLFIN  (GO_HEAP_OTHER + 0x8000)
#define QUEUE   (GO_HEAP_OTHER + 0x9000)
#define BLOCK_1 (GO_HEAP_OTHER + 0xa000)
#define BLOCK_2 (GO_HEAP_OTHER + 0xb000)

static struct go_heap go_heap;
static struct grf_special_roots *roots;
static uint64_t last_special;
static unsigned int special_count;

static void begin(const char *version)
{
	go_heap_begin(&go_heap, version);
	special_count = 0;
	roots = NULL;
}

/* The next special of the span's list. */
static uint64_t add_special(uint64_t offset, uint8_t kind)
{
	uint64_t address = GO_HEAP_OTHER + special_count * 64;
	const struct grf_layout *layout = &go_heap.layout;
	unsigned int width =
	    grf_offset(layout, special, kind) - grf_offset(layout, special, offset) == 8 ? 8 : 2;

	GO_HEAP_PUT(&go_heap, address, special, offset, offset, width);
	GO_HEAP_PUT(&go_heap, address, special, kind, kind, 1);
	if (special_count)
		GO_HEAP_PUT(&go_heap, last_special, special, next, address, 8);
	last_special = address;
	special_count++;
	return address;
}

static void read_roots(bool queues)
{
	const struct grf_special_variables variables = {queues ? ALLFIN : 0, queues ? QUEUE : 0};
	struct go_span span = {
	    .pages = 1,
	    .size_class = 32,
	    .element_size = 1024,
	    .slots = 8,
	    .free_index = 8,
	    .specials = special_count ? GO_HEAP_OTHER : 0,
	};

	go_heap_add(&go_heap, &span);
	go_heap_read(&go_heap);
	assert_null(grf_special_roots_read(go_heap.image, &go_heap.layout, go_heap.heap, &variables,
					   &roots));
}

static void end(void)
{
	grf_special_roots_destroy(roots);
	go_heap_end(&go_heap);
}

static void expect(size_t index, const char *name, enum grf_root_value_kind kind, uint64_t value,
		   uint64_t type)
{
	assert_true(index < roots->count);
	assert_string_equal(roots->items[index].name, name);
	assert_int_equal(roots->items[index].kind, kind);
	assert_int_equal(roots->items[index].value, value);
	assert_int_equal(roots->items[index].type, type);
}

static void put_finalizer(uint64_t special, uint64_t fn, uint64_t type)
{
	GO_HEAP_PUT(&go_heap, special, specialfinalizer, fn, fn, 8);
	GO_HEAP_PUT(&go_heap, special, specialfinalizer, ot, type, 8);
}

static void test_go_1_26(void **state)
{
	uint64_t special;

	(void)state;
	begin("go1.26.8");
	put_finalizer(add_special(8, 2), 0x501000, 0x502000);
	special = add_special(8, 3);
	GO_HEAP_PUT(&go_heap, special, special_weak_handle, handle, OBJECTS + 4096, 8);
	add_special(1024, 4); /* a profile's */
	special = add_special(1024, 7);
	special += (uint64_t)grf_offset(&go_heap.layout, special_cleanup, cleanup);
	GO_HEAP_PUT(&go_heap, special, cleanup_fn, call, 0x503000, 8);
	GO_HEAP_PUT(&go_heap, special, cleanup_fn, fn, 0x504000, 8);
	GO_HEAP_PUT(&go_heap, special, cleanup_fn, arg, OBJECTS + 5120, 8);
	read_roots(false);
	assert_int_equal(roots->count, 6);
	expect(0, "runtime.SetFinalizer.obj", GRF_ROOT_REFERENTS, OBJECTS + 8, 0x502000);
	expect(1, "runtime.SetFinalizer.fn", GRF_ROOT_FUNCTION, 0x501000, 0);
	expect(2, "runtime.weakHandle", GRF_ROOT_OBJECT, OBJECTS + 4096, 0);
	expect(3, "runtime.AddCleanup.fn", GRF_ROOT_FUNCTION, 0x504000, 0);
	expect(4, "runtime.AddCleanup.fn", GRF_ROOT_FUNCTION, 0x503000, 0);
	expect(5, "runtime.AddCleanup.arg", GRF_ROOT_OBJECT, OBJECTS + 5120, 0);
	end();
}

/* Which numbers the kinds have, and how wide the offset is. */
static void test_kinds(void **state)
{
	static const struct {
		const char *version;
		uint8_t finalizer, weak_handle, cleanup;
		size_t cleanup_roots;
	} cases[] = {
	    {"go1.17.13", 1, 0, 0, 0}, {"go1.22.12", 1, 0, 0, 0}, {"go1.23.12", 1, 2, 0, 0},
	    {"go1.24.9", 1, 2, 6, 1},  {"go1.25.5", 2, 3, 7, 1},  {"go1.27.0", 2, 3, 7, 3},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t at = 0, expected = 2;

		begin(cases[i].version);
		for (uint8_t kind = 0; kind < 12; kind++) {
			uint64_t special = add_special(2048, kind);

			/* The words behind the header, whatever they are. */
			for (uint64_t k = 0; k < 32; k += 8)
				go_heap_put(&go_heap,
					    special +
						(grf_offset(&go_heap.layout, special, kind) == 16
						     ? 24
						     : 16) +
						k,
					    0x510000 + kind * 16, 8);
		}
		read_roots(false);
		expect(at++, "runtime.SetFinalizer.obj", GRF_ROOT_REFERENTS, OBJECTS + 2048,
		       0x510000 + cases[i].finalizer * 16);
		expect(at++, "runtime.SetFinalizer.fn", GRF_ROOT_FUNCTION,
		       0x510000 + cases[i].finalizer * 16, 0);
		if (cases[i].weak_handle) {
			expect(at++, "runtime.weakHandle", GRF_ROOT_OBJECT,
			       0x510000 + cases[i].weak_handle * 16, 0);
			expected++;
		}
		if (cases[i].cleanup) {
			expect(at++, "runtime.AddCleanup.fn", GRF_ROOT_FUNCTION,
			       0x510000 + cases[i].cleanup * 16, 0);
			expected += cases[i].cleanup_roots;
		}
		assert_int_equal(roots->count, expected);
		end();
	}
}

static void put_queued(uint64_t block, unsigned int index, uint64_t fn, uint64_t object,
		       uint64_t type)
{
	uint64_t entry = block + (uint64_t)grf_offset(&go_heap.layout, finblock, fin) +
			 index * (uint64_t)grf_offset(&go_heap.layout, finalizer, _size);

	GO_HEAP_PUT(&go_heap, entry, finalizer, fn, fn, 8);
	GO_HEAP_PUT(&go_heap, entry, finalizer, arg, object, 8);
	GO_HEAP_PUT(&go_heap, entry, finalizer, ot, type, 8);
	GO_HEAP_PUT(&go_heap, entry, finalizer, fint, 0x520000, 8);
}

static void test_queued_finalizers(void **state)
{
	(void)state;
	begin("go1.24.9");
	go_heap_put(&go_heap, ALLFIN, BLOCK_1, 8);
	GO_HEAP_PUT(&go_heap, BLOCK_1, finblock, alllink, BLOCK_2, 8);
	GO_HEAP_PUT(&go_heap, BLOCK_1, finblock, cnt, 1, 4);
	GO_HEAP_PUT(&go_heap, BLOCK_2, finblock, cnt, 2, 4);
	put_queued(BLOCK_1, 0, 0x501000, OBJECTS + 1024, 0x502000);
	put_queued(BLOCK_1, 1, 0x501000, OBJECTS, 0x502000); /* done already */
	/* A cleanup has no object; a type that reflect made is one. */
	put_queued(BLOCK_2, 0, 0x503000, 0, 0);
	put_queued(BLOCK_2, 1, 0x504000, OBJECTS + 2048, OBJECTS + 3072);
	read_roots(true);
	assert_int_equal(roots->count, 6);
	expect(0, "runtime.SetFinalizer.obj", GRF_ROOT_OBJECT, OBJECTS + 1024, 0x502000);
	expect(1, "runtime.SetFinalizer.fn", GRF_ROOT_FUNCTION, 0x501000, 0);
	expect(2, "runtime.AddCleanup.fn", GRF_ROOT_FUNCTION, 0x503000, 0);
	expect(3, "runtime.SetFinalizer.obj", GRF_ROOT_OBJECT, OBJECTS + 2048, OBJECTS + 3072);
	expect(4, "runtime.SetFinalizer.fn", GRF_ROOT_FUNCTION, 0x504000, 0);
	expect(5, "runtime.SetFinalizer.type", GRF_ROOT_OBJECT, OBJECTS + 3072, 0);
	end();
}

static void test_queued_cleanups(void **state)
{
	uint64_t entry;

	(void)state;
	begin("go1.25.5");
	GO_HEAP_PUT(&go_heap, QUEUE, cleanup_queue, all, BLOCK_1, 8);
	GO_HEAP_PUT(&go_heap, BLOCK_1, cleanup_block, alllink, BLOCK_2, 8);
	GO_HEAP_PUT(&go_heap, BLOCK_1, cleanup_block, n, 2, 4);
	GO_HEAP_PUT(&go_heap, BLOCK_1, cleanup_block, cleanups, 0x501000, 8);
	GO_HEAP_PUT(&go_heap, BLOCK_1 + 8, cleanup_block, cleanups, 0x502000, 8);
	GO_HEAP_PUT(&go_heap, BLOCK_1 + 16, cleanup_block, cleanups, 0x503000, 8);
	GO_HEAP_PUT(&go_heap, BLOCK_2, cleanup_block, n, 1, 4);
	GO_HEAP_PUT(&go_heap, BLOCK_2, cleanup_block, cleanups, 0x504000, 8);
	read_roots(true);
	assert_int_equal(roots->count, 3);
	expect(0, "runtime.AddCleanup.fn", GRF_ROOT_FUNCTION, 0x501000, 0);
	expect(1, "runtime.AddCleanup.fn", GRF_ROOT_FUNCTION, 0x502000, 0);
	expect(2, "runtime.AddCleanup.fn", GRF_ROOT_FUNCTION, 0x504000, 0);
	end();

	begin("go1.27.0");
	GO_HEAP_PUT(&go_heap, QUEUE, cleanup_queue, all, BLOCK_1, 8);
	GO_HEAP_PUT(&go_heap, BLOCK_1, cleanup_block, n, 2, 4);
	entry = BLOCK_1 + (uint64_t)grf_offset(&go_heap.layout, cleanup_block, cleanups) + 24;
	GO_HEAP_PUT(&go_heap, entry, cleanup_fn, fn, 0x501000, 8);
	GO_HEAP_PUT(&go_heap, entry, cleanup_fn, call, 0x502000, 8);
	GO_HEAP_PUT(&go_heap, entry, cleanup_fn, arg, OBJECTS, 8);
	read_roots(true);
	assert_int_equal(roots->count, 3);
	expect(2, "runtime.AddCleanup.arg", GRF_ROOT_OBJECT, OBJECTS, 0);
	end();
}

static void test_lists_that_loop(void **state)
{
	(void)state;
	begin("go1.26.8");
	for (unsigned int i = 0; i < 5; i++)
		put_finalizer(add_special(i * 1024, 2), 0x501000 + i, 0);
	GO_HEAP_PUT(&go_heap, last_special, special, next, GO_HEAP_OTHER + 128, 8);
	go_heap_put(&go_heap, ALLFIN, BLOCK_1, 8);
	GO_HEAP_PUT(&go_heap, BLOCK_1, finblock, alllink, BLOCK_1, 8);
	GO_HEAP_PUT(&go_heap, BLOCK_1, finblock, cnt, 1, 4);
	put_queued(BLOCK_1, 0, 0x600000, OBJECTS + 1024, 0);
	read_roots(true);
	/* Each is there; some of the loops' are there more than once, but not often. */
	assert_true(roots->count >= 12 && roots->count < 50);
	for (unsigned int i = 0; i < 5; i++)
		expect(i * 2 + 1, "runtime.SetFinalizer.fn", GRF_ROOT_FUNCTION, 0x501000 + i, 0);
	expect(roots->count - 1, "runtime.SetFinalizer.fn", GRF_ROOT_FUNCTION, 0x600000, 0);
	end();
}

static void test_broken_lists(void **state)
{
	(void)state;
	begin("go1.26.8");
	put_finalizer(add_special(0, 2), 0x501000, 0);
	put_finalizer(add_special(8192, 2), 0x502000, 0); /* behind the last slot */
	put_finalizer(add_special(1024, 2), 0x503000, 0);
	go_heap_put(&go_heap, ALLFIN, BLOCK_1, 8);
	/* More than a block has room for. */
	GO_HEAP_PUT(&go_heap, BLOCK_1, finblock, cnt, 102, 4);
	put_queued(BLOCK_1, 0, 0x600000, OBJECTS + 1024, 0);
	GO_HEAP_PUT(&go_heap, QUEUE, cleanup_queue, all, 0x1000, 8);
	read_roots(true);
	assert_int_equal(roots->count, 2);
	end();

	begin("go1.26.8");
	put_finalizer(add_special(0, 2), 0x501000, 0);
	GO_HEAP_PUT(&go_heap, last_special, special, next, 0x1000, 8);
	read_roots(false);
	assert_int_equal(roots->count, 2);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_go_1_26),           cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_queued_finalizers), cmocka_unit_test(test_queued_cleanups),
	    cmocka_unit_test(test_lists_that_loop),   cmocka_unit_test(test_broken_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
