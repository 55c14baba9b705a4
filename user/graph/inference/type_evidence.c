/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scores a value by the slots of its type: each kind of word has a function that says what speaks
 * for it or against it.
 */
#include "graph/inference/type_evidence.h"

#include <string.h>

#include "model/heap/pointer_free.h"
#include "model/heap/slot_size.h"

#define NO_FIT     GRF_NO_FIT
#define MAX_DEPTH  4
#define MAX_LENGTH ((uint64_t)1 << 40)
#define MAX_SCORE  1024
#define EVIDENCE   1 /* may be chance */
#define GOOD       3 /* is hardly chance */

/* Texts of fewer characters look like other bytes. */
#define TEXT_LEAST 3
#define TEXT_MOST  64

/* A value that is looked at. */
struct view {
	struct grf_model *model;
	const uint8_t *memory;
	uint64_t room;
	unsigned int depth;  /* steps along pointers that are left */
	unsigned int *steps; /* values that are left */
};

static uint64_t low_bits(uint64_t count)
{
	return count >= 64 ? UINT64_MAX : ((uint64_t)1 << count) - 1;
}

uint64_t grf_evidence_slot_mask(const struct grf_span *span, uint32_t slot)
{
	uint64_t first = slot * span->element_size / GRF_WORD_BYTES, mask = 0;
	uint64_t words = span->element_size / GRF_WORD_BYTES;

	for (uint64_t i = 0; span->pointer_bits && i < words && i < GRF_EVIDENCE_WORDS; i++)
		if (span->pointer_bits[(first + i) >> 3] >> ((first + i) & 7) & 1)
			mask |= (uint64_t)1 << i;
	return mask;
}

static int score_value(struct grf_type *type, const struct view *view);

static int add_score(int left, int right)
{
	if (left < 0 || right < 0)
		return NO_FIT;
	return left + right > MAX_SCORE ? MAX_SCORE : left + right;
}

/* Limits a score to what one word can say. Evidence from a pointee's contents is limited so. */
static int bounded_score(int score)
{
	if (score < GOOD)
		return score > EVIDENCE ? EVIDENCE : score;
	return EVIDENCE + 1;
}

/* --- pointers --------------------------------------------------------------------------------- */

/* A pointer word, and the type that it should point to. */
struct pointer {
	struct grf_type *type;
	uint64_t value;
	bool array;
	uint64_t count; /* array: elements that must be there, 0: not known */
};

/* The object that a pointer leads into. */
struct object {
	const struct grf_span *span;
	uint32_t slot;
	uint64_t offset; /* of the pointee in the object */
};

/* Scores an object for which the runtime stores a type, where a `type` is expected. */
static int score_stored(struct grf_model *model, struct grf_type *type, const struct object *object)
{
	uint64_t payload, address = grf_span_stored_type(object->span, object->slot, &payload);
	uint64_t words, size, offset = object->offset;
	const uint64_t *mask;

	if (!address)
		return 0;
	if (type->descriptor == address && offset >= payload)
		return GOOD;
	mask = grf_types_pointer_mask(model->types, address, &words, &size);
	if (!mask || offset < payload || !size)
		return NO_FIT;
	offset = (offset - payload) % size;
	for (uint64_t i = 0; i < type->size / GRF_WORD_BYTES && i < GRF_EVIDENCE_WORDS; i++) {
		uint64_t at = (offset / GRF_WORD_BYTES + i) %
			      (size / GRF_WORD_BYTES ? size / GRF_WORD_BYTES : 1);
		bool pointer = at < words && mask[at >> 6] >> (at & 63) & 1;

		if (pointer != (type->pointer_mask >> i & 1))
			return NO_FIT;
	}
	return 0;
}

/* So many elements of an array are looked at, as the first ones may all be empty. */
#define SAMPLES 4u

/* Every sample must fit. Returns the highest score. */
static int score_samples(const struct pointer *pointer, const struct view *view)
{
	uint64_t size = pointer->type->size, count = 1;
	int best = 0;

	if (pointer->array && size)
		count = pointer->count ? pointer->count : view->room / size;
	for (uint64_t i = 0; i < SAMPLES && i < count; i++) {
		uint64_t at = (count > SAMPLES ? count / SAMPLES * i : i) * size;
		struct view element = *view;
		int score;

		element.memory += at;
		element.room -= at;
		score = score_value(pointer->type, &element);
		if (score < 0)
			return NO_FIT;
		if (score > best)
			best = score;
	}
	return best;
}

static bool is_in_tiny_block(const struct object *object, uint64_t bytes)
{
	return grf_heap_is_tiny_block(object->span) && bytes < GRF_TINY_BYTES;
}

/* Whether the pointee has room in the object. *ret_score: what it is worth that it fills the
 * object, if it does. */
static bool has_room(const struct grf_heap *heap, const struct pointer *pointer,
		     const struct object *object, int *ret_score)
{
	uint64_t bytes, size = pointer->type->size, whole = object->span->element_size;

	*ret_score = 0;
	if (__builtin_mul_overflow(size, pointer->count ? pointer->count : 1, &bytes) ||
	    bytes > whole - object->offset)
		return false;
	if ((pointer->count || !pointer->array) && size &&
	    (is_in_tiny_block(object, bytes) ||
	     (!object->offset && grf_heap_slot_fits(heap, bytes, whole))))
		*ret_score = EVIDENCE;
	return true;
}

/* Scores the contents of an object with pointers, whose masks the runtime keeps as bits. */
static int score_contents(const struct pointer *pointer, const struct object *object,
			  const struct view *view)
{
	struct grf_type *type = pointer->type;
	uint64_t mask = grf_evidence_slot_mask(object->span, object->slot), size;
	struct view inner = *view;

	if (object->offset < GRF_EVIDENCE_WORDS * GRF_WORD_BYTES &&
	    type->size <= GRF_EVIDENCE_WORDS * GRF_WORD_BYTES &&
	    ((mask >> (object->offset / GRF_WORD_BYTES)) ^ type->pointer_mask) &
		low_bits((type->size + GRF_WORD_BYTES - 1) / GRF_WORD_BYTES))
		return NO_FIT;
	if (!view->depth)
		return 0;
	size = object->span->element_size;
	inner.memory = object->span->memory + object->slot * size + object->offset;
	inner.room = size - object->offset;
	inner.depth--;
	return bounded_score(score_samples(pointer, &inner));
}

bool grf_evidence_of_channel(struct grf_model *model, struct grf_type *type, const uint8_t *memory,
			     int *ret)
{
	uint64_t element = grf_type_channel_element(model->types, type);
	int64_t at = grf_offset(&model->layout, hchan, elemtype);

	if (!element)
		return false;
	*ret = at >= 0 && grf_load_u64(memory + at) == element ? GOOD : NO_FIT;
	return true;
}

/* Scores a pointer to memory outside the heap, such as a package variable. Its contents can speak
 * against the type, not for it. */
static int score_static(const struct pointer *pointer, const struct view *view)
{
	const struct grf_image *image = view->model->image;
	struct grf_type *type = pointer->type;
	struct view inner = *view;

	if (!grf_image_find(image, pointer->value))
		return NO_FIT;
	grf_type_plan(view->model->types, type);
	if (pointer->array || !view->depth || !type->pointer_bytes ||
	    pointer->value % GRF_WORD_BYTES)
		return 0;
	inner.memory = grf_image_at(image, pointer->value, type->size);
	inner.room = type->size;
	inner.depth--;
	return inner.memory && score_value(type, &inner) < 0 ? NO_FIT : 0;
}

/* The pointee's type, where a flag in the pointee selects it (nodes of sync.Map). */
static struct grf_type *pointee_type(const struct pointer *pointer, const struct object *object,
				     const struct view *view)
{
	struct grf_types *types = view->model->types;
	struct grf_type *type = pointer->type, *real;
	uint64_t size = object->span->element_size;

	if (type->variant == GRF_VARIANT_IF_BYTE_SET && !pointer->array) {
		real = grf_type_variant(types, type,
					object->span->memory + object->slot * size + object->offset,
					size - object->offset);
		type = real ? real : type;
	}
	grf_type_plan(types, type);
	return type;
}

/* Scores `pointer` as a pointer into that object. */
static int score_object(const struct pointer *pointer, const struct object *object,
			const struct view *view)
{
	struct grf_type *type = pointer->type;
	int fitting, score;

	if (!has_room(view->model->heap, pointer, object, &fitting))
		return NO_FIT;
	if (object->span->pointer_layout == GRF_POINTERS_NONE && !type->pointer_bytes)
		return fitting;
	if (!object->offset &&
	    grf_evidence_of_channel(
		view->model, type, object->span->memory + object->slot * object->span->element_size,
		&score))
		return score;
	/* A channel of elements without pointers is an object without pointers, whatever its type
	 * says. */
	if (object->span->pointer_layout == GRF_POINTERS_NONE)
		return strcmp(type->name, "runtime.hchan") ? NO_FIT : 0;
	if (type->pointer_bytes && object->offset % GRF_WORD_BYTES)
		return NO_FIT;
	return add_score(fitting, object->span->pointer_bits
				      ? score_contents(pointer, object, view)
				      : score_stored(view->model, type, object));
}

/* Scores `pointer` as a pointer to its type, or to an array of it. */
static int score_pointee(const struct pointer *pointer, const struct view *view)
{
	struct pointer real = *pointer;
	struct object object;

	if (!pointer->value)
		return 0;
	if (!grf_heap_span(view->model->heap, pointer->value))
		return score_static(pointer, view);
	if (!grf_heap_find(view->model->heap, pointer->value, &object.span, &object.slot))
		return NO_FIT;
	grf_type_plan(view->model->types, pointer->type);
	object.offset =
	    pointer->value - object.span->base - object.slot * object.span->element_size;
	real.type = pointee_type(pointer, &object, view);
	return score_object(&real, &object, view);
}

/* --- words of a value ------------------------------------------------------------------------- */

/* Whether bytes read as text; other bytes rarely do. Exceptions: small values in the block of tiny
 * objects, and contents of objects that the image may lack. */
static bool is_text(const struct grf_image *image, const struct grf_heap *heap, uint64_t address,
		    uint64_t length)
{
	const struct grf_span *span = grf_heap_span(heap, address);
	static const char spaces[] = {'\t', '\n', '\r'};
	const uint8_t *text;

	if (length < TEXT_LEAST || (span && (span->element_size <= GRF_TINY_BYTES ||
					     span->element_size > GRF_POINTER_FREE_KEPT)))
		return false;
	if (length > TEXT_MOST)
		length = TEXT_MOST;
	text = span ? span->memory + (address - span->base) : grf_image_at(image, address, length);
	for (uint64_t i = 0; text && i < length; i++)
		if ((text[i] < ' ' && !memchr(spaces, text[i], sizeof(spaces))) || text[i] == 0x7f)
			return false;
	return text;
}

static int score_string(struct pointer *pointer, const struct view *view)
{
	int score;

	/* An empty string may point anywhere. */
	if (!pointer->count)
		return 0;
	if (pointer->count > MAX_LENGTH || !pointer->value)
		return NO_FIT;
	score = score_pointee(pointer, view);
	if (score < 0 ||
	    !is_text(view->model->image, view->model->heap, pointer->value, pointer->count))
		return score;
	return score + EVIDENCE;
}

/* Scores a slice's capacity by its array. A capacity that fills the object exactly is rarely
 * another number; one that reaches the object's end from inside is less certain. In the block of
 * tiny objects and outside the heap, any small number fits. */
static int score_capacity(const struct grf_heap *heap, const struct pointer *pointer)
{
	const struct grf_span *span = grf_heap_span(heap, pointer->value);

	if (!span ||
	    (span->pointer_layout == GRF_POINTERS_NONE && span->element_size <= GRF_TINY_BYTES))
		return 0;
	return pointer->count > 1 && pointer->count * pointer->type->size == span->element_size
		   ? EVIDENCE + EVIDENCE
		   : EVIDENCE;
}

static int score_slice(const struct grf_slot *slot, const struct view *view)
{
	struct pointer pointer = {.type = slot->target,
				  .value = grf_load_u64(view->memory + slot->offset),
				  .array = true};
	uint64_t length;

	if (!slot->count || slot->offset + 24 > view->room)
		return slot->target ? score_pointee(&pointer, view) : 0;
	length = grf_load_u64(view->memory + slot->offset + 8);
	pointer.count = grf_load_u64(view->memory + slot->offset + 16);
	if (length > pointer.count || pointer.count > MAX_LENGTH ||
	    (!pointer.value && pointer.count))
		return NO_FIT;
	/* A slice without capacity may point anywhere, such as behind the array that it was cut
	 * from. */
	if (!pointer.value || !slot->target || !pointer.count)
		return 0;
	return add_score(score_pointee(&pointer, view),
			 score_capacity(view->model->heap, &pointer));
}

/* Scores a pointer, or that of a string. */
static int score_pointer(const struct grf_slot *slot, const struct view *view)
{
	struct pointer pointer = {.type = slot->target,
				  .value = grf_load_u64(view->memory + slot->offset)};

	if (!slot->target)
		return 0;
	if (!slot->count || slot->offset + 16 > view->room)
		return score_pointee(&pointer, view);
	pointer.array = true;
	pointer.count = grf_load_u64(view->memory + slot->offset + 8);
	return score_string(&pointer, view);
}

static int score_interface(const struct grf_slot *slot, const struct view *view)
{
	const struct grf_interface_type *found;
	uint64_t word, value;

	if (slot->offset + 16 > view->room)
		return NO_FIT;
	word = grf_load_u64(view->memory + slot->offset);
	value = grf_load_u64(view->memory + slot->offset + 8);
	if (!word)
		return value ? NO_FIT : 0;
	return grf_types_by_interface(view->model->types, word, slot->kind == GRF_SLOT_IFACE,
				      &found)
		   ? GOOD
		   : NO_FIT;
}

static int score_function(const struct view *view, uint64_t value)
{
	struct grf_function function;
	uint64_t pc;

	if (!value)
		return 0;
	if (!grf_image_u64(view->model->image, value, &pc) ||
	    !grf_pclntab_find(view->model->pclntab, pc, &function) || function.entry != pc)
		return NO_FIT;
	return GOOD;
}

/* Scores a Swiss map's dirPtr, which points to a group or to a directory of tables. */
static int score_directory(const struct grf_slot *slot, const struct view *view)
{
	uint64_t value = grf_load_u64(view->memory + slot->offset), table;
	uint64_t at = (uint64_t)slot->discriminator;
	struct view inner = *view;

	if (!value || !slot->target || at + GRF_WORD_BYTES > view->room)
		return 0;
	if (!grf_load_u64(view->memory + at))
		return score_pointee(&(struct pointer){.type = slot->target, .value = value}, view);
	if (!grf_image_u64(view->model->image, value, &table) || !slot->alternative)
		return NO_FIT;
	inner.depth += !inner.depth;
	return score_pointee(&(struct pointer){.type = slot->alternative, .value = table}, &inner);
}

static int score_elements(const struct grf_slot *slot, const struct view *view)
{
	int score = 0;

	for (uint64_t i = 0; slot->target && i < slot->count && score >= 0; i++) {
		uint64_t at = slot->offset + i * slot->stride;
		struct view element = *view;

		if (at > view->room || slot->target->size > view->room - at)
			break;
		element.memory += at;
		element.room -= at;
		score = add_score(score, score_value(slot->target, &element));
	}
	return score;
}

static int score_slot(const struct grf_slot *slot, const struct view *view)
{
	switch (slot->kind) {
	case GRF_SLOT_INLINE_ARRAY:
		return score_elements(slot, view);
	case GRF_SLOT_EFACE:
	case GRF_SLOT_IFACE:
		return score_interface(slot, view);
	case GRF_SLOT_FUNC:
		return score_function(view, grf_load_u64(view->memory + slot->offset));
	case GRF_SLOT_MAP_DIRECTORY:
		return score_directory(slot, view);
	case GRF_SLOT_ARRAY_POINTER:
		return score_slice(slot, view);
	default:
		return score_pointer(slot, view);
	}
}

/* --- what speaks against ---------------------------------------------------------------------- */

/* The words of a value that may be a type word: those of its interfaces and of its inline arrays. A
 * bit a word. */
static uint64_t type_words(const struct grf_type *type)
{
	uint64_t words = 0;

	for (uint32_t i = 0; i < type->slot_count; i++) {
		const struct grf_slot *slot = &type->slots[i];
		uint64_t first = slot->offset / GRF_WORD_BYTES, bytes;

		if (first >= GRF_EVIDENCE_WORDS)
			continue;
		if (slot->kind == GRF_SLOT_EFACE || slot->kind == GRF_SLOT_IFACE)
			words |= (uint64_t)1 << first;
		else if (slot->kind == GRF_SLOT_INLINE_ARRAY &&
			 !__builtin_mul_overflow(slot->count, slot->stride, &bytes))
			words |= low_bits(bytes / GRF_WORD_BYTES) << first;
	}
	return words;
}

/* Whether a word that is no pointer in `type`, before one that is, holds an itab or a type's
 * address. Then the object has an interface there, and `type` has none. */
static bool has_other_interface(const struct grf_type *type, const struct view *view)
{
	uint64_t places = ~type->pointer_mask & type->pointer_mask >> 1 & ~type_words(type);
	const struct grf_interface_type *found;
	struct grf_types *types = view->model->types;

	for (; places; places &= places - 1) {
		uint64_t at = (uint64_t)__builtin_ctzll(places) * GRF_WORD_BYTES, word;

		if (at + GRF_WORD_BYTES > view->room)
			break;
		word = grf_load_u64(view->memory + at);
		if (word && (grf_types_by_interface(types, word, true, &found) ||
			     grf_types_by_interface(types, word, false, &found)))
			return true;
	}
	return false;
}

/* Whether a bool is neither 0 nor 1, or an itab is that of another interface. */
static bool has_wrong_scalar(struct grf_type *type, const struct view *view)
{
	struct grf_types *types = view->model->types;
	uint32_t count;
	const struct grf_type_scalar *scalars = grf_type_scalars(types, type, &count);

	for (uint32_t i = 0; i < count; i++) {
		const struct grf_type_scalar *scalar = &scalars[i];
		uint64_t word;

		if (scalar->offset + (uint64_t)GRF_WORD_BYTES > view->room) {
			if (scalar->kind == GRF_SCALAR_BOOL && scalar->offset < view->room &&
			    view->memory[scalar->offset] > 1)
				return true;
			continue;
		}
		word = grf_load_u64(view->memory + scalar->offset);
		if (scalar->kind == GRF_SCALAR_BOOL
			? (word & 0xff) > 1
			: word && !grf_types_itab_is_of(types, word, scalar->type))
			return true;
	}
	return false;
}

static int score_value(struct grf_type *type, const struct view *view)
{
	int score = 0;

	grf_type_plan(view->model->types, type);
	if (has_other_interface(type, view) || has_wrong_scalar(type, view))
		return NO_FIT;
	for (uint32_t i = 0; i < type->slot_count && score >= 0; i++) {
		const struct grf_slot *slot = &type->slots[i];

		if (!*view->steps)
			break;
		--*view->steps;
		if (slot->offset + GRF_WORD_BYTES > view->room)
			break;
		score = add_score(score, score_slot(slot, view));
	}
	return score;
}

int grf_evidence_of_value(struct grf_model *model, struct grf_type *type, const uint8_t *memory,
			  uint64_t room, unsigned int *steps)
{
	const struct view view = {model, memory, room, MAX_DEPTH, steps};

	return score_value(type, &view);
}
