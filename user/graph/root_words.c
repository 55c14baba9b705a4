/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists the roots by the runtime's masks and stack maps alone, without types. */
#include "graph/graph.h"

static void emit_word(const struct grf_root_word *word, grf_root_visit *visit, void *context)
{
	if (word->value)
		visit(context, word);
}

static void segment_words(const struct grf_model *model, uint64_t start, const uint8_t *mask,
			  uint64_t bits, const char *name, grf_root_visit *visit, void *context)
{
	for (uint64_t i = 0; mask && i < bits; i++) {
		struct grf_root_word word = {.address = start + i * 8, .name = name};

		if (mask[i >> 3] >> (i & 7) & 1 &&
		    grf_image_u64(model->image, word.address, &word.value))
			emit_word(&word, visit, context);
	}
}

static const char *frame_name(const struct grf_goroutine *goroutine, uint32_t frame)
{
	if (frame < goroutine->frame_count && goroutine->frames[frame].function.name)
		return goroutine->frames[frame].function.name;
	return "goroutine";
}

static void goroutine_words(const struct grf_model *model, size_t index, grf_root_visit *visit,
			    void *context)
{
	const struct grf_goroutine *goroutine = &model->goroutines->items[index];

	for (uint32_t i = 0; i < goroutine->word_count; i++) {
		const struct grf_stack_word *from = &goroutine->words[i];
		struct grf_root_word word = {
		    .source = GRF_ROOT_OF_GOROUTINE,
		    .index = index,
		    .address = from->address,
		    .name = frame_name(goroutine, from->frame),
		    .conservative = from->conservative,
		};

		if (grf_image_u64(model->image, word.address, &word.value))
			emit_word(&word, visit, context);
	}
	for (uint32_t i = 0; i < goroutine->value_count; i++) {
		const struct grf_goroutine_value *from = &goroutine->values[i];
		struct grf_root_word word = {
		    .source = GRF_ROOT_OF_GOROUTINE,
		    .index = index,
		    .value = from->value,
		    .name = frame_name(goroutine, from->frame),
		    .conservative = from->conservative,
		};

		emit_word(&word, visit, context);
	}
}

void grf_graph_roots(const struct grf_graph *graph, grf_root_visit *visit, void *context)
{
	const struct grf_model *model = graph->model;

	for (size_t i = 0; i < model->modules->count; i++) {
		const struct grf_module *module = &model->modules->items[i];

		segment_words(model, module->data, module->data_mask, module->data_mask_bits,
			      "data segment", visit, context);
		segment_words(model, module->bss, module->bss_mask, module->bss_mask_bits,
			      "bss segment", visit, context);
	}
	for (size_t i = 0; i < model->goroutines->count; i++)
		goroutine_words(model, i, visit, context);
	for (size_t i = 0; i < model->specials->count; i++) {
		const struct grf_special_root *root = &model->specials->items[i];
		struct grf_root_word word = {
		    .source = GRF_ROOT_OF_SPECIAL,
		    .index = i,
		    .value = root->value,
		    .name = root->name,
		};

		if (root->kind != GRF_ROOT_REFERENTS)
			emit_word(&word, visit, context);
	}
}
