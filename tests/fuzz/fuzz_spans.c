/* SPDX-License-Identifier: BSD-2-Clause */
/* The heap: changes to three spans, of small objects, of ones with headers and of a large one, and
 * to a list of specials. */
#include "fuzz.h"

#include "../unit/go_heap.h"
#include "arch/arch.h"
#include "model/heap/specials.h"

static const char *const releases[] = {"go1.17.13", "go1.20.14", "go1.21.13",
				       "go1.23.12", "go1.26.8",  "go1.27.0"};
#define RELEASES (sizeof(releases) / sizeof(*releases))

/* go_heap_begin() with the version taken as it is. */
static void make(struct go_heap *heap, const char *release)
{
	go_heap_begin(heap, release);
	go_heap_add(heap, &(struct go_span){.pages = 1,
					    .size_class = 5,
					    .element_size = 64,
					    .slots = 126,
					    .free_index = 9,
					    .specials = GO_HEAP_OTHER});
	go_heap_add(heap, &(struct go_span){.page = 1,
					    .pages = 1,
					    .size_class = 32,
					    .element_size = 1024,
					    .slots = 8,
					    .free_index = 8});
	go_heap_add(heap, &(struct go_span){.page = 2,
					    .pages = 4,
					    .element_size = 32768,
					    .slots = 1,
					    .free_index = 1,
					    .large_type = GO_HEAP_OTHER + 0x100});
}

static void read_all(struct go_heap *heap)
{
	const struct grf_special_variables variables = {GO_HEAP_OTHER + 0x200,
							GO_HEAP_OTHER + 0x300};
	struct grf_special_roots *roots;
	struct grf_error *error;
	struct grf_heap *read;

	error = grf_heap_read(heap->image, &heap->layout, GO_HEAP_MHEAP, &read);
	if (error) {
		grf_error_free(error);
		return;
	}
	for (size_t i = 0; i < read->span_count; i++) {
		const struct grf_span *span = &read->spans[i];

		for (uint32_t slot = 0; slot < span->slot_count && slot < 4096; slot++) {
			uint64_t payload;

			if (grf_span_allocated(span, slot))
				grf_span_stored_type(span, slot, &payload);
		}
	}
	error = grf_special_roots_read(heap->image, &heap->layout, read, &variables, &roots);
	if (error)
		grf_error_free(error);
	else
		grf_special_roots_destroy(roots);
	grf_heap_destroy(read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct go_heap heaps[RELEASES];
	struct fuzz_input input = {data, data + size};
	struct go_heap *heap = &heaps[fuzz_take(&input, 1) % RELEASES];
	struct fuzz_undo undo = {0};
	struct fuzz_block blocks[4];

	if (!heap->meta) {
		make(heap, releases[heap - heaps]);
		go_heap_segment(heap, 0, GO_HEAP_PAGES * UINT64_C(8192));
		assert_null(grf_image_from_segments(&grf_arch_amd64, heap->segments,
						    heap->segment_count, &heap->image));
	}
	blocks[0] = (struct fuzz_block){GO_HEAP_SPANS, go_heap_at(heap, GO_HEAP_SPANS), 0x300};
	blocks[1] = (struct fuzz_block){GO_HEAP_OTHER, go_heap_at(heap, GO_HEAP_OTHER), 0x800};
	blocks[2] = (struct fuzz_block){GO_HEAP_META, heap->meta, GO_HEAP_META_BYTES};
	blocks[3] = (struct fuzz_block){GO_HEAP_BASE, heap->pages, 0xc000};
	fuzz_change(&input, blocks, 4, &undo);
	read_all(heap);
	fuzz_undo_all(&undo);
	return 0;
}
