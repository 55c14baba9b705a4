/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that is not needed: finding it in a heap made by hand, and seeing that it is needed now.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/arch.h"
#include "go_heap.h"
#include "image/image_private.h"
#include "image/left_out.h"
#include "image/parts.h"
#include "model/heap/pointer_free.h"

#define PAGE GRF_PAGE

static struct go_heap go_heap;

static size_t read_runs(void *memory, const struct grf_run *runs, size_t count, uint8_t *ret)
{
	size_t whole = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t length = runs[i].end - runs[i].start;
		bool there = length < GO_HEAP_META_BYTES - 8 && runs[i].start >= GO_HEAP_META &&
			     runs[i].start - GO_HEAP_META < GO_HEAP_META_BYTES - 8 - length;

		memset(ret, 0, length);
		if (there)
			memcpy(ret, go_heap_at(memory, runs[i].start), length);
		whole += there;
		ret += length;
	}
	return whole;
}

static void add(unsigned int page, unsigned int pages, uint64_t element_size, bool noscan,
		uint8_t state)
{
	bool large = element_size > 32768;

	go_heap_add(&go_heap, &(struct go_span){.page = page,
						.pages = pages,
						.size_class = large ? 0 : 10,
						.noscan = noscan,
						.element_size = element_size,
						.slots = large ? 1 : pages * 8192 / element_size,
						.free_index = 1,
						.state = state});
}

static struct grf_left_out_set find(const char *version, uint64_t minimum)
{
	static struct grf_pointer_free site;
	const struct grf_left_out_finder finder = {grf_pointer_free_find, &site};
	struct grf_left_out_set set;

	go_heap_begin(&go_heap, version);
	add(40, 64, 64 * 8192, true, 0); /* one large object */
	add(0, 1, 1024, true, 0);
	add(1, 1, 1024, true, 0);
	add(2, 1, 512, true, 0);    /* wanted all the same */
	add(3, 1, 1024, false, 0);  /* has pointers */
	add(4, 1, 1024, true, 2);   /* a stack */
	add(5, 1, 1024, true, 255); /* free */
	add(6, 2, 2048, true, 0);
	site = (struct grf_pointer_free){
	    .layout = go_heap.layout, .arch = &grf_arch_amd64, .mheap = GO_HEAP_MHEAP};
	go_heap_read(&go_heap);
	assert_null(grf_left_out_find(&finder, read_runs, &go_heap, minimum, &set));
	return set;
}

static const char *const versions[] = {"go1.17.13", "go1.18.10", "go1.20.14", "go1.21.13",
				       "go1.22.12", "go1.24.9",  "go1.26.8",  "go1.27.0"};

static void test_spans_without_pointers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
		struct grf_left_out_set set = find(versions[i], 0);

		assert_int_equal(set.count, 4);
		assert_int_equal(set.run_count, 3);
		assert_int_equal(set.bytes, (2 + 2 + 64) * 8192);
		assert_int_equal(set.runs[0].start, GO_HEAP_BASE);
		assert_int_equal(set.runs[0].end, GO_HEAP_BASE + 2 * 8192);
		assert_int_equal(set.runs[1].start, GO_HEAP_BASE + 6 * 8192);
		assert_int_equal(set.runs[2].end, GO_HEAP_BASE + 104 * 8192);
		grf_left_out_free(&set);
		go_heap_end(&go_heap);
	}
}

static void test_only_large_ones(void **state)
{
	struct grf_left_out_set set = find("go1.26.8", GRF_LEFT_OUT_LARGE);

	(void)state;
	assert_int_equal(set.count, 1);
	assert_int_equal(set.runs[0].start, GO_HEAP_BASE + 40 * 8192);
	grf_left_out_free(&set);
	go_heap_end(&go_heap);
}

static void note_dropped(void *context, const struct grf_run *run)
{
	struct grf_run *dropped = context;

	assert_int_equal(dropped->end, 0);
	*dropped = *run;
}

/* Changes a byte of the mspan of the large object, which is the first of the list. */
static size_t kept_after(int64_t field, uint8_t value)
{
	struct grf_left_out_set set = find("go1.26.8", 0);
	struct grf_run dropped = {0};
	size_t count;

	grf_left_out_check(&set, read_runs, &go_heap, note_dropped, &dropped);
	assert_int_equal(set.count, 4);
	*go_heap_at(&go_heap, GO_HEAP_SPANS + (uint64_t)field) = value;
	grf_left_out_check(&set, read_runs, &go_heap, note_dropped, &dropped);
	count = set.count;
	assert_int_equal(set.bytes, (count == 4 ? 68 : 4) * 8192);
	assert_int_equal(dropped.start, count == 4 ? 0 : GO_HEAP_BASE + 40 * 8192);
	assert_int_equal(dropped.end, count == 4 ? 0 : GO_HEAP_BASE + 104 * 8192);
	grf_left_out_free(&set);
	go_heap_end(&go_heap);
	return count;
}

static void test_witnesses(void **state)
{
	const struct grf_layout *layout = &go_heap.layout;

	(void)state;
	go_heap_begin(&go_heap, "go1.26.8");
	go_heap_end(&go_heap);
	assert_int_equal(kept_after(grf_offset(layout, mspan, freeindex), 77), 4);
	assert_int_equal(kept_after(grf_offset(layout, mspan, spanclass), 0), 3);
	assert_int_equal(kept_after(grf_offset(layout, mspan, state), 2), 3);
	assert_int_equal(kept_after(grf_offset(layout, mspan, start_addr) + 2, 0x11), 3);
	assert_int_equal(kept_after(grf_offset(layout, mspan, npages), 63), 3);
}

/* A list that leads nowhere, or is absurdly long, leaves nothing out. */
static void test_hostile_lists(void **state)
{
	static const uint64_t lists[][2] = {
	    {GO_HEAP_ALLSPANS, UINT64_MAX}, {8, 100}, {UINT64_MAX - 64, 1u << 20}};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		struct grf_left_out_set set = find("go1.26.8", 0);
		struct grf_pointer_free site = {go_heap.layout, &grf_arch_amd64, GO_HEAP_MHEAP};
		const struct grf_left_out_finder finder = {grf_pointer_free_find, &site};
		uint64_t list = GO_HEAP_MHEAP + (uint64_t)grf_offset(&site.layout, mheap, allspans);

		grf_left_out_free(&set);
		memcpy(go_heap_at(&go_heap, list), lists[i], 16);
		assert_null(grf_left_out_find(&finder, read_runs, &go_heap, 0, &set));
		assert_int_equal(set.count, 0);
		grf_left_out_free(&set);
		go_heap_end(&go_heap);
	}
}

static struct grf_error *three(void *context, grf_read_runs *read, void *memory,
			       struct grf_left_out **ret, size_t *ret_count)
{
	static const struct grf_left_out items[] = {{.start = 8 * PAGE, .end = 10 * PAGE},
						    {.start = 2 * PAGE, .end = 4 * PAGE},
						    {.start = 3 * PAGE, .end = 5 * PAGE},
						    {.start = 7 * PAGE, .end = 7 * PAGE + 8},
						    {.start = 9 * PAGE, .end = 6 * PAGE}};

	(void)context;
	(void)read;
	(void)memory;
	*ret = malloc(sizeof(items));
	assert_non_null(*ret);
	memcpy(*ret, items, sizeof(items));
	*ret_count = sizeof(items) / sizeof(*items);
	return NULL;
}

/* What overlaps, is no whole page or runs backwards is dropped; the rest is cut out of a range. */
static void test_the_rest_of_a_range(void **state)
{
	static const struct grf_run expected[] = {
	    {PAGE, 2 * PAGE}, {4 * PAGE, 8 * PAGE}, {10 * PAGE, 12 * PAGE}};
	const struct grf_left_out_finder finder = {three, NULL};
	struct grf_run part = {PAGE, PAGE};
	struct grf_left_out_set set;
	size_t index = 0, count = 0;

	(void)state;
	assert_null(grf_left_out_find(&finder, read_runs, &go_heap, 0, &set));
	assert_int_equal(set.count, 2);
	while (grf_left_out_next(&set, &index, part.end, 12 * PAGE, &part)) {
		assert_true(count < 3);
		assert_memory_equal(&part, &expected[count++], sizeof(part));
	}
	assert_int_equal(count, 3);
	index = grf_left_out_index(&set, 9 * PAGE);
	assert_false(grf_left_out_next(&set, &index, 9 * PAGE, 10 * PAGE, &part));
	index = grf_left_out_index(&set, 3 * PAGE);
	assert_true(grf_left_out_next(&set, &index, 3 * PAGE, 5 * PAGE, &part));
	assert_int_equal(part.start, 4 * PAGE);
	grf_left_out_free(&set);
}

/* It has no bytes: whoever asks for them is refused, and gets no zeros. */
static void test_an_image_without(void **state)
{
	static const uint8_t zeros[12 * PAGE];
	static const struct grf_run left_out[] = {{2 * PAGE, 4 * PAGE}, {8 * PAGE, 10 * PAGE}};
	const struct grf_segment segment = {PAGE, 12 * PAGE, GRF_SEGMENT_READ, zeros};
	struct grf_image *image;
	struct grf_error *error;
	uint8_t bytes[16];
	uint64_t word;

	(void)state;
	assert_null(grf_image_from_segments(&grf_arch_amd64, &segment, 1, &image));
	image->parts = calloc(1, sizeof(*image->parts));
	assert_non_null(image->parts);
	image->parts->left_out = malloc(sizeof(left_out));
	assert_non_null(image->parts->left_out);
	memcpy(image->parts->left_out, left_out, sizeof(left_out));
	image->parts->left_out_count = 2;
	assert_non_null(grf_image_at(image, PAGE, PAGE));
	assert_non_null(grf_image_at(image, 4 * PAGE, 4 * PAGE));
	assert_null(grf_image_at(image, PAGE, PAGE + 1));
	assert_null(grf_image_at(image, 9 * PAGE, 8));
	assert_false(grf_image_u64(image, 10 * PAGE - 8, &word));
	assert_false(grf_image_u64(image, 8 * PAGE - 4, &word));
	assert_true(grf_image_u64(image, 8 * PAGE - 8, &word));
	assert_true(grf_image_u64(image, 10 * PAGE, &word));
	error = grf_image_read(image, 4 * PAGE - 8, bytes, sizeof(bytes));
	assert_int_equal(error->code, GRF_ERROR_FAULT);
	grf_error_free(error);
	assert_non_null(grf_image_view(image, 8 * PAGE, 2 * PAGE));
	assert_true(grf_image_is_left_out(image, PAGE, 12 * PAGE));
	assert_false(grf_image_is_left_out(image, 4 * PAGE, 0));
	assert_null(grf_image_check_copied(image, 4 * PAGE, 4 * PAGE, "a span"));
	error = grf_image_check_copied(image, 5 * PAGE, 4 * PAGE, "a span");
	assert_int_equal(error->code, GRF_ERROR_TORN);
	assert_non_null(strstr(error->message, "a part of a span at 0x5000 was left out"));
	grf_error_free(error);
	grf_image_destroy(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_spans_without_pointers),
	    cmocka_unit_test(test_only_large_ones),
	    cmocka_unit_test(test_witnesses),
	    cmocka_unit_test(test_hostile_lists),
	    cmocka_unit_test(test_the_rest_of_a_range),
	    cmocka_unit_test(test_an_image_without),
	};

	return cmocka_run_group_tests_name("left_out", tests, NULL, NULL);
}
