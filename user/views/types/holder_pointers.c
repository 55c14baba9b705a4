/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts pointers by the place in which they stand. How many objects the pointers of a place lead
 * to is told by sets of places: each object has the number of the set of those that were found to
 * lead to it. A set is another one and one place more, so that there are few sets, and each takes a
 * few bytes.
 */
#include "views/types/holder_pointers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/written_text.h"
#include "graph/pair_map.h"
#include "views/owners/container.h"
#include "views/types/same_chains.h"

/* Spans between two looks at interruption. */
#define BREATH 1024
/* How deep arrays within values are gone into, and the bits of a key for each. */
#define NESTED   4
#define KEY_BITS 16
/* So many places are told apart; programs have some hundred. */
#define MAX_PLACES 65535u
#define OTHERS     "(others)"
/* What was found last of so many (kind, offset) is remembered. */
#define REMEMBERED 256u

/* Kinds of keys of places, in the lowest bits of the first half of a pair. */
enum { KEY_FIELD, KEY_CHAIN, KEY_NAME, KEY_OTHERS, KEY_BITS_OF_KIND = 2 };

struct place {
	uint64_t pointers, objects;
	uint32_t kind;  /* KEY_ */
	uint32_t group; /* FIELD: of types */
	uint64_t key;   /* FIELD: slots, from the innermost in the lowest bits; CHAIN: node */
	const char *name;
};

/* The places of `above`, and one more. */
struct place_set {
	uint32_t above; /* 0: none */
	uint32_t place;
	uint64_t objects;
};

struct finding {
	const struct grf_held_objects *held;
	const struct grf_graph *graph;
	GRF_ARRAY(struct place) places;
	struct grf_pair_map place_index;  /* (kind and group, key) -> place */
	GRF_ARRAY(struct place_set) sets; /* the first is the empty one */
	struct grf_pair_map wider;        /* (set, place) -> set */
	uint32_t *set_of;                 /* by rank of an object */
	/* The object that edges are of. */
	uint32_t doubled;
	uint64_t value; /* the address of its first value */
	const char *special;
	struct {
		uint64_t offset;
		uint32_t doubled, place; /* place: one more */
	} remembered[REMEMBERED];
	bool no_memory;
};

/* ---- places ---- */

static uint32_t get_place(struct finding *finding, uint32_t kind, uint32_t group, uint64_t key)
{
	uint64_t first = (uint64_t)group << KEY_BITS_OF_KIND | kind;
	uint32_t found = grf_pair_map_get(&finding->place_index, first, key);
	struct place *place;

	if (found != GRF_PAIR_MAP_NONE)
		return found;
	if (finding->places.count >= MAX_PLACES && kind != KEY_OTHERS)
		return get_place(finding, KEY_OTHERS, 0, 0);
	found = (uint32_t)finding->places.count;
	place = grf_array_add(&finding->places);
	if (!place || !grf_pair_map_put(&finding->place_index, first, key, found)) {
		finding->no_memory = true;
		return 0;
	}
	place->kind = kind;
	place->group = group;
	place->key = key;
	return found;
}

/* The slots on the way to the word at an offset, as a number. 0: not known. */
static uint64_t key_of_field(const struct grf_type *type, uint64_t offset)
{
	uint64_t key = 0;

	for (int depth = 0; depth < NESTED && type; depth++) {
		uint32_t index = grf_container_slot_index(type, offset);

		if (index >= type->slot_count || index + 1 >= 1u << KEY_BITS)
			return 0;
		key = key << KEY_BITS | (index + 1);
		if (type->slots[index].kind != GRF_SLOT_INLINE_ARRAY)
			return key;
		offset = (offset - type->slots[index].offset) % type->slots[index].stride;
		type = type->slots[index].target;
	}
	return 0;
}

static uint32_t place_in_object(struct finding *finding, uint64_t address)
{
	const struct grf_object_kind *kind = &finding->graph->kinds[finding->doubled / 2];
	uint64_t offset = address - finding->value, key = 0;
	uint32_t at, place;

	if (kind->type && kind->type->size && kind->content == GRF_CONTENT_ARRAY)
		offset %= kind->type->size;
	at = (uint32_t)(offset / 8 + (uint64_t)finding->doubled * 7) % REMEMBERED;
	if (finding->remembered[at].place && finding->remembered[at].offset == offset &&
	    finding->remembered[at].doubled == finding->doubled)
		return finding->remembered[at].place - 1;
	if (kind->type && !(finding->doubled & 1) && kind->content != GRF_CONTENT_POINTERS)
		key = key_of_field(kind->type, offset);
	place = get_place(finding, KEY_FIELD, finding->held->types->of_kind[finding->doubled], key);
	finding->remembered[at].offset = offset;
	finding->remembered[at].doubled = finding->doubled;
	finding->remembered[at].place = place + 1;
	return place;
}

/* The place of a root that no variable claims. One that has the name of a root of the tree is that
 * one. */
static uint32_t place_of_name(struct finding *finding, const char *name)
{
	const struct grf_tree *tree = finding->graph->tree;
	uint32_t found = grf_pair_map_get(&finding->place_index, KEY_NAME, (uintptr_t)name);

	if (found != GRF_PAIR_MAP_NONE)
		return found;
	for (uint32_t i = 0; i < tree->node_count; i++)
		if (tree->nodes[i].parent == GRF_TREE_NONE && !strcmp(tree->nodes[i].name, name)) {
			found = get_place(finding, KEY_CHAIN, 0, finding->held->same_chains[i]);
			if (!grf_pair_map_put(&finding->place_index, KEY_NAME, (uintptr_t)name,
					      found))
				finding->no_memory = true;
			return found;
		}
	found = get_place(finding, KEY_NAME, 0, (uintptr_t)name);
	if (!finding->no_memory)
		finding->places.items[found].name = name;
	return found;
}

/* ---- pointers ---- */

/* The set with one place more. */
static uint32_t widen_set(struct finding *finding, uint32_t set, uint32_t place)
{
	uint32_t wider = grf_pair_map_get(&finding->wider, set, place);
	struct place_set *added;

	if (wider != GRF_PAIR_MAP_NONE)
		return wider;
	for (wider = set; wider && finding->sets.items[wider].place != place;)
		wider = finding->sets.items[wider].above;
	if (wider)
		wider = set;
	if (!wider) {
		wider = (uint32_t)finding->sets.count;
		added = wider < GRF_PAIR_MAP_NONE ? grf_array_add(&finding->sets) : NULL;
		if (added)
			*added = (struct place_set){.above = set, .place = place};
		else
			finding->no_memory = true;
	}
	if (finding->no_memory || !grf_pair_map_put(&finding->wider, set, place, wider)) {
		finding->no_memory = true;
		return 0;
	}
	return wider;
}

/* Whether a pointer leads to one of the objects, and to which. */
static bool find_held(const struct finding *finding, uint64_t value, uint64_t *ret_id)
{
	const struct grf_span *span;
	uint32_t slot;

	if (!grf_heap_find(finding->graph->model->heap, value, &span, &slot))
		return false;
	*ret_id = span->first_object + slot;
	return grf_ranked_set_has(finding->held->objects, *ret_id);
}

static void count_pointer(struct finding *finding, uint64_t id, uint32_t place)
{
	uint32_t *set = &finding->set_of[grf_ranked_set_rank(finding->held->objects, id)];

	if (finding->no_memory)
		return;
	finding->places.items[place].pointers++;
	*set = widen_set(finding, *set, place);
}

static void visit_edge(void *context, uint64_t address, uint64_t value)
{
	struct finding *finding = context;
	uint64_t id;

	if (!finding->no_memory && find_held(finding, value, &id))
		count_pointer(finding, id, place_in_object(finding, address));
}

static void visit_root(void *context, const struct grf_root_word *word)
{
	struct finding *finding = context;
	const struct grf_root_claim *claim;
	uint32_t place;
	uint64_t id;

	if (finding->no_memory || !find_held(finding, word->value, &id))
		return;
	claim = word->address ? grf_graph_claim(finding->graph, word->address) : NULL;
	if (claim)
		place =
		    get_place(finding, KEY_CHAIN, 0,
			      finding->held->same_chains[finding->graph->kinds[claim->kind].node]);
	else
		place = place_of_name(finding, word->name);
	count_pointer(finding, id, place);
}

static void visit_referent(void *context, uint64_t address, uint64_t value)
{
	struct finding *finding = context;
	uint64_t id;

	(void)address;
	if (!finding->no_memory && find_held(finding, value, &id))
		count_pointer(finding, id, place_of_name(finding, finding->special));
}

/* Roots are what an object leads to that has a finalizer and that nothing else holds. */
static void visit_specials(struct finding *finding)
{
	const struct grf_special_roots *specials = finding->graph->model->specials;

	for (size_t i = 0; i < specials->count && !finding->no_memory; i++) {
		const struct grf_special_root *special = &specials->items[i];
		const struct grf_span *span;
		uint32_t slot;

		if (special->kind != GRF_ROOT_REFERENTS ||
		    !grf_heap_find(finding->graph->model->heap, special->value, &span, &slot) ||
		    grf_graph_reached(finding->graph, span->first_object + slot))
			continue;
		finding->special = special->name;
		if (!grf_graph_edges(finding->graph, span, slot, visit_referent, finding))
			finding->no_memory = true;
	}
}

static void visit_span(struct finding *finding, const struct grf_span *span)
{
	if (span->pointer_layout == GRF_POINTERS_NONE)
		return;
	for (uint32_t slot = 0; slot < span->slot_count && !finding->no_memory; slot++) {
		uint64_t id = span->first_object + slot, payload = 0;

		if (!grf_graph_reached(finding->graph, id))
			continue;
		grf_span_stored_type(span, slot, &payload);
		finding->doubled = grf_type_doubled_kind(finding->graph, id);
		finding->value = span->base + slot * span->element_size + payload;
		if (!grf_graph_edges(finding->graph, span, slot, visit_edge, finding))
			finding->no_memory = true;
	}
}

static void count_objects(struct finding *finding)
{
	for (uint32_t i = 0; i < finding->held->objects->count; i++)
		finding->sets.items[finding->set_of[i]].objects++;
	/* A set comes behind the one that it is wider than. */
	for (size_t i = finding->sets.count; i-- > 1;) {
		const struct place_set *set = &finding->sets.items[i];

		finding->places.items[set->place].objects += set->objects;
		finding->sets.items[set->above].objects += set->objects;
	}
}

static struct grf_error *find_pointers(struct finding *finding)
{
	const struct grf_heap *heap = finding->graph->model->heap;

	finding->set_of =
	    calloc((size_t)finding->held->objects->count + 1, sizeof(*finding->set_of));
	if (!finding->set_of || !grf_array_add(&finding->sets))
		return grf_error_no_memory();
	grf_graph_roots(finding->graph, visit_root, finding);
	visit_specials(finding);
	for (size_t i = 0; i < heap->span_count && !finding->no_memory; i++) {
		if (!(i % BREATH)) {
			grf_progress("looking for pointers", i, heap->span_count);
			if (grf_interrupted())
				return grf_error_interrupted();
		}
		visit_span(finding, &heap->spans[i]);
	}
	if (finding->no_memory)
		return grf_error_no_memory();
	count_objects(finding);
	return NULL;
}

/* ---- rows ---- */

/* Prints the fields on the way to a slot, as Go selects them. */
static void print_slot(FILE *stream, struct grf_types *types, const struct grf_slot *slot)
{
	for (uint16_t i = 0; i < slot->path_length; i++) {
		const struct grf_element *about = grf_element_of(types, slot->path[i]);

		if (about && about->field)
			fprintf(stream, ".%s", about->field);
		else
			fprintf(stream, " > %s", slot->path[i]);
	}
}

static void print_field(FILE *stream, const struct finding *finding, const struct place *place)
{
	uint32_t doubled = finding->held->types->first[place->group];
	const struct grf_type *type = finding->graph->kinds[doubled / 2].type;

	grf_type_print_kind(stream, finding->graph, doubled);
	for (int depth = NESTED - 1; depth >= 0 && type; depth--) {
		uint32_t index =
		    (uint32_t)(place->key >> depth * KEY_BITS) & ((1u << KEY_BITS) - 1);
		const struct grf_slot *slot;

		if (!index)
			continue;
		/* Types of one name and size may have been planned apart. */
		if (index > type->slot_count)
			return;
		slot = &type->slots[index - 1];
		print_slot(stream, finding->graph->model->types, slot);
		if (slot->kind == GRF_SLOT_INLINE_ARRAY && !slot->unnamed)
			fputs("[]", stream);
		type = slot->target;
	}
}

static void print_place(FILE *stream, const struct finding *finding, const struct place *place)
{
	switch (place->kind) {
	case KEY_FIELD:
		print_field(stream, finding, place);
		break;
	case KEY_CHAIN:
		grf_print_chain(stream, finding->graph->tree, (uint32_t)place->key);
		break;
	case KEY_NAME:
		fputs(place->name, stream);
		break;
	default:
		fputs(OTHERS, stream);
	}
}

static int by_pointers(const void *left, const void *right)
{
	const struct grf_holder_pointers_row *a = left, *b = right;

	if (a->pointers != b->pointers)
		return a->pointers > b->pointers ? -1 : 1;
	if (a->objects != b->objects)
		return a->objects > b->objects ? -1 : 1;
	return strcmp(a->holder, b->holder);
}

static struct grf_error *make_rows(const struct finding *finding, struct grf_holder_pointers *ret)
{
	for (size_t i = 0; i < finding->places.count; i++) {
		const struct place *place = &finding->places.items[i];
		struct grf_holder_pointers_row *row = grf_array_add(&ret->rows);
		struct grf_written_text text;
		FILE *stream;

		if (!row)
			return grf_error_no_memory();
		row->pointers = place->pointers;
		row->objects = place->objects;
		stream = grf_written_text_open(&text);
		if (stream)
			print_place(stream, finding, place);
		row->holder = grf_written_text_close(&text);
		if (!row->holder)
			return grf_error_no_memory();
	}
	if (ret->rows.count)
		qsort(ret->rows.items, ret->rows.count, sizeof(*ret->rows.items), by_pointers);
	return NULL;
}

struct grf_error *grf_holder_pointers_create(const struct grf_held_objects *held,
					     struct grf_holder_pointers **ret)
{
	struct finding finding = {.held = held, .graph = held->graph};
	struct grf_holder_pointers *pointers = calloc(1, sizeof(*pointers));
	uint64_t began = grf_now();
	struct grf_error *error;

	if (!pointers)
		return grf_error_no_memory();
	error = find_pointers(&finding);
	grf_progress_end();
	if (!error)
		error = make_rows(&finding, pointers);
	grf_debug("pointers: %zu places, %zu sets of them; %.3f s", finding.places.count,
		  finding.sets.count, (double)(grf_now() - began) / 1e9);
	grf_array_free(&finding.places);
	grf_array_free(&finding.sets);
	grf_pair_map_free(&finding.place_index);
	grf_pair_map_free(&finding.wider);
	free(finding.set_of);
	if (error)
		grf_holder_pointers_destroy(pointers);
	else
		*ret = pointers;
	return error;
}

void grf_holder_pointers_destroy(struct grf_holder_pointers *pointers)
{
	if (!pointers)
		return;
	for (size_t i = 0; i < pointers->rows.count; i++)
		free(pointers->rows.items[i].holder);
	grf_array_free(&pointers->rows);
	free(pointers);
}

static void fill_pointers(const void *context, size_t index, union grf_cell *ret)
{
	const struct grf_holder_pointers *pointers = context;
	const struct grf_holder_pointers_row *row = &pointers->rows.items[index];

	ret[0].number = row->pointers;
	ret[1].number = row->objects;
	ret[2].text = row->holder;
}

struct grf_table grf_holder_pointers_table(const struct grf_holder_pointers *pointers)
{
	static const struct grf_column columns[] = {
	    {"pointers", GRF_UNIT_COUNT},
	    {"objects", GRF_UNIT_COUNT},
	    {"holder", GRF_UNIT_TEXT},
	};

	return (struct grf_table){
	    .name = "pointers",
	    .title = "pointers: where all pointers to these objects stand",
	    .columns = columns,
	    .column_count = sizeof(columns) / sizeof(*columns),
	    .row_count = pointers->rows.count,
	    .row = fill_pointers,
	    .context = pointers,
	};
}
