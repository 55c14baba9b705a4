/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks references first, then compares states with marks slot by slot, and last decides which
 * differences stale words excuse.
 */
#include "views/verification.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "graph/pair_map.h"
#include "model/code/runtime_variables.h"
#include "model/variables/variables.h"

struct comparison {
	const struct grf_graph *graph;
	const struct grf_model *model;
	const struct grf_heap *heap;
	struct grf_verification *verification;
	struct grf_pair_map noted; /* (slot id, 0) -> index into details */
	/* Node of the object whose words are visited. */
	uint32_t node;
	const char *name;
	bool conservative;
	bool no_memory;
	GRF_ARRAY(uint64_t) tiny_blocks;
	/* Kind that is spread while stale objects are found. */
	enum grf_difference_kind spreading;
	GRF_ARRAY(uint32_t) frontier; /* indices into details */
};

static bool is_reached(const struct comparison *comparison, uint64_t id)
{
	return grf_graph_reached(comparison->graph, id);
}

static void add_total(struct grf_total *total, const struct grf_span *span)
{
	total->objects++;
	total->bytes += span->element_size;
}

static struct grf_difference *add_difference(struct comparison *comparison,
					     const struct grf_span *span, uint32_t slot,
					     enum grf_difference_kind kind)
{
	struct grf_difference *difference = grf_array_add(&comparison->verification->details);

	if (!difference) {
		comparison->no_memory = true;
		return NULL;
	}
	*difference = (struct grf_difference){
	    .id = span->first_object + slot,
	    .address = span->base + slot * span->element_size,
	    .span = (uint32_t)(span - comparison->heap->spans),
	    .node = GRF_TREE_NONE,
	    .kind = kind,
	};
	return difference;
}

/* The slot that a pointer leads into, or NULL. */
static const struct grf_span *find_slot(const struct comparison *comparison, uint64_t value,
					uint32_t *ret)
{
	const struct grf_span *span = grf_heap_span(comparison->heap, value);

	return span && grf_span_find(span, value, ret) ? span : NULL;
}

/* Checks a pointer in a root, a reached object or a missed one. */
static void check_pointer(struct comparison *comparison, uint64_t address, uint64_t value)
{
	struct grf_difference *difference;
	enum grf_difference_kind kind = GRF_MISSED;
	uint32_t slot, index;
	const struct grf_span *span = find_slot(comparison, value, &slot);
	uint64_t id;

	if (!span)
		return;
	id = span->first_object + slot;
	if (is_reached(comparison, id))
		return;
	if (!grf_span_allocated(span, slot)) {
		/* A thread that allocates has a pointer to a slot that holds no object yet. */
		if (comparison->conservative || slot + 1 == span->unfinished)
			return;
		kind = GRF_DANGLING;
	}
	if (grf_pair_map_get(&comparison->noted, id, 0) != GRF_PAIR_MAP_NONE)
		return;
	index = (uint32_t)comparison->verification->details.count;
	difference = add_difference(comparison, span, slot, kind);
	if (!difference || !grf_pair_map_put(&comparison->noted, id, 0, index)) {
		comparison->no_memory = true;
		return;
	}
	difference->referrer = address;
	difference->node = comparison->node;
	difference->referrer_name = comparison->name;
}

static void visit_object_word(void *context, uint64_t address, uint64_t value)
{
	check_pointer(context, address, value);
}

static void visit_root_word(void *context, const struct grf_root_word *word)
{
	struct comparison *comparison = context;

	comparison->name = word->name;
	comparison->conservative = word->conservative;
	check_pointer(comparison, word->address, word->value);
}

static void check_object(struct comparison *comparison, const struct grf_span *span, uint32_t slot)
{
	/* The slot may still hold what was there before it was allocated. */
	if (slot + 1 == span->unfinished && comparison->verification->with_unfinished)
		return;
	if (!grf_graph_edges(comparison->graph, span, slot, visit_object_word, comparison))
		comparison->no_memory = true;
}

/* Checks that the reached set is complete: every pointer in it leads into it. An object outside it
 * is missed, and so are the objects that it leads to. */
static struct grf_error *check_references(struct comparison *comparison)
{
	const struct grf_heap *heap = comparison->heap;

	comparison->node = GRF_TREE_NONE;
	grf_graph_roots(comparison->graph, visit_root_word, comparison);
	comparison->name = NULL;
	comparison->conservative = false;
	for (size_t i = 0; i < heap->span_count && !comparison->no_memory; i++) {
		const struct grf_span *span = &heap->spans[i];

		if (!(i & 1023)) {
			grf_progress("checking every pointer", i, heap->span_count);
			if (grf_interrupted())
				return grf_error_interrupted();
		}
		if (span->pointer_layout == GRF_POINTERS_NONE)
			continue;
		for (uint32_t slot = 0; slot < span->slot_count; slot++) {
			if (!is_reached(comparison, span->first_object + slot))
				continue;
			comparison->node =
			    grf_graph_kind(comparison->graph, span->first_object + slot).node;
			check_object(comparison, span, slot);
		}
	}
	for (size_t i = 0; i < comparison->verification->details.count && !comparison->no_memory;
	     i++) {
		const struct grf_difference missed = comparison->verification->details.items[i];
		const struct grf_span *span = &heap->spans[missed.span];

		if (missed.kind != GRF_MISSED)
			continue;
		comparison->node = missed.node;
		comparison->name = missed.referrer_name;
		check_object(comparison, span, (uint32_t)(missed.id - span->first_object));
	}
	grf_progress_end();
	return comparison->no_memory ? grf_error_no_memory() : NULL;
}

/* Compares one slot that holds an object: reached, marked, both or neither. */
static void compare_object(struct comparison *comparison, const struct grf_span *span,
			   uint32_t slot)
{
	struct grf_verification *verification = comparison->verification;
	uint64_t id = span->first_object + slot;
	bool reached = is_reached(comparison, id);
	bool marked = grf_marked(&verification->marks, id);
	struct grf_difference *difference;

	if (!verification->marks.at_gc_point)
		marked = reached;
	if (reached && marked)
		add_total(&verification->agreed, span);
	if (reached == marked)
		return;
	if (reached) {
		uint32_t index = (uint32_t)verification->details.count;

		difference = add_difference(comparison, span, slot, GRF_EXTRA);
		if (difference)
			difference->node = grf_graph_kind(comparison->graph, id).node;
		if (!grf_pair_map_put(&comparison->noted, id, 0, index))
			comparison->no_memory = true;
	} else if (grf_pair_map_get(&comparison->noted, id, 0) == GRF_PAIR_MAP_NONE) {
		add_difference(comparison, span, slot, GRF_FLOATING);
	}
}

static struct grf_error *compare_marks(struct comparison *comparison)
{
	for (size_t i = 0; i < comparison->heap->span_count; i++) {
		const struct grf_span *span = &comparison->heap->spans[i];

		if (!(i & 1023) && grf_interrupted())
			return grf_error_interrupted();
		for (uint32_t slot = 0; slot < span->slot_count; slot++)
			if (grf_span_allocated(span, slot))
				compare_object(comparison, span, slot);
	}
	return comparison->no_memory ? grf_error_no_memory() : NULL;
}

/* An unmarked object gets the kind of the object that points to it. */
static void spread_to(struct comparison *comparison, uint64_t value)
{
	struct grf_difference *difference;
	uint32_t slot, index, *added;
	const struct grf_span *span = find_slot(comparison, value, &slot);

	if (!span)
		return;
	index = grf_pair_map_get(&comparison->noted, span->first_object + slot, 0);
	if (index == GRF_PAIR_MAP_NONE)
		return;
	difference = &comparison->verification->details.items[index];
	if ((difference->kind != GRF_EXTRA && difference->kind != GRF_STALE) ||
	    difference->kind == comparison->spreading)
		return;
	difference->kind = comparison->spreading;
	added = grf_array_add(&comparison->frontier);
	if (added)
		*added = index;
	else
		comparison->no_memory = true;
}

static void spread_object_word(void *context, uint64_t address, uint64_t value)
{
	(void)address;
	spread_to(context, value);
}

/* Whether the collector may be right not to have marked what a root word points to. */
static bool may_be_stale(const struct comparison *comparison, const struct grf_root_word *word)
{
	const struct grf_span *span;
	uint32_t slot;

	if (!word->conservative || !comparison->verification->marks.exact)
		return word->conservative;
	span = find_slot(comparison, word->value, &slot);
	return span && grf_marks_pass_over(comparison->model, span, slot);
}

static void spread_root_word(void *context, const struct grf_root_word *word)
{
	struct comparison *comparison = context;

	if (comparison->spreading == GRF_STALE ? may_be_stale(comparison, word)
					       : !word->conservative)
		spread_to(comparison, word->value);
}

static void spread_object(struct comparison *comparison, const struct grf_span *span, uint32_t slot)
{
	if (!grf_graph_edges(comparison->graph, span, slot, spread_object_word, comparison))
		comparison->no_memory = true;
}

static void spread_marked(struct comparison *comparison)
{
	for (size_t i = 0; i < comparison->heap->span_count && !comparison->no_memory; i++) {
		const struct grf_span *span = &comparison->heap->spans[i];

		for (uint32_t slot = 0; slot < span->slot_count; slot++)
			if (span->pointer_layout != GRF_POINTERS_NONE &&
			    is_reached(comparison, span->first_object + slot) &&
			    grf_marked(&comparison->verification->marks, span->first_object + slot))
				spread_object(comparison, span, slot);
	}
}

static void spread_kind(struct comparison *comparison, enum grf_difference_kind kind)
{
	comparison->spreading = kind;
	grf_graph_roots(comparison->graph, spread_root_word, comparison);
	if (kind == GRF_EXTRA)
		spread_marked(comparison);
	while (comparison->frontier.count && !comparison->no_memory) {
		uint32_t index = comparison->frontier.items[--comparison->frontier.count];
		const struct grf_difference difference =
		    comparison->verification->details.items[index];
		const struct grf_span *span = &comparison->heap->spans[difference.span];

		spread_object(comparison, span, (uint32_t)(difference.id - span->first_object));
	}
}

/* Divides the objects that are reached and not marked: stale where only conservative words that may
 * be stale lead to them, extra where anything else does. */
static struct grf_error *find_stale(struct comparison *comparison)
{
	const struct grf_verification *verification = comparison->verification;
	bool any = false;

	for (size_t i = 0; i < verification->details.count && !any; i++)
		any = verification->details.items[i].kind == GRF_EXTRA;
	if (any) {
		spread_kind(comparison, GRF_STALE);
		spread_kind(comparison, GRF_EXTRA);
	}
	return comparison->no_memory ? grf_error_no_memory() : NULL;
}

/*
 * Finds the blocks of 16 bytes that the tiny allocators of the Ps are filling. The collector marks
 * them when it begins, even if nothing points to them (gcMarkTinyAllocs in mgc.go).
 */
static void find_tiny_blocks(struct comparison *comparison)
{
	const struct grf_model *model = comparison->model;
	uint64_t allp = grf_types_variable(model->types, "runtime.allp"), data, count;
	const struct grf_layout *layout = &model->layout;

	if (!allp || !grf_has(layout, p, mcache) || !grf_has(layout, mcache, tiny) ||
	    !grf_image_u64(model->image, allp, &data) ||
	    !grf_image_u64(model->image, allp + 8, &count))
		return;
	for (uint64_t i = 0; i < count && i < GRF_MAX_PROCESSORS; i++) {
		uint64_t p, mcache, tiny, *added;

		if (!grf_image_u64(model->image, data + i * 8, &p) || !p ||
		    !grf_image_u64(model->image, p + (uint64_t)grf_offset(layout, p, mcache),
				   &mcache) ||
		    !mcache ||
		    !grf_image_u64(model->image,
				   mcache + (uint64_t)grf_offset(layout, mcache, tiny), &tiny) ||
		    !tiny)
			continue;
		added = grf_array_add(&comparison->tiny_blocks);
		if (!added) {
			comparison->no_memory = true;
			return;
		}
		*added = tiny;
	}
}

static bool is_tiny_block(const struct comparison *comparison, uint64_t address)
{
	for (size_t i = 0; i < comparison->tiny_blocks.count; i++)
		if (comparison->tiny_blocks.items[i] == address)
			return true;
	return false;
}

static int by_id(const void *left, const void *right)
{
	const struct grf_difference *a = left, *b = right;

	return a->id < b->id ? -1 : a->id > b->id;
}

static void total_up(struct comparison *comparison)
{
	struct grf_verification *verification = comparison->verification;

	find_tiny_blocks(comparison);
	if (verification->details.count)
		qsort(verification->details.items, verification->details.count,
		      sizeof(*verification->details.items), by_id);
	for (size_t i = 0; i < verification->details.count; i++) {
		struct grf_difference *difference = &verification->details.items[i];
		const struct grf_span *span = &comparison->heap->spans[difference->span];

		add_total(&verification->totals[difference->kind], span);
		if (difference->kind != GRF_FLOATING || span->element_size != 16 ||
		    span->pointer_layout != GRF_POINTERS_NONE)
			continue;
		difference->tiny = is_tiny_block(comparison, difference->address);
		if (difference->tiny)
			add_total(&verification->tiny, span);
	}
}

static struct grf_error *compare_all(struct comparison *comparison)
{
	struct grf_verification *verification = comparison->verification;
	struct grf_error *error = grf_marks_read(comparison->model, &verification->marks);

	if (error)
		return error;
	verification->with_unfinished =
	    !verification->marks.at_gc_point &&
	    !grf_has(&comparison->model->layout, mspan, free_index_for_scan);
	error = check_references(comparison);
	if (!error)
		error = compare_marks(comparison);
	if (!error)
		error = find_stale(comparison);
	if (error)
		return error;
	total_up(comparison);
	return comparison->no_memory ? grf_error_no_memory() : NULL;
}

struct grf_error *grf_verification_create(const struct grf_graph *graph,
					  struct grf_verification **ret)
{
	struct grf_verification *verification = calloc(1, sizeof(*verification));
	struct comparison comparison = {
	    .graph = graph,
	    .model = graph->model,
	    .heap = graph->model->heap,
	    .verification = verification,
	};
	struct grf_error *error;

	assert(grf_places_kept(&graph->places) && "made with places");
	if (!verification)
		return grf_error_no_memory();
	error = compare_all(&comparison);
	grf_pair_map_free(&comparison.noted);
	grf_array_free(&comparison.tiny_blocks);
	grf_array_free(&comparison.frontier);
	if (error)
		grf_verification_destroy(verification);
	else
		*ret = verification;
	return error;
}

void grf_verification_destroy(struct grf_verification *verification)
{
	if (!verification)
		return;
	grf_marks_free(&verification->marks);
	grf_array_free(&verification->details);
	free(verification);
}

bool grf_verification_holds(const struct grf_verification *verification)
{
	return !verification->totals[GRF_MISSED].objects &&
	       (!verification->totals[GRF_DANGLING].objects || verification->with_unfinished) &&
	       !verification->totals[GRF_EXTRA].objects &&
	       (!verification->marks.exact || !verification->totals[GRF_FLOATING].objects);
}
