/* SPDX-License-Identifier: BSD-2-Clause */
/* Spans, slots and bitmaps, on a heap made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "go_heap.h"
#include "model/marks.h"

/* Bytes of an object and pages of a span, for each size class (runtime/sizeclasses.go). */
static const struct {
	uint16_t size, pages;
} classes[] = {
    {0, 0},     {8, 1},      {16, 1},    {24, 1},    {32, 1},    {48, 1},    {64, 1},    {80, 1},
    {96, 1},    {112, 1},    {128, 1},   {144, 1},   {160, 1},   {176, 1},   {192, 1},   {208, 1},
    {224, 1},   {240, 1},    {256, 1},   {288, 1},   {320, 1},   {352, 1},   {384, 1},   {416, 1},
    {448, 1},   {480, 1},    {512, 1},   {576, 1},   {640, 1},   {704, 1},   {768, 1},   {896, 1},
    {1024, 1},  {1152, 1},   {1280, 1},  {1408, 2},  {1536, 1},  {1792, 2},  {2048, 1},  {2304, 2},
    {2688, 1},  {3072, 3},   {3200, 2},  {3456, 3},  {4096, 1},  {4864, 3},  {5376, 2},  {6144, 3},
    {6528, 4},  {6784, 5},   {6912, 6},  {8192, 1},  {9472, 7},  {9728, 6},  {10240, 5}, {10880, 4},
    {12288, 3}, {13568, 5},  {14336, 7}, {16384, 2}, {18432, 9}, {19072, 7}, {20480, 5}, {21760, 8},
    {24576, 3}, {27264, 10}, {28672, 7}, {32768, 4},
};

#define CLASSES (sizeof(classes) / sizeof(*classes))

static struct go_heap go_heap;

/* Division by multiplication, for every address of a span of every size class. */
static void test_every_size_class(void **state)
{
	const struct grf_heap *heap;
	unsigned int page = 0;

	(void)state;
	assert_int_equal(CLASSES, 68);
	go_heap_begin(&go_heap, "go1.26.8");
	for (unsigned int i = 1; i < CLASSES; i++) {
		uint64_t slots = classes[i].pages * 8192u / classes[i].size;

		/* Noscan, without Green Tea's page bits: the slots fill the span. */
		go_heap_add(&go_heap, &(struct go_span){.page = page,
							.pages = classes[i].pages,
							.size_class = i,
							.noscan = true,
							.element_size = classes[i].size,
							.slots = slots,
							.free_index = slots});
		page += classes[i].pages;
	}
	heap = go_heap_read(&go_heap);
	assert_int_equal(heap->span_count, CLASSES - 1);
	for (unsigned int i = 0; i < heap->span_count; i++) {
		const struct grf_span *span = &heap->spans[i];
		uint64_t bytes = span->page_count * UINT64_C(8192), size = classes[i + 1].size;

		assert_int_equal(span->element_size, size);
		for (uint64_t offset = 0; offset < bytes; offset++) {
			const struct grf_span *found;
			uint32_t slot;
			bool is_object = offset / size < span->slot_count;

			assert_int_equal(grf_span_slot(span, span->base + offset), offset / size);
			assert_int_equal(grf_heap_find(heap, span->base + offset, &found, &slot),
					 is_object);
			if (!is_object)
				continue;
			assert_ptr_equal(found, span);
			assert_int_equal(slot, offset / size);
		}
		/* As exact at the end of what is promised. */
		for (uint64_t n = UINT32_MAX; n > UINT32_MAX - 2 * size; n--)
			assert_int_equal(grf_span_slot(span, span->base + n), n / size);
	}
	go_heap_end(&go_heap);
}

static void test_allocated_slots(void **state)
{
	/* 11 slots of 704 bytes in a page: the first 3 by freeindex, 5, 8, and no more than 11. */
	static const uint8_t bits[] = {0x21, 0xf9}, marks[] = {0x03, 0xfc};
	const struct grf_heap *heap;
	const struct grf_span *span;
	uint32_t slot;

	(void)state;
	go_heap_begin(&go_heap, "go1.26.8");
	go_heap_add(&go_heap, &(struct go_span){.page = 8,
						.pages = 1,
						.size_class = 27,
						.element_size = 704,
						.slots = 11,
						.free_index = 3,
						.alloc_bits = bits,
						.mark_bits = marks,
						.sweepgen = -2});
	go_heap_add(&go_heap, &(struct go_span){.page = 2,
						.pages = 1,
						.size_class = 44,
						.element_size = 4096,
						.slots = 2,
						.free_index = 1});
	go_heap_add(&go_heap, &(struct go_span){.page = 3, .pages = 1, .state = 2});
	go_heap_add(&go_heap, &(struct go_span){.page = 4, .pages = 1, .state = 255});
	heap = go_heap_read(&go_heap);
	assert_int_equal(heap->span_count, 2);
	assert_int_equal(heap->object_ids, 13);
	assert_int_equal(heap->allocated_count, 1 + 5);
	assert_int_equal(heap->allocated_bytes, 4096 + 5 * 704);
	assert_int_equal(heap->in_use_bytes, 2 * 8192);
	span = &heap->spans[1];
	assert_int_equal(span->base, GO_HEAP_BASE + 8 * 8192);
	assert_int_equal(span->first_object, 2);
	assert_int_equal(span->sweep_state, -2);
	assert_int_equal(span->allocated[0] | span->allocated[1] << 8, 0x127);
	assert_int_equal(span->marked[0] | span->marked[1] << 8, 0x403);
	assert_ptr_equal(span->memory, go_heap.pages + 8 * 8192);

	assert_true(grf_heap_find(heap, span->base + 8 * 704 + 703, &span, &slot));
	assert_int_equal(slot, 8);
	assert_false(grf_heap_find(heap, span->base + 9 * 704, &span, &slot));
	assert_false(grf_heap_find(heap, span->base + 11 * 704, &span, &slot));
	assert_null(grf_heap_span(heap, GO_HEAP_BASE + 3 * 8192));
	assert_null(grf_heap_span(heap, GO_HEAP_BASE + 7 * 8192));
	assert_null(grf_heap_span(heap, GO_HEAP_BASE - 1));
	assert_null(grf_heap_span(heap, 0));
	assert_null(grf_heap_span(heap, UINT64_MAX));
	assert_ptr_equal(grf_heap_span(heap, GO_HEAP_BASE + 3 * 8192 - 1), &heap->spans[0]);
	go_heap_end(&go_heap);
}

/* The slot that a thread is taking when the process is stopped is no object yet: the last one
 * before freeindex, unless it is known to be one otherwise. */
static void test_slot_being_allocated(void **state)
{
	static const uint8_t last[2] = {0x20}; /* a bit for each of 11 slots */
	static const struct {
		const char *version;
		uint64_t unscanned;
		const uint8_t *alloc_bits, *mark_bits;
		int allocated, unfinished;
	} cases[] = {
	    {"go1.26.8", 0, NULL, NULL, 0x3f, 0},  {"go1.26.8", 1, NULL, NULL, 0x1f, 6},
	    {"go1.26.8", 4, NULL, NULL, 0x1f, 6},  {"go1.26.8", 4, last, NULL, 0x3f, 0},
	    {"go1.26.8", 6, NULL, last, 0x3f, 0},  {"go1.20.14", 1, NULL, NULL, 0x1f, 6},
	    {"go1.19.3", 1, NULL, NULL, 0x3f, 6},  {"go1.19.4", 1, NULL, NULL, 0x1f, 6},
	    {"go1.17.13", 1, NULL, NULL, 0x3f, 6}, {"go1.17.13", 1, last, NULL, 0x3f, 0},
	};
	const struct grf_span *span;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		go_heap_begin(&go_heap, cases[i].version);
		go_heap_add(&go_heap, &(struct go_span){.page = 8,
							.pages = 1,
							.size_class = 27,
							.element_size = 704,
							.slots = 11,
							.free_index = 6,
							.unscanned = cases[i].unscanned,
							.alloc_bits = cases[i].alloc_bits,
							.mark_bits = cases[i].mark_bits});
		span = &go_heap_read(&go_heap)->spans[0];
		assert_int_equal(span->allocated[0], cases[i].allocated);
		assert_int_equal(span->unfinished, cases[i].unfinished);
		go_heap_end(&go_heap);
	}
}

/* What was allocated while the collector marked, which a conservative scan passes over. */
static void test_allocated_while_marking(void **state)
{
	static const uint8_t kept[2] = {0x08};
	static const struct {
		const char *version;
		uint64_t unscanned;
		unsigned int passed_over;
	} cases[] = {
	    {"go1.27.0", 4, 0x34}, {"go1.25.5", 0, 0}, {"go1.25.5", 6, 0x37}, {"go1.24.9", 4, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct grf_model model = {0};
		unsigned int found = 0;

		go_heap_begin(&go_heap, cases[i].version);
		go_heap_add(&go_heap, &(struct go_span){.page = 8,
							.pages = 1,
							.size_class = 27,
							.element_size = 704,
							.slots = 11,
							.free_index = 6,
							.unscanned = cases[i].unscanned,
							.alloc_bits = kept});
		go_heap_read(&go_heap);
		model.heap = go_heap.heap;
		model.image = go_heap.image;
		model.layout = go_heap.layout;
		for (uint32_t slot = 0; slot < 11; slot++)
			if (grf_marks_pass_over(&model, &model.heap->spans[0], slot))
				found |= 1u << slot;
		assert_int_equal(found, cases[i].passed_over);
		go_heap_end(&go_heap);
	}
}

/* Where the pointer bits of small objects stand. */
static void test_pointer_bits(void **state)
{
	const struct grf_heap *heap;

	(void)state;
	go_heap_begin(&go_heap, "go1.26.8");
	/* Pages 0 to 2 end with inline mark bits. */
	GO_HEAP_PUT(&go_heap, GO_HEAP_ARENA, heap_arena, page_use_span_inline_mark_bits, 0x07, 1);
	go_heap_add(&go_heap, &(struct go_span){.page = 0,
						.pages = 1,
						.size_class = 6,
						.element_size = 64,
						.slots = 124,
						.free_index = 124});
	go_heap_add(&go_heap, &(struct go_span){.page = 1,
						.pages = 1,
						.size_class = 6,
						.noscan = true,
						.element_size = 64,
						.slots = 126,
						.free_index = 126});
	/* 8-byte objects have none. */
	go_heap_add(&go_heap, &(struct go_span){.page = 2,
						.pages = 1,
						.size_class = 1,
						.element_size = 8,
						.slots = 1008,
						.free_index = 8});
	go_heap_add(&go_heap, &(struct go_span){.page = 3,
						.pages = 1,
						.size_class = 6,
						.element_size = 64,
						.slots = 126,
						.free_index = 1});
	go_heap_add(&go_heap, &(struct go_span){.page = 4,
						.pages = 3,
						.size_class = 19,
						.element_size = 480,
						.slots = 50,
						.free_index = 1});
	go_heap_put(&go_heap, GO_HEAP_BASE + 8192 - 64, 0x5, 8); /* marks */
	go_heap_put(&go_heap, GO_HEAP_BASE + 8192 - 64 + 15, 0xff, 1);
	go_heap_put(&go_heap, GO_HEAP_BASE + 2 * 8192 - 64, 0x8, 8);
	go_heap_put(&go_heap, GO_HEAP_BASE + 3 * 8192 - 64, 0xff, 8);
	heap = go_heap_read(&go_heap);
	assert_int_equal(heap->span_count, 5);
	assert_int_equal(heap->spans[0].pointer_layout, GRF_POINTERS_BITS);
	assert_ptr_equal(heap->spans[0].pointer_bits, go_heap.pages + 8192 - 256);
	assert_int_equal(heap->spans[0].marked[0], 5);
	assert_int_equal(heap->spans[0].marked[15], 0x0f);
	assert_int_equal(heap->spans[1].pointer_layout, GRF_POINTERS_NONE);
	assert_null(heap->spans[1].pointer_bits);
	assert_int_equal(heap->spans[1].marked[0], 8);
	assert_ptr_equal(heap->spans[2].pointer_bits, go_heap.pages + 3 * 8192 - 128);
	assert_int_equal(heap->spans[2].marked[0], 0);
	assert_ptr_equal(heap->spans[3].pointer_bits, go_heap.pages + 4 * 8192 - 128);
	assert_int_equal(heap->spans[3].marked[0], 0);
	assert_ptr_equal(heap->spans[4].pointer_bits, go_heap.pages + 7 * 8192 - 3 * 128);
	go_heap_end(&go_heap);

	/* Without Green Tea the page bits mean nothing. */
	go_heap_begin(&go_heap, "go1.26.8-X:nogreenteagc");
	GO_HEAP_PUT(&go_heap, GO_HEAP_ARENA, heap_arena, page_use_span_inline_mark_bits, 0xff, 1);
	go_heap_add(&go_heap,
		    &(struct go_span){
			.page = 0, .pages = 1, .size_class = 6, .element_size = 64, .slots = 126});
	heap = go_heap_read(&go_heap);
	assert_ptr_equal(heap->spans[0].pointer_bits, go_heap.pages + 8192 - 128);
	go_heap_end(&go_heap);
}

static void test_stored_types(void **state)
{
	const struct grf_heap *heap;
	const struct grf_span *span;
	uint64_t payload;
	uint32_t slot;

	(void)state;
	go_heap_begin(&go_heap, "go1.22.12");
	go_heap_add(&go_heap, &(struct go_span){.page = 0,
						.pages = 1,
						.size_class = 32,
						.element_size = 1024,
						.slots = 8,
						.free_index = 2});
	go_heap_add(&go_heap, &(struct go_span){.page = 1,
						.pages = 9,
						.element_size = 9 * 8192,
						.slots = 1,
						.free_index = 1,
						.limit = GO_HEAP_BASE + 8192 + 70000,
						.large_type = 0x123450});
	go_heap_put(&go_heap, GO_HEAP_BASE + 1024, 0x500100, 8);
	heap = go_heap_read(&go_heap);
	assert_int_equal(heap->spans[0].pointer_layout, GRF_POINTERS_HEADER);
	assert_int_equal(grf_span_stored_type(&heap->spans[0], 1, &payload), 0x500100);
	assert_int_equal(payload, 8);
	assert_int_equal(heap->spans[1].pointer_layout, GRF_POINTERS_LARGE);
	assert_int_equal(grf_span_stored_type(&heap->spans[1], 0, &payload), 0x123450);
	assert_int_equal(payload, 0);
	assert_int_equal(heap->spans[1].division, 0);
	/* Pointers into the rest of the last page are none. */
	assert_true(grf_heap_find(heap, GO_HEAP_BASE + 8192 + 69999, &span, &slot));
	assert_int_equal(slot, 0);
	assert_false(grf_heap_find(heap, GO_HEAP_BASE + 8192 + 70000, &span, &slot));
	go_heap_end(&go_heap);
}

static struct go_span small_span(unsigned int page)
{
	return (struct go_span){.page = page,
				.pages = 1,
				.size_class = 32,
				.element_size = 1024,
				.slots = 8,
				.free_index = 8};
}

/* Two mspans that claim the same pages: the arena knows better. */
static void test_overlapping_spans(void **state)
{
	struct go_span one = small_span(0), two = small_span(1);
	const struct grf_heap *heap;
	uint64_t first, second;

	(void)state;
	two.pages = 2;
	go_heap_begin(&go_heap, "go1.22.12");
	go_heap_add(&go_heap, &one);
	first = go_heap_add(&go_heap, &two);
	two.page = 2;
	second = go_heap_add(&go_heap, &two);
	go_heap_add(&go_heap,
		    &(struct go_span){
			.page = 5, .pages = 1, .size_class = 44, .element_size = 4096, .slots = 2});
	/* Page 1 is named as the first one's: it is kept. */
	heap = go_heap_read(&go_heap);
	assert_int_equal(heap->span_count, 3);
	assert_int_equal(heap->spans[1].address, first);
	go_heap_end(&go_heap);

	go_heap_begin(&go_heap, "go1.22.12");
	go_heap_add(&go_heap, &one);
	two.page = 1;
	first = go_heap_add(&go_heap, &two);
	second = go_heap_add(&go_heap, &two);
	heap = go_heap_read(&go_heap);
	assert_int_equal(heap->span_count, 2);
	assert_int_equal(heap->spans[1].address, second);
	assert_int_not_equal(first, second);
	go_heap_end(&go_heap);
}

static void test_contradictory_spans(void **state)
{
	struct go_span bad[12];
	const struct grf_heap *heap;
	struct go_span good = small_span(0);

	(void)state;
	for (unsigned int i = 0; i < 12; i++)
		bad[i] = small_span(10 + i);
	bad[0].pages = 0;
	bad[1].element_size = 0;
	bad[2].element_size = 1021;
	bad[3].slots = 9;
	bad[4].slots = 0;
	bad[5].slots = 7; /* fewer than freeindex */
	bad[6].size_class = 68;
	bad[7].size_class = 0;
	bad[8].pages = 33;
	bad[9].element_size = 512; /* no room for the pointer bits */
	bad[9].slots = bad[9].free_index = 16;
	bad[10].pages = UINT32_MAX;
	bad[10].size_class = 0;
	bad[10].slots = bad[10].free_index = 1;
	bad[11].page = 1u << 31;
	go_heap_begin(&go_heap, "go1.22.12");
	go_heap_add(&go_heap, &good);
	for (unsigned int i = 0; i < 12; i++)
		if (i != 10)
			go_heap_add(&go_heap, &bad[i]);
	/* A mspan that is not there. */
	go_heap_put(&go_heap, GO_HEAP_ALLSPANS + go_heap.span_count * 8, 0x1000, 8);
	GO_HEAP_PUT(&go_heap, GO_HEAP_MHEAP + 8, mheap, allspans, go_heap.span_count + 1, 8);
	heap = go_heap_read(&go_heap);
	/* The last one is far away, but not contradictory. */
	assert_int_equal(heap->span_count, 2);
	assert_int_equal(heap->object_ids, 16);
	go_heap_end(&go_heap);

	/* One that would need an index larger than the whole image. */
	go_heap_begin(&go_heap, "go1.22.12");
	go_heap_add(&go_heap, &bad[10]);
	{
		struct grf_error *error = go_heap_try(&go_heap);

		assert_non_null(error);
		assert_int_equal(error->code, GRF_ERROR_BAD_INPUT);
		grf_error_free(error);
	}
	go_heap_end(&go_heap);
}

static void expect_no_heap(void)
{
	struct grf_error *error = go_heap_try(&go_heap);

	assert_non_null(error);
	assert_int_equal(error->code, GRF_ERROR_BAD_INPUT);
	grf_error_free(error);
	go_heap_end(&go_heap);
}

static void test_no_heap(void **state)
{
	struct go_span span = small_span(0);

	(void)state;
	go_heap_begin(&go_heap, "go1.26.8");
	expect_no_heap();
	go_heap_begin(&go_heap, "go1.26.8");
	go_heap_add(&go_heap, &span);
	GO_HEAP_PUT(&go_heap, GO_HEAP_MHEAP, mheap, allspans, 0, 8);
	expect_no_heap();
	go_heap_begin(&go_heap, "go1.26.8");
	go_heap_add(&go_heap, &span);
	GO_HEAP_PUT(&go_heap, GO_HEAP_MHEAP + 8, mheap, allspans, UINT64_C(1) << 60, 8);
	expect_no_heap();
}

/* A span of which the image has a part, one that lies in two segments, and one that it lacks. */
static void test_memory_in_pieces(void **state)
{
	struct go_span spans[3] = {small_span(0), small_span(1), small_span(2)};
	const struct grf_heap *heap;

	(void)state;
	go_heap_begin(&go_heap, "go1.22.12");
	for (unsigned int i = 0; i < 3; i++)
		go_heap_add(&go_heap, &spans[i]);
	memset(go_heap.pages, 0x55, 3 * 8192);
	go_heap_segment(&go_heap, 4096, 8192 + 4096);
	go_heap_segment(&go_heap, 8192 + 4096, 2 * 8192);
	heap = go_heap_read(&go_heap);
	assert_int_equal(heap->span_count, 3);
	for (unsigned int i = 0; i < 3 * 8192; i++)
		assert_int_equal(heap->spans[i / 8192].memory[i % 8192],
				 i < 4096 || i >= 2 * 8192 ? 0 : 0x55);
	go_heap_end(&go_heap);
}

static struct go_span without_pointers(unsigned int page)
{
	struct go_span span = small_span(page);

	span.noscan = true;
	return span;
}

/* Reads the heap without a page, or without what is at an address. */
static struct grf_error *read_without(const char *version, const struct go_span *span,
				      uint64_t address, uint64_t length)
{
	go_heap_begin(&go_heap, version);
	go_heap_add(&go_heap, span);
	go_heap.left_out = (struct grf_run){address, address + length};
	return go_heap_try(&go_heap);
}

static void expect_torn(const char *version, const struct go_span *span, uint64_t address,
			const char *what)
{
	struct grf_error *error = read_without(version, span, address, 8);

	assert_non_null(error);
	assert_int_equal(error->code, GRF_ERROR_TORN);
	assert_non_null(strstr(error->message, what));
	grf_error_free(error);
	go_heap_end(&go_heap);
}

/* Contents of large objects without pointers may be missing. All else does not read as zeros. */
static void test_what_was_left_out(void **state)
{
	const struct go_span large = without_pointers(1), pointers = small_span(1);
	struct go_span small = without_pointers(1);
	uint64_t bitmap;

	(void)state;
	assert_null(read_without("go1.26.8", &large, GO_HEAP_BASE + 8192, 8192));
	assert_int_equal(go_heap.heap->span_count, 1);
	go_heap_end(&go_heap);
	expect_torn("go1.26.8", &pointers, GO_HEAP_BASE + 8192 + 4096, "the span");
	small.element_size = 64;
	small.slots = 128;
	expect_torn("go1.26.8", &small, GO_HEAP_BASE + 8192, "the span");
	expect_torn("go1.26.8", &pointers, GO_HEAP_ALLSPANS, "the list of spans");
	go_heap_begin(&go_heap, "go1.21.13");
	bitmap = GO_HEAP_ARENA + (uint64_t)grf_offset(&go_heap.layout, heap_arena, bitmap);
	go_heap_end(&go_heap);
	expect_torn("go1.21.13", &pointers, bitmap + 128, "the bitmaps");
}

/* --- up to Go 1.21 ---------------------------------------------------------------------------- */

static void expect_words(const struct grf_span *span, uint64_t first, const char *words)
{
	for (uint64_t i = 0; words[i]; i++) {
		uint64_t bit = first + i;

		assert_int_equal(span->pointer_bits[bit / 8] >> (bit % 8) & 1, words[i] == '1');
	}
}

/* Four words a byte: pointer bits low, "goes on" bits high. */
static void test_nibbles(void **state)
{
	const struct grf_heap *heap;
	uint64_t bitmap;

	(void)state;
	go_heap_begin(&go_heap, "go1.19.13");
	bitmap = GO_HEAP_ARENA + (uint64_t)grf_offset(&go_heap.layout, heap_arena, bitmap);
	go_heap_add(&go_heap, &(struct go_span){.page = 1,
						.pages = 1,
						.size_class = 6,
						.element_size = 64,
						.slots = 128,
						.free_index = 3});
	/* Page 1 begins at word 1024: byte 256. Object 0: words 0, 2, 5; nothing after 5. */
	go_heap_put(&go_heap, bitmap + 256, 0xf5, 1);
	go_heap_put(&go_heap, bitmap + 257, 0x3e, 1);
	/* Object 1 has none; what is left in the bitmap is old. */
	go_heap_put(&go_heap, bitmap + 258, 0xef, 1);
	/* Object 2: word 7. Object 3 is free. */
	go_heap_put(&go_heap, bitmap + 260, 0xf0, 1);
	go_heap_put(&go_heap, bitmap + 261, 0xf8, 1);
	go_heap_put(&go_heap, bitmap + 262, 0xff, 1);
	heap = go_heap_read(&go_heap);
	assert_int_equal(heap->spans[0].pointer_layout, GRF_POINTERS_ARENA);
	expect_words(&heap->spans[0], 0,
		     "10100100"
		     "00000000"
		     "00000001"
		     "00000000");
	go_heap_end(&go_heap);
}

/* A bit a word, and bits that end objects at multiples of 64 words. */
static void test_no_more_pointers(void **state)
{
	uint64_t words = 3 * 8192 / 8;
	const struct grf_heap *heap;
	uint64_t bitmap, no_more;

	(void)state;
	go_heap_begin(&go_heap, "go1.21.13");
	bitmap = GO_HEAP_ARENA + (uint64_t)grf_offset(&go_heap.layout, heap_arena, bitmap);
	no_more = GO_HEAP_ARENA + (uint64_t)grf_offset(&go_heap.layout, heap_arena, no_more_ptrs);
	/* Objects of 1152 bytes: 144 words. */
	go_heap_add(&go_heap, &(struct go_span){.page = 0,
						.pages = 3,
						.size_class = 33,
						.element_size = 1152,
						.slots = 21,
						.free_index = 3});
	memset(go_heap_at(&go_heap, bitmap), 0xff, words / 8);
	/* Words 64 to 127 are the last with pointers of what crosses their end: object 0. */
	go_heap_put(&go_heap, no_more, 0x02, 1);
	/* Words 256 to 319: object 1 goes from 144 to 287, object 2 from 288 to 431. */
	go_heap_put(&go_heap, no_more, 0x12, 1);
	heap = go_heap_read(&go_heap);
	expect_words(&heap->spans[0], 126,
		     "11"
		     "0000000000000000"
		     "1111");
	expect_words(&heap->spans[0], 280,
		     "11111111"
		     "11111111111111111111111111111111"
		     "00");
	expect_words(&heap->spans[0], 430,
		     "00"
		     "00");
	go_heap_end(&go_heap);
}

/* A large object in two arenas, each with its bitmap. */
static void test_object_across_arenas(void **state)
{
	const struct grf_heap *heap;
	uint64_t bitmap;

	(void)state;
	go_heap_begin(&go_heap, "go1.21.13");
	bitmap = (uint64_t)grf_offset(&go_heap.layout, heap_arena, bitmap);
	/* Where the image has nothing, nothing is followed. */
	go_heap_segment(&go_heap, 0, 8192);
	go_heap.segments[0].start += 8190 * 8192;
	go_heap.segments[0].end += 8190 * 8192;
	go_heap_add(
	    &go_heap,
	    &(struct go_span){
		.page = 8190, .pages = 4, .element_size = 4 * 8192, .slots = 1, .free_index = 1});
	go_heap_put(&go_heap, GO_HEAP_ARENA + bitmap + 8190 * 128, 0x01, 1);
	go_heap_put(&go_heap, GO_HEAP_ARENA_2 + bitmap + 1, 0x80, 1);
	heap = go_heap_read(&go_heap);
	assert_int_equal(heap->arena_count, 2);
	expect_words(&heap->spans[0], 0, "10000000");
	expect_words(&heap->spans[0], 2048, "0000000000000001");
	expect_words(&heap->spans[0], 4088, "00000000");
	assert_ptr_equal(grf_heap_span(heap, GO_HEAP_BASE + 8193 * 8192), &heap->spans[0]);
	assert_null(grf_heap_span(heap, GO_HEAP_BASE + 8194 * 8192));
	go_heap_end(&go_heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_size_class),
	    cmocka_unit_test(test_allocated_slots),
	    cmocka_unit_test(test_slot_being_allocated),
	    cmocka_unit_test(test_allocated_while_marking),
	    cmocka_unit_test(test_pointer_bits),
	    cmocka_unit_test(test_stored_types),
	    cmocka_unit_test(test_overlapping_spans),
	    cmocka_unit_test(test_contradictory_spans),
	    cmocka_unit_test(test_no_heap),
	    cmocka_unit_test(test_memory_in_pieces),
	    cmocka_unit_test(test_what_was_left_out),
	    cmocka_unit_test(test_nibbles),
	    cmocka_unit_test(test_no_more_pointers),
	    cmocka_unit_test(test_object_across_arenas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
