/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists the roots by the runtime's masks and stack maps alone, without types. */
#include "graph/root_words.h"

#include "graph/graph.h"

/* Each module has two segments. */
size_t grf_root_segment_count(const struct grf_model *model)
{
	return 2 * model->modules->count;
}

struct grf_root_segment grf_root_segment(const struct grf_model *model, size_t index)
{
	const struct grf_module *module = &model->modules->items[index / 2];
	struct grf_root_segment segment = {
	    .name = "data",
	    .start = module->data,
	    .end = module->edata,
	    .mask = module->data_mask,
	    .words = module->data_mask_bits,
	};

	if (index % 2)
		segment = (struct grf_root_segment){
		    .name = "bss",
		    .start = module->bss,
		    .end = module->ebss,
		    .mask = module->bss_mask,
		    .words = module->bss_mask_bits,
		};
	if (segment.end <= segment.start || !segment.mask)
		segment.words = 0;
	else if (segment.words > (segment.end - segment.start) / 8)
		segment.words = (segment.end - segment.start) / 8;
	return segment;
}

void grf_root_segment_words(const struct grf_root_segment *segment, grf_root_address_visit *visit,
			    void *context)
{
	for (uint64_t i = 0; i < segment->words; i++)
		if (segment->mask[i >> 3] >> (i & 7) & 1)
			visit(context, segment->start + i * 8);
}

void grf_root_stack_words(const struct grf_goroutine *goroutine, grf_root_stack_visit *visit,
			  void *context)
{
	uint64_t low = goroutine->stack_low, high = goroutine->stack_high;

	for (uint32_t i = 0; i < goroutine->word_count; i++) {
		const struct grf_stack_word *word = &goroutine->words[i];

		if (word->address >= low && word->address < high && high - word->address >= 8 &&
		    !(word->address & 7))
			visit(context, word);
	}
}

void grf_root_values(const struct grf_goroutine *goroutine, grf_root_value_visit *visit,
		     void *context)
{
	for (uint32_t i = 0; i < goroutine->value_count; i++)
		if (goroutine->values[i].value)
			visit(context, &goroutine->values[i]);
}

void grf_root_specials(const struct grf_model *model, grf_root_special_visit *visit, void *context)
{
	const struct grf_special_roots *roots = model->specials;

	for (size_t i = 0; i < roots->count; i++)
		if (roots->items[i].value)
			visit(context, i, &roots->items[i]);
}

const char *grf_root_frame_name(const struct grf_goroutine *goroutine, uint32_t frame)
{
	if (frame < goroutine->frame_count && goroutine->frames[frame].function->name)
		return goroutine->frames[frame].function->name;
	return "goroutine";
}

/* What grf_graph_roots() has to go on with. */
struct listing {
	const struct grf_model *model;
	const struct grf_goroutine *goroutine; /* the current one */
	struct grf_root_word word;             /* what all roots of the current place have */
	grf_root_visit *visit;
	void *context;
};

/* Gives the word at `address`, unless it is 0 or missing. */
static void list_word(struct listing *listing, uint64_t address)
{
	listing->word.address = address;
	if (grf_image_u64(listing->model->image, address, &listing->word.value) &&
	    listing->word.value)
		listing->visit(listing->context, &listing->word);
}

static void list_segment_word(void *context, uint64_t address)
{
	list_word(context, address);
}

static void list_stack_word(void *context, const struct grf_stack_word *word)
{
	struct listing *listing = context;

	listing->word.name = grf_root_frame_name(listing->goroutine, word->frame);
	listing->word.conservative = word->conservative;
	if (!listing->goroutine->memory) {
		list_word(listing, word->address);
		return;
	}
	listing->word.address = word->address;
	listing->word.value = grf_load_u64(listing->goroutine->memory +
					   (word->address - listing->goroutine->stack_low));
	if (listing->word.value)
		listing->visit(listing->context, &listing->word);
}

static void list_value(void *context, const struct grf_goroutine_value *value)
{
	struct listing *listing = context;

	listing->word.address = 0;
	listing->word.value = value->value;
	listing->word.name = grf_root_frame_name(listing->goroutine, value->frame);
	listing->word.conservative = value->conservative;
	listing->visit(listing->context, &listing->word);
}

static void list_special(void *context, size_t index, const struct grf_special_root *root)
{
	struct listing *listing = context;

	if (root->kind == GRF_ROOT_REFERENTS)
		return;
	listing->word.index = index;
	listing->word.value = root->value;
	listing->word.name = root->name;
	listing->visit(listing->context, &listing->word);
}

void grf_graph_roots(const struct grf_graph *graph, grf_root_visit *visit, void *context)
{
	const struct grf_model *model = graph->model;
	struct listing listing = {.model = model, .visit = visit, .context = context};

	for (size_t i = 0; i < grf_root_segment_count(model); i++) {
		struct grf_root_segment segment = grf_root_segment(model, i);

		listing.word = (struct grf_root_word){
		    .name = i % 2 ? "bss segment" : "data segment",
		};
		grf_root_segment_words(&segment, list_segment_word, &listing);
	}
	for (size_t i = 0; i < model->goroutines->count; i++) {
		listing.goroutine = &model->goroutines->items[i];
		listing.word = (struct grf_root_word){.source = GRF_ROOT_OF_GOROUTINE, .index = i};
		grf_root_stack_words(listing.goroutine, list_stack_word, &listing);
		grf_root_values(listing.goroutine, list_value, &listing);
	}
	listing.word = (struct grf_root_word){.source = GRF_ROOT_OF_SPECIAL};
	grf_root_specials(model, list_special, &listing);
}
