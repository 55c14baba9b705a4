/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Collects the candidates by size class and mask, scores each, and decides the contest between
 * them.
 */
#include "graph/inference/type_inference.h"

#include <stdlib.h>
#include <string.h>

#include "graph/inference/type_evidence.h"
#include "model/heap/slot_size.h"

#define MAX_BYTES    (GRF_EVIDENCE_WORDS * GRF_WORD_BYTES) /* of an object */
#define MAX_STEPS    512                                   /* values looked at for one candidate */
#define MAX_POINTERS 4 /* one behind the other that may be unsafe.Pointers */
#define NO_FIT       GRF_NO_FIT

#define FAILURE_KINDS 1024u
#define MAX_FAILURES  4096u

struct grf_type_inference {
	struct grf_model *model;
	struct grf_inferred *candidates;
	size_t count;
	unsigned int nameless;            /* what the code makes of unsafe.Pointer: grf_type_made */
	unsigned int depth;               /* steps along pointers of unsafe.Pointer's look */
	uint32_t failures[FAILURE_KINDS]; /* failed searches by size and mask: after some, no more
					     are made */
};

/* Whether the type's words may hold anything, so that no contents speak for it or against it. */
static bool says_nothing(const struct grf_type *type)
{
	return !strcmp(type->name, "unsafe.Pointer");
}

/* The buckets or the group of a map, if `object` is one: a map that stands in a frame is words
 * without a name, and its buckets are an object by themselves. Those of each map are a candidate as
 * soon as those of one are: what leaves a map undecided leaves its parts so. From Go 1.22 on, the
 * runtime stores their type where there are more than one. */
static struct grf_type *buckets_of(struct grf_types *types, const struct grf_type *object)
{
	const struct grf_slot *slot = object->slots;

	if (!object->slot_count || !slot->target || !slot->target->array_unnamed ||
	    (slot->kind != GRF_SLOT_ARRAY_POINTER && slot->kind != GRF_SLOT_MAP_DIRECTORY))
		return NULL;
	grf_type_plan(types, slot->target);
	return slot->target->pointer_bytes ? slot->target : NULL;
}

/* A type by itself, and as the elements of an array where the code makes slices of it: there it is
 * only a part of the object, and any other type that looks the same would do as well. */
static void add_candidates(struct grf_type_inference *inference, const struct grf_type_use *use)
{
	struct grf_type *object = grf_type_object(inference->model->types, use->type), *buckets;

	if (says_nothing(use->type))
		inference->nameless |= use->made;
	buckets = object ? buckets_of(inference->model->types, object) : NULL;
	for (int array = 0; buckets && array < 2; array++)
		inference->candidates[inference->count++] = (struct grf_inferred){buckets, array};
	if (object && object->pointer_bytes)
		inference->candidates[inference->count++] = (struct grf_inferred){object, false};
	if (use->made & GRF_MADE_ARRAY && use->type->pointer_bytes)
		inference->candidates[inference->count++] = (struct grf_inferred){use->type, true};
}

struct grf_type_inference *grf_type_inference_create(struct grf_model *model)
{
	struct grf_type_inference *inference = calloc(1, sizeof(*inference));
	struct grf_type_list list = {0};

	if (!inference || !grf_types_in_code(model->types, &list)) {
		free(list.items);
		free(inference);
		return NULL;
	}
	inference->model = model;
	inference->candidates = calloc(4 * list.count + 1, sizeof(*inference->candidates));
	for (size_t i = 0; inference->candidates && i < list.count; i++)
		add_candidates(inference, &list.items[i]);
	free(list.items);
	if (!inference->candidates) {
		free(inference);
		return NULL;
	}
	return inference;
}

void grf_type_inference_destroy(struct grf_type_inference *inference)
{
	if (!inference)
		return;
	free(inference->candidates);
	free(inference);
}

static int score_candidate(struct grf_model *model, const struct grf_inferred *candidate,
			   const uint8_t *memory, uint64_t size)
{
	struct grf_type *type = candidate->type;
	unsigned int steps = MAX_STEPS;
	int score = 0, sum = 0;

	if (grf_evidence_of_channel(model, type, memory, &score))
		return score;
	if (!candidate->array)
		return grf_evidence_of_value(model, type, memory, size, &steps);
	if (size > MAX_BYTES)
		size = MAX_BYTES;
	for (uint64_t offset = 0; offset + type->size <= size; offset += type->size) {
		score = grf_evidence_of_value(model, type, memory + offset, type->size, &steps);
		if (score < 0)
			return NO_FIT;
		sum += score;
	}
	return sum;
}

/* --- candidates that come to the same --------------------------------------------------------- */

/* Whether it is a map type without a name of its own. Such a type says what the map holds, and no
 * more. */
static bool is_plain_map(const char *name)
{
	return !strncmp(name, "map[", 4);
}

/* Whether two names differ only in the mark of a shape (cmd/compile, Go 1.18 to 1.27):
 * "p.T[go.shape.string]" and "p.T[string]". */
static bool is_shape_of(const char *left, const char *right)
{
	const size_t length = sizeof(GRF_SHAPE_MARK) - 1;

	while (*left && *right) {
		if (!strncmp(left, GRF_SHAPE_MARK, length))
			left += length;
		else if (!strncmp(right, GRF_SHAPE_MARK, length))
			right += length;
		else if (*left++ != *right++)
			return false;
	}
	return *left == *right;
}

/* Whether two types differ in name only, `depth` steps deep: their words have the same names and
 * point to the same types. */
#define SAME_DEPTH 4
static bool is_same(struct grf_types *types, struct grf_type *left, struct grf_type *right,
		    unsigned int depth);

static bool is_same_slot(struct grf_types *types, const struct grf_slot *left,
			 const struct grf_slot *right, unsigned int depth)
{
	if (left->offset != right->offset || left->kind != right->kind ||
	    left->count != right->count || left->stride != right->stride ||
	    left->field_count != right->field_count)
		return false;
	for (uint16_t i = 0; i < left->field_count; i++)
		if (left->fields[i] != right->fields[i])
			return false;
	return is_same(types, left->target, right->target, depth) &&
	       is_same(types, left->alternative, right->alternative, depth);
}

static bool has_same_slots(struct grf_types *types, struct grf_type *left, struct grf_type *right,
			   unsigned int depth)
{
	grf_type_plan(types, left);
	grf_type_plan(types, right);
	if (left->size != right->size || left->slot_count != right->slot_count || left->variant ||
	    right->variant)
		return false;
	for (uint32_t i = 0; i < left->slot_count; i++)
		if (!is_same_slot(types, &left->slots[i], &right->slots[i], depth))
			return false;
	return true;
}

static bool is_same(struct grf_types *types, struct grf_type *left, struct grf_type *right,
		    unsigned int depth)
{
	if (left == right)
		return true;
	return left && right && depth && left->size == right->size && left->slot_count &&
	       !strcmp(left->name, right->name) && has_same_slots(types, left, right, depth - 1);
}

/* Whether a slot of `outer` has the path of the same slot of its first field `inner`, behind
 * `depth` elements of which the last names `inner`. */
static bool is_path_in(const struct grf_slot *outer, const struct grf_slot *slot,
		       const struct grf_type *inner, unsigned int depth)
{
	size_t length = strlen(inner->name), whole;
	const char *field;

	if (outer->field_count != slot->field_count + depth)
		return false;
	for (uint16_t i = 0; i < slot->field_count; i++)
		if (outer->fields[depth + i] != slot->fields[i])
			return false;
	field = outer->fields[depth - 1];
	whole = strlen(field);
	return whole > length + 1 && field[whole - 1] == ')' && field[whole - length - 2] == '(' &&
	       !memcmp(field + whole - length - 1, inner->name, length);
}

/* Whether `outer` begins with a struct `inner` and has no other pointers. It may have no other
 * fields either, as in `type cache struct { sync.Map }`. */
static bool begins_with(const struct grf_type *outer, const struct grf_type *inner)
{
	unsigned int depth;

	if (inner->size > outer->size || !inner->slot_count || !inner->slots->field_count ||
	    inner->slot_count != outer->slot_count ||
	    outer->slots->field_count <= inner->slots->field_count)
		return false;
	depth = outer->slots->field_count - inner->slots->field_count;
	for (uint32_t i = 0; i < inner->slot_count; i++) {
		const struct grf_slot *a = &outer->slots[i], *b = &inner->slots[i];

		if (a->offset != b->offset || a->kind != b->kind || a->count != b->count ||
		    a->stride != b->stride || a->target != b->target ||
		    a->alternative != b->alternative || !is_path_in(a, b, inner, depth))
			return false;
	}
	return true;
}

/* Whether a type is an instance of a generic type for a shape, and so stands for several types. The
 * shape of a struct itself, such as "go.shape.struct { A int }", does not count: it names none of
 * them. */
static bool is_generic_shape(const struct grf_type *type)
{
	return grf_type_is_shape(type) && !grf_type_is_bare_shape(type);
}

/* Whether `what` is also right for an object of type `that`, if less exact: its elements, the map
 * type without a name, the type that it begins with, its shape. */
static bool covers_other(struct grf_types *types, struct grf_inferred what,
			 struct grf_inferred that)
{
	if (what.array != that.array)
		return false;
	if (what.type == that.type || begins_with(that.type, what.type))
		return true;
	if (is_shape_of(what.type->name, that.type->name))
		return strlen(what.type->name) <= strlen(that.type->name);
	if (is_generic_shape(what.type) && grf_type_has_shape(types, that.type, what.type))
		return true;
	return is_plain_map(what.type->name) &&
	       has_same_slots(types, what.type, that.type, SAME_DEPTH);
}

/* --- the contest ------------------------------------------------------------------------------ */

/* The candidates with the highest score. */
#define EQUALS_MAX 16u
struct contest {
	struct grf_inferred equals[EQUALS_MAX];
	size_t count; /* may be more than EQUALS_MAX */
	int best;
};

static void enter_candidate(struct contest *contest, struct grf_inferred candidate, int score)
{
	if (score < 0 || score < contest->best)
		return;
	if (score > contest->best)
		contest->count = 0;
	contest->best = score;
	if (contest->count < EQUALS_MAX)
		contest->equals[contest->count] = candidate;
	contest->count++;
}

/* Finds a type that is right for every candidate with the highest score. False: for two of them
 * none is. */
static bool decide_contest(const struct contest *contest, struct grf_types *types,
			   struct grf_inferred *ret)
{
	if (!contest->count || contest->count > EQUALS_MAX)
		return false;
	*ret = contest->equals[0];
	if (contest->count == 1)
		return true;
	for (size_t i = 0; i < contest->count; i++) {
		size_t covered = 0;

		*ret = grf_inferred_elements(contest->equals[i]);
		while (covered < contest->count &&
		       covers_other(types, *ret, grf_inferred_elements(contest->equals[covered])))
			covered++;
		if (covered == contest->count)
			return true;
	}
	return false;
}

static bool is_hopeless(struct grf_type_inference *inference, uint64_t size, uint64_t mask,
			const struct grf_known_field *known, uint32_t **ret_counter)
{
	uint64_t hash = (mask ^ size << 40) * UINT64_C(0x9e3779b97f4a7c15);

	if (known)
		hash ^= ((uintptr_t)known->type + known->offset) * UINT64_C(0x9e3779b97f4a7c15);

	*ret_counter = &inference->failures[hash >> 32 & (FAILURE_KINDS - 1)];
	return **ret_counter > MAX_FAILURES;
}

/* Whether it is the map header that the runtime makes for a map of any type. It says nothing of the
 * map's contents, so every map type that fits comes before it. */
static bool is_any_map(const struct grf_type *type)
{
	return !strcmp(type->name, "runtime.hmap") ||
	       !strcmp(type->name, "internal/runtime/maps.Map");
}

/* Of equal scores, one that the code makes does not come before one that it only refers to: whoever
 * is given a type may make values of it by reflection. */
static int rank_candidate(const struct grf_inferred *candidate, int score)
{
	if (score >= 0 && is_any_map(candidate->type))
		return 0;
	return score < 0 ? NO_FIT : 1 + score;
}

/* Whether a candidate has the size and the mask, and the field that is known to be in the object.
 */
static bool is_possible(const struct grf_type_inference *inference,
			const struct grf_inferred *candidate, uint64_t mask, uint64_t size,
			const struct grf_known_field *known)
{
	return grf_inferred_fits(inference->model->heap, *candidate, mask, size) &&
	       (!known || grf_inferred_holds(inference->model->types, *candidate, known->type,
					     known->offset));
}

/* Whether a type is that of pointers to something that has a type, "*T". */
static bool is_pointer(const struct grf_type *type)
{
	return type->name[0] == '*' && type->slot_count == 1 &&
	       type->slots->kind == GRF_SLOT_POINTER && type->slots->target;
}

/* Whether a pointer leads to what is taken for a `type` by itself. */
static bool leads_to(struct grf_type_inference *inference, uint64_t pointer,
		     const struct grf_type *type)
{
	struct grf_inferred found;
	const struct grf_span *span;
	uint32_t slot;
	bool taken;

	if (inference->depth >= MAX_POINTERS ||
	    !grf_heap_find(inference->model->heap, pointer, &span, &slot) ||
	    pointer != span->base + slot * span->element_size)
		return false;
	inference->depth++;
	taken = grf_type_infer(inference, span, slot, NULL, &found);
	inference->depth--;
	return taken && !found.array && grf_type_is_same(found.type, type);
}

/*
 * Whether an object that is taken for a pointer, or an array of pointers, may as well be an
 * unsafe.Pointer, or an array of these: the code makes such, and what is pointed to does not have
 * that type by itself. No contents speak for an unsafe.Pointer, so what looks like the pointee of
 * another pointer must not speak for that one alone.
 */
static bool may_be_nameless(struct grf_type_inference *inference, const struct grf_span *span,
			    uint32_t slot, const struct grf_inferred *found)
{
	const uint8_t *memory = span->memory + slot * span->element_size;

	if (!(inference->nameless & (found->array ? GRF_MADE_ARRAY : GRF_MADE_ONE)) ||
	    !is_pointer(found->type))
		return false;
	grf_type_plan(inference->model->types, found->type->slots->target);
	/* The runtime itself makes arrays: of pointers to objects without pointers, which have no
	 * type by themselves, there are more. */
	if (found->array && !found->type->slots->target->pointer_bytes)
		return false;
	for (uint64_t at = 0; at < span->element_size && at < MAX_BYTES; at += GRF_WORD_BYTES) {
		uint64_t pointer = grf_load_u64(memory + at);

		if (pointer && !leads_to(inference, pointer, found->type->slots->target))
			return true;
	}
	return false;
}

bool grf_type_infer(struct grf_type_inference *inference, const struct grf_span *span,
		    uint32_t slot, const struct grf_known_field *known, struct grf_inferred *ret)
{
	const uint8_t *memory = span->memory + slot * span->element_size;
	struct grf_types *types = inference->model->types;
	struct contest contest = {.best = NO_FIT};
	uint64_t mask, size = span->element_size;
	uint32_t *failures;

	if (!span->pointer_bits || !(mask = grf_evidence_slot_mask(span, slot)) ||
	    is_hopeless(inference, size, mask, known, &failures))
		return false;
	for (size_t i = 0; i < inference->count; i++) {
		const struct grf_inferred *candidate = &inference->candidates[i];

		if (!is_possible(inference, candidate, mask, size, known))
			continue;
		enter_candidate(
		    &contest, *candidate,
		    rank_candidate(candidate,
				   score_candidate(inference->model, candidate, memory, size)));
	}
	/* What is right for all candidates may be less than one of them, and lack the field. */
	if (!decide_contest(&contest, types, ret) || says_nothing(ret->type) ||
	    may_be_nameless(inference, span, slot, ret) ||
	    (known && !grf_inferred_holds(types, *ret, known->type, known->offset))) {
		++*failures;
		return false;
	}
	return true;
}

/* As grf_inferred_fits(), for an object without pointers, which has a size
 * alone. */
static bool has_size(const struct grf_heap *heap, struct grf_inferred object, uint64_t size)
{
	uint64_t bytes = object.type->size;

	if (object.type->pointer_bytes || !bytes)
		return false;
	return object.array ? bytes <= size : grf_heap_slot_fits(heap, bytes, size);
}

bool grf_type_agrees(const struct grf_type_inference *inference, const struct grf_span *span,
		     uint32_t slot, struct grf_inferred object)
{
	const struct grf_heap *heap = inference->model->heap;
	uint64_t mask, size = span->element_size, payload;

	if (is_any_map(object.type) || says_nothing(object.type))
		return false;
	if (span->pointer_layout == GRF_POINTERS_NONE)
		return has_size(heap, object, size);
	if (!span->pointer_bits || grf_span_stored_type(span, slot, &payload))
		return false;
	mask = grf_evidence_slot_mask(span, slot);
	if (!grf_inferred_fits(heap, object, mask, size) &&
	    !(object.array &&
	      object.type->pointer_mask == grf_heap_object_mask(heap, mask, object.type->size)))
		return false;
	return score_candidate(inference->model, &object, span->memory + slot * size, size) >= 0;
}
