/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies the pieces of a variable into one buffer, notes which words are known, and follows the
 * whole as a value.
 */
#include "graph/walk/pieces.h"

/* The compiler takes apart small values only (cmd/compile/internal/ssa, CanSSA). */
#define PIECES_WORDS 64u

/* A variable put together. */
struct whole {
	uint64_t words[PIECES_WORDS];
	uint64_t address[PIECES_WORDS]; /* of each word in the stack, where it is known */
	uint64_t known, pending;        /* a bit a word */
	uint64_t count;                 /* words */
	bool stale;                     /* some piece is of a stale range */
	bool borrowed;                  /* all pieces are */
	bool mixed;                     /* a type word in it may be another interface's */
};

static bool is_interface(const struct grf_slot *slot)
{
	return slot->kind == GRF_SLOT_EFACE || slot->kind == GRF_SLOT_IFACE;
}

static bool pieces_overlap(const struct grf_local *left, const struct grf_local *right)
{
	return left->piece_offset < right->piece_offset + right->size &&
	       right->piece_offset < left->piece_offset + left->size;
}

size_t grf_pieces_count(const struct grf_local *locals, size_t count)
{
	size_t found = 1;

	if (!locals->type || locals->indirect || locals->size >= locals->type->size)
		return 1;
	for (; found < count && found < PIECES_WORDS; found++) {
		const struct grf_local *next = &locals[found];

		if (next->function != locals->function || next->name != locals->name ||
		    next->type != locals->type || next->entry != locals->entry)
			break;
		for (size_t i = 0; i < found; i++)
			if (pieces_overlap(&locals[i], next))
				return found;
	}
	return found;
}

bool grf_pieces_adjoin(const struct grf_local *pieces, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (pieces[i].address != pieces[i - 1].address + pieces[i - 1].size ||
		    pieces[i].piece_offset != pieces[i - 1].piece_offset + pieces[i - 1].size)
			return false;
	return true;
}

bool grf_pieces_doubtful(struct grf_walk *walk, const struct grf_local *pieces, size_t count)
{
	struct grf_type *type = pieces->type;
	bool doubtful = false;

	for (size_t i = 0; i < count; i++)
		doubtful |= pieces[i].stale_range || pieces[i].mixed;
	if (!doubtful || !type || pieces->indirect || type->size > PIECES_WORDS * GRF_WORD_BYTES)
		return false;
	grf_type_plan(walk->types, type);
	for (uint32_t i = 0; i < type->slot_count; i++)
		if (is_interface(&type->slots[i]))
			return true;
	return false;
}

static void add_piece(struct whole *whole, const struct grf_area *area,
		      const struct grf_local *piece)
{
	whole->stale |= piece->stale_range;
	whole->borrowed &= piece->stale_range;
	whole->mixed |= piece->mixed;
	if ((piece->address | piece->piece_offset) % GRF_WORD_BYTES)
		return;
	for (uint64_t at = 0; at + GRF_WORD_BYTES <= piece->size; at += GRF_WORD_BYTES) {
		uint64_t address = piece->address + at, offset = address - area->start;
		uint64_t word = (piece->piece_offset + at) / GRF_WORD_BYTES;

		if (word >= whole->count || address < area->start ||
		    area->end - area->start < GRF_WORD_BYTES ||
		    offset > area->end - area->start - GRF_WORD_BYTES)
			return;
		whole->words[word] = grf_load_u64(area->memory + offset);
		whole->address[word] = address;
		whole->known |= UINT64_C(1) << word;
		if (grf_bit(area->pending, offset / GRF_WORD_BYTES))
			whole->pending |= UINT64_C(1) << word;
	}
}

/* Forgets the type words that need not be those of the data words beside them. In a loop the
 * compiler lets two variables change their places, of which the location lists know nothing. So of
 * a variable with no valid piece the frame must have no other type word that fits as well. */
static void check_type_words(struct grf_walk *walk, struct whole *whole,
			     const struct grf_words *frame, const struct grf_type *type)
{
	for (uint32_t i = 0; i < type->slot_count; i++) {
		const struct grf_slot *slot = &type->slots[i];
		uint64_t word = slot->offset / GRF_WORD_BYTES, data;
		bool is_itab;

		if (!is_interface(slot) || word + 1 >= whole->count)
			continue;
		is_itab = slot->kind == GRF_SLOT_IFACE;
		data = whole->words[word + 1];
		if (whole->mixed ||
		    !grf_walk_type_word_decides(walk, whole->words[word], is_itab, data) ||
		    (whole->borrowed &&
		     grf_walk_type_words_rival(walk, frame, whole->words[word], is_itab, data)))
			whole->known &= ~(UINT64_C(1) << word);
	}
}

void grf_walk_pieces(struct grf_walk *walk, struct grf_area *area, const struct grf_words *frame,
		     const struct grf_local *pieces, size_t count, uint32_t spot)
{
	struct grf_type *type = pieces->type;
	struct whole whole = {.count = type->size / GRF_WORD_BYTES, .borrowed = true};
	struct grf_window view;
	uint64_t before;

	if (whole.count > PIECES_WORDS)
		whole.count = PIECES_WORDS;
	for (size_t i = 0; i < count; i++)
		add_piece(&whole, area, &pieces[i]);
	if (!whole.pending || !spot)
		return;
	if (whole.stale || whole.mixed)
		check_type_words(walk, &whole, frame, type);
	before = whole.pending;
	view = (struct grf_window){
	    .memory = (const uint8_t *)whole.words,
	    .room = whole.count * GRF_WORD_BYTES,
	    .pending = &whole.pending,
	    .known = &whole.known,
	    .end = whole.count,
	};
	grf_walker_value(&walk->main, spot, &view);
	for (uint64_t taken = before & ~whole.pending; taken; taken &= taken - 1) {
		uint64_t word = (uint64_t)__builtin_ctzll(taken);
		uint64_t bit = (whole.address[word] - area->start) / GRF_WORD_BYTES;

		grf_bit_clear(area->pending, bit);
		grf_walk_claim(walk, area, bit, spot, GRF_CLAIM_ALONE);
	}
}
