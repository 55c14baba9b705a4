/* SPDX-License-Identifier: BSD-2-Clause */
#include "graph/type_inference.h"

#include <stdlib.h>
#include <string.h>

#define MAX_WORDS  64ul /* of an object that is looked at */
#define MAX_DEPTH  4
#define MAX_STEPS  512 /* values looked at for one candidate */
#define MAX_SCORE  4096
#define NO_FIT     (-1)
#define WORD_BYTES 8u
#define MAX_LENGTH ((uint64_t)1 << 40)
#define EVIDENCE   1 /* what may be by chance */
#define GOOD       3 /* what is hardly by chance */
#define SURE       8

/* The size classes up to 512 bytes (runtime/sizeclasses.go, the same in Go 1.17 to 1.27). */
static const uint16_t size_classes[] = {8,   16,  24,  32,  48,  64,  80,  96,  112,
					128, 144, 160, 176, 192, 208, 224, 240, 256,
					288, 320, 352, 384, 416, 448, 480, 512};

#define FAILURE_KINDS 1024u
#define MAX_FAILURES  4096u

struct candidate {
	struct grf_type *type;
	bool array; /* the elements of a slice, else what stands in the heap by itself */
	bool made;  /* by the code */
};

struct grf_type_inference {
	struct grf_model *model;
	struct candidate *candidates;
	size_t count;
	unsigned int steps;               /* left */
	uint32_t failures[FAILURE_KINDS]; /* by size and mask: what is never found is given up */
};

/* A type by itself, and as the elements of an array where the code makes slices of it: there it is
 * only a part of the object, and any other type that looks the same would do as well. */
static void add_candidates(struct grf_type_inference *inference, const struct grf_type_use *use)
{
	struct grf_type *object = grf_type_object(inference->model->types, use->type);

	if (object && object->pointer_bytes)
		inference->candidates[inference->count++] =
		    (struct candidate){object, false, use->made & GRF_MADE_ONE};
	if (use->made & GRF_MADE_ARRAY && use->type->pointer_bytes)
		inference->candidates[inference->count++] =
		    (struct candidate){use->type, true, true};
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
	inference->candidates = calloc(2 * list.count + 1, sizeof(*inference->candidates));
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

/* The size of the slot that an object of `size` bytes is put in. */
static uint64_t slot_size(uint64_t size)
{
	for (size_t i = 0; i < sizeof(size_classes) / sizeof(*size_classes); i++)
		if (size <= size_classes[i])
			return size_classes[i];
	return size;
}

static uint64_t low_bits(uint64_t count)
{
	return count >= 64 ? UINT64_MAX : ((uint64_t)1 << count) - 1;
}

/* The collector's mask of the first 64 words of a slot. */
static uint64_t slot_mask(const struct grf_span *span, uint32_t slot)
{
	uint64_t first = slot * span->element_size / WORD_BYTES, mask = 0;
	uint64_t words = span->element_size / WORD_BYTES;

	for (uint64_t i = 0; span->pointer_bits && i < words && i < MAX_WORDS; i++)
		if (span->pointer_bits[(first + i) >> 3] >> ((first + i) & 7) & 1)
			mask |= (uint64_t)1 << i;
	return mask;
}

static int score_value(struct grf_type_inference *inference, struct grf_type *type,
		       const uint8_t *memory, uint64_t room, unsigned int depth);

static int add_score(int left, int right)
{
	if (left < 0 || right < 0)
		return NO_FIT;
	return left + right > MAX_SCORE ? MAX_SCORE : left + right;
}

/* An object for which the runtime stores a type, where a `type` should be. */
static int score_stored(struct grf_type_inference *inference, struct grf_type *type,
			const struct grf_span *span, uint32_t slot, uint64_t offset)
{
	uint64_t payload, address = grf_span_stored_type(span, slot, &payload), words, size;
	const uint64_t *mask;

	if (!address)
		return 0;
	if (type->descriptor == address && offset >= payload)
		return SURE;
	mask = grf_types_pointer_mask(inference->model->types, address, &words, &size);
	if (!mask || offset < payload || !size)
		return NO_FIT;
	offset = (offset - payload) % size;
	for (uint64_t i = 0; i < type->size / WORD_BYTES && i < MAX_WORDS; i++) {
		uint64_t at =
		    (offset / WORD_BYTES + i) % (size / WORD_BYTES ? size / WORD_BYTES : 1);
		bool pointer = at < words && mask[at >> 6] >> (at & 63) & 1;

		if (pointer != (type->pointer_mask >> i & 1))
			return NO_FIT;
	}
	return 0;
}

/* A pointer word, and what it is to point to. */
struct pointer {
	struct grf_type *type;
	uint64_t value;
	bool array;
	uint64_t count; /* array: elements that must be there, 0: not known */
};

/* The elements of an array that are looked at: the first ones may all be empty. */
#define SAMPLES 4u

static int score_samples(struct grf_type_inference *inference, const struct pointer *pointer,
			 const uint8_t *memory, uint64_t room, unsigned int depth)
{
	uint64_t size = pointer->type->size, count = 1;
	int score = 0;

	if (pointer->array && size)
		count = pointer->count ? pointer->count : room / size;
	for (uint64_t i = 0; i < SAMPLES && i < count && score >= 0; i++) {
		uint64_t at = count > SAMPLES ? count / SAMPLES * i : i;

		score = add_score(score, score_value(inference, pointer->type, memory + at * size,
						     room - at * size, depth));
	}
	return score;
}

/* Whether `bytes` are what somebody would have asked for who got a slot of `size` bytes. */
static bool is_close(uint64_t bytes, uint64_t size)
{
	return size > size_classes[sizeof(size_classes) / sizeof(*size_classes) - 1]
		   ? bytes > size - size / 8
		   : slot_size(bytes) == size;
}

/* Whether what `pointer` points to has room in the object there; *ret_score: where it fills the
 * object, what that is worth. */
static bool has_room(const struct pointer *pointer, const struct grf_span *span, uint64_t offset,
		     int *ret_score)
{
	uint64_t bytes, size = pointer->type->size;

	*ret_score = 0;
	if (__builtin_mul_overflow(size, pointer->count ? pointer->count : 1, &bytes) ||
	    bytes > span->element_size - offset)
		return false;
	if ((pointer->count || !pointer->array) && size && !offset &&
	    is_close(bytes, span->element_size))
		*ret_score = EVIDENCE;
	return true;
}

/* What speaks for a pointer into an object with pointers, whose masks the runtime keeps as bits. */
static int score_contents(struct grf_type_inference *inference, const struct pointer *pointer,
			  const struct grf_span *span, uint32_t slot, uint64_t offset,
			  unsigned int depth)
{
	struct grf_type *type = pointer->type;
	uint64_t mask = slot_mask(span, slot);

	if (offset < MAX_WORDS * WORD_BYTES && type->size <= MAX_WORDS * WORD_BYTES &&
	    ((mask >> (offset / WORD_BYTES)) ^ type->pointer_mask) &
		low_bits((type->size + WORD_BYTES - 1) / WORD_BYTES))
		return NO_FIT;
	if (!depth)
		return 0;
	return score_samples(inference, pointer, span->memory + slot * span->element_size + offset,
			     span->element_size - offset, depth - 1);
}

/* Whether `type` is that of a channel; a channel says of what. */
static bool is_channel(struct grf_type_inference *inference, struct grf_type *type,
		       const uint8_t *memory, int *ret_score)
{
	uint64_t element = grf_type_channel_element(inference->model->types, type);
	int64_t at = grf_offset(&inference->model->layout, hchan, elemtype);

	if (!element)
		return false;
	*ret_score = at >= 0 && grf_load_u64(memory + at) == element ? SURE : NO_FIT;
	return true;
}

/* A pointer to what stands in no span, such as a package variable: its contents may speak against
 * it, and say nothing for it. */
static int score_static(struct grf_type_inference *inference, const struct pointer *pointer,
			unsigned int depth)
{
	const struct grf_image *image = inference->model->image;
	struct grf_type *type = pointer->type;
	const uint8_t *memory;

	if (!grf_image_find(image, pointer->value))
		return NO_FIT;
	grf_type_plan(inference->model->types, type);
	if (pointer->array || !depth || !type->pointer_bytes || pointer->value % WORD_BYTES)
		return 0;
	memory = grf_image_at(image, pointer->value, type->size);
	if (!memory)
		return 0;
	return score_value(inference, type, memory, type->size, depth - 1) < 0 ? NO_FIT : 0;
}

/* What speaks for `pointer` being a pointer to such a type, or to an array of them. */
static int score_pointee(struct grf_type_inference *inference, const struct pointer *pointer,
			 unsigned int depth)
{
	const struct grf_heap *heap = inference->model->heap;
	struct grf_type *type = pointer->type;
	uint64_t value = pointer->value, offset;
	const struct grf_span *span;
	uint32_t slot;
	int fitting, score;

	if (!value)
		return 0;
	if (!grf_heap_span(heap, value))
		return score_static(inference, pointer, depth);
	if (!grf_heap_find(heap, value, &span, &slot))
		return NO_FIT;
	grf_type_plan(inference->model->types, type);
	offset = value - span->base - slot * span->element_size;
	if (!has_room(pointer, span, offset, &fitting))
		return NO_FIT;
	if (span->pointer_layout == GRF_POINTERS_NONE && !type->pointer_bytes)
		return EVIDENCE + fitting;
	if (!offset &&
	    is_channel(inference, type, span->memory + slot * span->element_size, &score))
		return score;
	/* A channel of what has no pointers is an object without pointers, in spite of its type. */
	if (span->pointer_layout == GRF_POINTERS_NONE)
		return strcmp(type->name, "runtime.hchan") ? NO_FIT : 0;
	if (type->pointer_bytes && offset % WORD_BYTES)
		return NO_FIT;
	return add_score(fitting,
			 span->pointer_bits
			     ? score_contents(inference, pointer, span, slot, offset, depth)
			     : score_stored(inference, type, span, slot, offset));
}

static int score_slice(struct grf_type_inference *inference, const struct grf_slot *slot,
		       const uint8_t *memory, uint64_t room, unsigned int depth)
{
	struct pointer pointer = {
	    .type = slot->target, .value = grf_load_u64(memory + slot->offset), .array = true};
	uint64_t length;
	int score;

	if (slot->count && slot->offset + 24 <= room) {
		length = grf_load_u64(memory + slot->offset + 8);
		pointer.count = grf_load_u64(memory + slot->offset + 16);
		if (length > pointer.count || pointer.count > MAX_LENGTH ||
		    (!pointer.value && pointer.count))
			return NO_FIT;
		if (!pointer.value || !slot->target)
			return 0;
		/* One without capacity points anywhere, such as behind the array it was cut from.
		 */
		if (!pointer.count)
			return 0;
		score = score_pointee(inference, &pointer, depth);
		return add_score(score, EVIDENCE);
	}
	return slot->target ? score_pointee(inference, &pointer, depth) : 0;
}

/* A pointer, or a string's. */
static int score_pointer(struct grf_type_inference *inference, const struct grf_slot *slot,
			 const uint8_t *memory, uint64_t room, unsigned int depth)
{
	struct pointer pointer = {.type = slot->target,
				  .value = grf_load_u64(memory + slot->offset)};

	if (!slot->target)
		return 0;
	if (slot->count && slot->offset + 16 <= room) {
		pointer.array = true;
		pointer.count = grf_load_u64(memory + slot->offset + 8);
		if (pointer.count > MAX_LENGTH || (!pointer.value && pointer.count))
			return NO_FIT;
		/* An empty one points anywhere. */
		if (!pointer.count)
			return 0;
	}
	return score_pointee(inference, &pointer, depth);
}

static int score_interface(struct grf_type_inference *inference, const struct grf_slot *slot,
			   const uint8_t *memory, uint64_t room)
{
	const struct grf_interface_type *found;
	uint64_t word, value;

	if (slot->offset + 16 > room)
		return NO_FIT;
	word = grf_load_u64(memory + slot->offset);
	value = grf_load_u64(memory + slot->offset + 8);
	if (!word)
		return value ? NO_FIT : 0;
	return grf_types_by_interface(inference->model->types, word, slot->kind == GRF_SLOT_IFACE,
				      &found)
		   ? GOOD
		   : NO_FIT;
}

static int score_function(struct grf_type_inference *inference, uint64_t value)
{
	struct grf_function function;
	uint64_t pc;

	if (!value)
		return 0;
	if (!grf_image_u64(inference->model->image, value, &pc) ||
	    !grf_pclntab_find(inference->model->pclntab, pc, &function) || function.entry != pc)
		return NO_FIT;
	return GOOD;
}

/* A Swiss map's dirPtr: to a group, or to a directory of tables. */
static int score_directory(struct grf_type_inference *inference, const struct grf_slot *slot,
			   const uint8_t *memory, uint64_t room, unsigned int depth)
{
	uint64_t value = grf_load_u64(memory + slot->offset), table, at;

	at = (uint64_t)slot->discriminator;
	if (!value || !slot->target || at + WORD_BYTES > room)
		return 0;
	if (!grf_load_u64(memory + at))
		return score_pointee(
		    inference, &(struct pointer){.type = slot->target, .value = value}, depth);
	if (!grf_image_u64(inference->model->image, value, &table) || !slot->alternative)
		return NO_FIT;
	return score_pointee(inference,
			     &(struct pointer){.type = slot->alternative, .value = table},
			     depth ? depth : 1);
}

static int score_elements(struct grf_type_inference *inference, const struct grf_slot *slot,
			  const uint8_t *memory, uint64_t room, unsigned int depth)
{
	int score = 0;

	for (uint64_t i = 0; slot->target && i < slot->count && score >= 0; i++) {
		uint64_t at = slot->offset + i * slot->stride;

		if (at > room || slot->target->size > room - at)
			break;
		score = add_score(
		    score, score_value(inference, slot->target, memory + at, room - at, depth));
	}
	return score;
}

static int score_slot(struct grf_type_inference *inference, const struct grf_slot *slot,
		      const uint8_t *memory, uint64_t room, unsigned int depth)
{
	switch (slot->kind) {
	case GRF_SLOT_INLINE_ARRAY:
		return score_elements(inference, slot, memory, room, depth);
	case GRF_SLOT_EFACE:
	case GRF_SLOT_IFACE:
		return score_interface(inference, slot, memory, room);
	case GRF_SLOT_FUNC:
		return score_function(inference, grf_load_u64(memory + slot->offset));
	case GRF_SLOT_MAP_DIRECTORY:
		return score_directory(inference, slot, memory, room, depth);
	case GRF_SLOT_ARRAY_POINTER:
		return score_slice(inference, slot, memory, room, depth);
	default:
		return score_pointer(inference, slot, memory, room, depth);
	}
}

/* The words of a value that may hold the type of the word behind them: those of its interfaces, and
 * of its inline arrays, whose elements are looked at by themselves. */
static uint64_t type_words(const struct grf_type *type)
{
	uint64_t words = 0;

	for (uint32_t i = 0; i < type->slot_count; i++) {
		const struct grf_slot *slot = &type->slots[i];
		uint64_t first = slot->offset / WORD_BYTES, bytes;

		if (first >= MAX_WORDS)
			continue;
		if (slot->kind == GRF_SLOT_EFACE || slot->kind == GRF_SLOT_IFACE)
			words |= (uint64_t)1 << first;
		else if (slot->kind == GRF_SLOT_INLINE_ARRAY &&
			 !__builtin_mul_overflow(slot->count, slot->stride, &bytes))
			words |= low_bits(bytes / WORD_BYTES) << first;
	}
	return words;
}

/* Whether a word that is no pointer in `type`, before one that is, holds an itab or the address of
 * a type: the object has an interface there, and `type` has none. */
static bool has_other_interface(struct grf_type_inference *inference, const struct grf_type *type,
				const uint8_t *memory, uint64_t room)
{
	uint64_t places = ~type->pointer_mask & type->pointer_mask >> 1 & ~type_words(type);
	const struct grf_interface_type *found;

	for (; places; places &= places - 1) {
		uint64_t at = (uint64_t)__builtin_ctzll(places) * WORD_BYTES, word;

		if (at + WORD_BYTES > room)
			break;
		word = grf_load_u64(memory + at);
		if (word && (grf_types_by_interface(inference->model->types, word, true, &found) ||
			     grf_types_by_interface(inference->model->types, word, false, &found)))
			return true;
	}
	return false;
}

/* What speaks for the bytes at `memory` being a `type`. */
static int score_value(struct grf_type_inference *inference, struct grf_type *type,
		       const uint8_t *memory, uint64_t room, unsigned int depth)
{
	int score = 0;

	grf_type_plan(inference->model->types, type);
	if (has_other_interface(inference, type, memory, room))
		return NO_FIT;
	for (uint32_t i = 0; i < type->slot_count && score >= 0; i++) {
		const struct grf_slot *slot = &type->slots[i];

		if (!inference->steps)
			break;
		inference->steps--;
		if (slot->offset + WORD_BYTES > room)
			break;
		score = add_score(score, score_slot(inference, slot, memory, room, depth));
	}
	return score;
}

/* A slot that is larger than all that is looked at, as there are some with a mask up to Go 1.21. */
static bool is_beyond(uint64_t size)
{
	return size > MAX_WORDS * WORD_BYTES;
}

/* Whether an object of `type` alone is put in a slot of `size` bytes. Size classes beyond those
 * listed are at most an eighth apart. */
static bool fills(const struct grf_type *type, uint64_t size)
{
	if (is_beyond(size))
		return type->size <= size && type->size > size - size / 8;
	return slot_size(type->size) == size;
}

/* Whether a mask is that of `count` or fewer elements of `type`, as many as a slot of `size` bytes
 * is taken for. */
static bool repeats(const struct grf_type *type, uint64_t mask, uint64_t size)
{
	uint64_t words = type->size / WORD_BYTES, repeated = 0;

	if (!words || type->size % WORD_BYTES || type->size * 2 > size)
		return false;
	if (is_beyond(size)) {
		for (uint64_t n = 0; n * words < MAX_WORDS; n++)
			repeated |= type->pointer_mask << (n * words);
		return repeated == mask;
	}
	for (uint64_t n = 0; (n + 1) * type->size <= size; n++) {
		repeated |= type->pointer_mask << (n * words);
		if (n && repeated == mask && slot_size((n + 1) * type->size) == size)
			return true;
	}
	return false;
}

static int score_candidate(struct grf_type_inference *inference, const struct candidate *candidate,
			   const uint8_t *memory, uint64_t size)
{
	struct grf_type *type = candidate->type;
	int score = 0;

	inference->steps = MAX_STEPS;
	if (is_channel(inference, type, memory, &score))
		return score;
	if (!candidate->array)
		return score_value(inference, type, memory, size, MAX_DEPTH);
	if (size > MAX_WORDS * WORD_BYTES)
		size = MAX_WORDS * WORD_BYTES;
	for (uint64_t offset = 0; offset + type->size <= size && score >= 0; offset += type->size)
		score = add_score(
		    score, score_value(inference, type, memory + offset, type->size, MAX_DEPTH));
	return score;
}

/* Whether two types are followed in the same way: it does not matter which of them it is. As deep
 * as from a map to its elements, what they lead to may be two types that are alike. */
#define ALIKE_DEPTH 3
static bool alike(struct grf_types *types, struct grf_type *left, struct grf_type *right,
		  unsigned int depth)
{
	if (left == right)
		return true;
	if (!left || !right || !depth)
		return false;
	grf_type_plan(types, left);
	grf_type_plan(types, right);
	if (left->slot_count != right->slot_count ||
	    (depth < ALIKE_DEPTH && (left->size != right->size || left->variant || right->variant)))
		return false;
	for (uint32_t i = 0; i < left->slot_count; i++) {
		const struct grf_slot *a = &left->slots[i], *b = &right->slots[i];

		if (a->offset != b->offset || a->kind != b->kind || a->count != b->count ||
		    a->stride != b->stride || !alike(types, a->target, b->target, depth - 1) ||
		    !alike(types, a->alternative, b->alternative, depth - 1))
			return false;
	}
	return true;
}

/* Of two alike, the smaller, the one with the shorter name, the first by name. */
static bool plainer(const struct grf_type *left, const struct grf_type *right)
{
	size_t a = strlen(left->name), b = strlen(right->name);

	if (left->size != right->size)
		return left->size < right->size;
	return a != b ? a < b : strcmp(left->name, right->name) < 0;
}

/* The best candidate so far, and the best score of one that is not like it. */
struct contest {
	struct grf_type *type;
	bool array;
	int best, second;
};

static void enter(struct contest *contest, struct grf_types *types, struct grf_type *type,
		  bool array, int score)
{
	bool same = contest->type && contest->array == array &&
		    alike(types, contest->type, type, ALIKE_DEPTH);

	if (same && score >= 0 &&
	    (score > contest->best || (score == contest->best && plainer(type, contest->type))))
		contest->type = type;
	if (same) {
		if (score > contest->best)
			contest->best = score;
	} else if (score > contest->best) {
		contest->second = contest->best;
		contest->best = score;
		contest->type = type;
		contest->array = array;
	} else if (score > contest->second) {
		contest->second = score;
	}
}

static bool hopeless(struct grf_type_inference *inference, uint64_t size, uint64_t mask,
		     uint32_t **ret_counter)
{
	uint64_t hash = (mask ^ size << 40) * UINT64_C(0x9e3779b97f4a7c15);

	*ret_counter = &inference->failures[hash >> 32 & (FAILURE_KINDS - 1)];
	return **ret_counter > MAX_FAILURES;
}

/* The header of any map, which the runtime makes whatever the map's type is. It tells nothing of
 * what the map holds: every type of map that fits comes before it. */
static bool is_any_map(const struct grf_type *type)
{
	return !strcmp(type->name, "runtime.hmap") ||
	       !strcmp(type->name, "internal/runtime/maps.Map");
}

/* Of as good fits, what the code makes comes before what it only refers to, and a value by itself
 * before an array of such. */
static int rank(const struct candidate *candidate, int score)
{
	if (score >= 0 && is_any_map(candidate->type))
		return 0;
	return score < 0 ? NO_FIT : 4 * score + 2 * candidate->made + !candidate->array;
}

bool grf_type_infer(struct grf_type_inference *inference, const struct grf_span *span,
		    uint32_t slot, struct grf_inferred *ret)
{
	const uint8_t *memory = span->memory + slot * span->element_size;
	struct contest contest = {.best = NO_FIT, .second = NO_FIT};
	uint64_t mask, size = span->element_size;
	uint32_t *failures;

	if (!span->pointer_bits || !(mask = slot_mask(span, slot)) ||
	    hopeless(inference, size, mask, &failures))
		return false;
	for (size_t i = 0; i < inference->count; i++) {
		const struct candidate *candidate = &inference->candidates[i];

		if (candidate->array
			? !repeats(candidate->type, mask, size)
			: candidate->type->pointer_mask != mask || !fills(candidate->type, size))
			continue;
		enter(&contest, inference->model->types, candidate->type, candidate->array,
		      rank(candidate, score_candidate(inference, candidate, memory, size)));
	}
	if (contest.best <= contest.second) {
		++*failures;
		return false;
	}
	*ret = (struct grf_inferred){contest.type, contest.array};
	return true;
}
