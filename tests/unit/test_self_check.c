/* SPDX-License-Identifier: BSD-2-Clause */
/* Heaps and goroutines that were read by the layout of another release are not believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "go_heap.h"
#include "model/code/version.h"
#include "model/self_check.h"

#define SPANS      40u
#define SLOT_BYTES UINT64_C(64)
#define PAGE_BYTES UINT64_C(8192)
#define SLOTS      126u /* 8 KiB less the pointer bits */

static const struct grf_modules no_modules;

/* A field more before the one given: all from there on in mspan stand 8 bytes further. */
static void shift_spans(struct grf_layout *layout, int64_t from, int64_t by)
{
	for (int i = GRF_FIELD_mspan__size; i <= GRF_FIELD_mspan_sweepgen; i++)
		if (i != GRF_FIELD_mspan__size && layout->offset[i] >= from)
			layout->offset[i] += by;
}

/* Spans of objects of 64 bytes, each of which points to the next one; every third slot is free. */
static void fill(struct go_heap *heap)
{
	uint8_t bits[(SLOTS + 7) / 8] = {0};

	for (unsigned int slot = 0; slot < SLOTS; slot++)
		if (slot % 3)
			bits[slot / 8] |= (uint8_t)(1u << slot % 8);
	for (unsigned int i = 0; i < SPANS; i++) {
		struct go_span span = {.page = i,
				       .pages = 1,
				       .size_class = 5,
				       .element_size = SLOT_BYTES,
				       .slots = SLOTS,
				       .free_index = 0,
				       .alloc_bits = bits,
				       .mark_bits = bits};
		uint64_t address = go_heap_add(heap, &span);
		uint8_t *page = heap->pages + i * PAGE_BYTES;

		GO_HEAP_PUT(heap, address, mspan, alloc_count, SLOTS * 2 / 3, 2);
		for (unsigned int slot = 0; slot < SLOTS; slot++) {
			uint64_t next = slot % 3 == 1 ? slot + 1 : slot - 1;
			uint64_t value = GO_HEAP_BASE + i * PAGE_BYTES + next * SLOT_BYTES;

			if (slot % 3)
				memcpy(page + slot * SLOT_BYTES, &value, 8);
			page[8192 - 128 + slot] = 1; /* the first of eight words is a pointer */
		}
	}
}

/* Whether a heap that has a field more before the one at `from` (-1: none) is found out. */
static bool is_refused(const char *version, int64_t from)
{
	struct go_heap heap;
	struct grf_error *error;
	bool refused;

	go_heap_begin(&heap, version);
	if (from >= 0)
		shift_spans(&heap.layout, from, 8);
	fill(&heap);
	if (from >= 0)
		shift_spans(&heap.layout, from + 8, -8);
	error = go_heap_try(&heap);
	if (!error)
		error = grf_heap_self_check(&heap.layout, &no_modules, heap.heap, &grf_arch_amd64);
	refused = error != NULL;
	grf_error_free(error);
	go_heap_end(&heap);
	return refused;
}

static void test_spans_with_a_field_more(void **state)
{
	static const char *const versions[] = {"go1.22.12", "go1.24.9", "go1.26.8", "go1.27.0"};
	static const int fields[] = {
	    GRF_FIELD_mspan_start_addr,  GRF_FIELD_mspan_npages,      GRF_FIELD_mspan_freeindex,
	    GRF_FIELD_mspan_alloc_bits,  GRF_FIELD_mspan_gcmark_bits, GRF_FIELD_mspan_sweepgen,
	    GRF_FIELD_mspan_alloc_count, GRF_FIELD_mspan_elemsize,    GRF_FIELD_mspan_limit,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
		struct grf_layout layout;
		struct grf_version version;

		assert_true(grf_version_parse(versions[i], &version));
		assert_null(grf_layout_resolve(&version, NULL, &layout));
		assert_false(is_refused(versions[i], -1));
		for (size_t k = 0; k < sizeof(fields) / sizeof(*fields); k++)
			if (!is_refused(versions[i], layout.offset[fields[k]]))
				fail_msg("%s: a field before %zu is not noticed", versions[i], k);
	}
}

/* Pointers into free slots, everywhere. */
static void test_pointers_to_free_slots(void **state)
{
	struct go_heap heap;
	struct grf_error *error;

	(void)state;
	go_heap_begin(&heap, "go1.26.8");
	fill(&heap);
	for (unsigned int i = 0; i < SPANS; i++)
		for (unsigned int slot = 0; slot < SLOTS; slot++) {
			uint64_t value =
			    GO_HEAP_BASE + i * PAGE_BYTES + (slot - slot % 3) * SLOT_BYTES;

			memcpy(heap.pages + i * PAGE_BYTES + slot * SLOT_BYTES, &value, 8);
		}
	go_heap_read(&heap);
	error = grf_heap_self_check(&heap.layout, &no_modules, heap.heap, &grf_arch_amd64);
	assert_non_null(error);
	assert_int_equal(error->code, GRF_ERROR_UNSUPPORTED);
	grf_error_free(error);
	go_heap_end(&heap);
}

/* What waits for the sweeper and is not marked may point anywhere. */
static void test_garbage(void **state)
{
	static const uint8_t none[(SLOTS + 7) / 8];
	struct go_heap heap;

	(void)state;
	go_heap_begin(&heap, "go1.26.8");
	for (unsigned int i = 0; i < SPANS; i++) {
		struct go_span span = {.page = i,
				       .pages = 1,
				       .size_class = 5,
				       .element_size = SLOT_BYTES,
				       .slots = SLOTS,
				       .free_index = SLOTS - 1,
				       .alloc_bits = none,
				       .mark_bits = none,
				       .sweepgen = -2};
		uint64_t address = go_heap_add(&heap, &span);

		GO_HEAP_PUT(&heap, address, mspan, alloc_count, SLOTS - 1, 2);
		for (unsigned int slot = 0; slot < SLOTS; slot++) {
			uint64_t value = GO_HEAP_BASE + i * PAGE_BYTES + (SLOTS - 1) * SLOT_BYTES;

			memcpy(heap.pages + i * PAGE_BYTES + slot * SLOT_BYTES, &value, 8);
			heap.pages[i * PAGE_BYTES + 8192 - 128 + slot] = 1;
		}
	}
	go_heap_read(&heap);
	assert_null(grf_heap_self_check(&heap.layout, &no_modules, heap.heap, &grf_arch_amd64));
	go_heap_end(&heap);
}

static void test_goroutines(void **state)
{
	struct grf_module module = {.minpc = 0x1000, .maxpc = 0x2000};
	const struct grf_modules modules = {&module, 1};
	struct grf_goroutine items[100] = {0};
	struct grf_goroutines goroutines = {.items = items, .count = 100};
	struct grf_layout layout = {.version = {.text = "go1.26.8", .minor = 26}};
	struct grf_error *error;

	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		items[i] = (struct grf_goroutine){.id = i + 1, .start_pc = 0x1000 + i};
	assert_null(grf_goroutines_self_check(&layout, &modules, &goroutines, 4));
	/* Some are being made. */
	items[5].id = items[17].id = 0;
	assert_null(grf_goroutines_self_check(&layout, &modules, &goroutines, 4));
	for (unsigned int i = 0; i < 100; i++)
		items[i].id = 0;
	error = grf_goroutines_self_check(&layout, &modules, &goroutines, 4);
	assert_non_null(error);
	grf_error_free(error);
	for (unsigned int i = 0; i < 100; i++)
		items[i] = (struct grf_goroutine){.id = i + 1, .start_pc = 0xc000000000 + i};
	error = grf_goroutines_self_check(&layout, &modules, &goroutines, 4);
	assert_non_null(error);
	grf_error_free(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_spans_with_a_field_more),
	    cmocka_unit_test(test_pointers_to_free_slots),
	    cmocka_unit_test(test_garbage),
	    cmocka_unit_test(test_goroutines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
