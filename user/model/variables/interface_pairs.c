/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In a loop with `best` and `next`, of which one becomes the other, the compiler's location lists
 * pair the type word of one with the data word of the other: for the few bytes of code between the
 * spills of the two words, and at places where it takes one variable for the other. So a pair that
 * stands in a list is not yet an interface. A pair that holds at the pc comes before one of another
 * place in the function, and one whose scope holds the pc before one whose does not. Then each word
 * belongs to one interface: where a data word has a single type word left, no other data word has
 * that type word. What this leaves open is nobody's.
 */
#include "model/variables/interface_pairs.h"

/* A frame with more is hostile, or so long that its slots are used for many variables. */
#define PAIRS_MAX  1024
#define ROUNDS_MAX 16

static struct grf_interface_pair *find_pair(const struct grf_interface_pairs *pairs,
					    int64_t type_word, int64_t data_word)
{
	for (size_t i = 0; i < pairs->array.count; i++)
		if (pairs->array.items[i].type_word == type_word &&
		    pairs->array.items[i].data_word == data_word)
			return &pairs->array.items[i];
	return NULL;
}

void grf_interface_pairs_add(struct grf_interface_pairs *pairs,
			     const struct grf_interface_pair *pair)
{
	struct grf_interface_pair *known = find_pair(pairs, pair->type_word, pair->data_word);

	if (!known) {
		known = pairs->array.count < PAIRS_MAX ? grf_array_add(&pairs->array) : NULL;
		if (!known) {
			pairs->incomplete = true;
			return;
		}
		known->type_word = pair->type_word;
		known->data_word = pair->data_word;
	}
	known->valid |= pair->valid;
	known->in_scope |= pair->in_scope;
}

/* Whether `left` is to be believed before `right`. */
static bool is_before(const struct grf_interface_pair *left, const struct grf_interface_pair *right)
{
	return left->valid != right->valid ? left->valid : left->in_scope && !right->in_scope;
}

/* Whether the pair is the only one left for its data word. */
static bool is_single(const struct grf_interface_pairs *pairs,
		      const struct grf_interface_pair *pair)
{
	for (size_t i = 0; i < pairs->array.count; i++) {
		const struct grf_interface_pair *other = &pairs->array.items[i];

		if (other != pair && !other->out && other->data_word == pair->data_word)
			return false;
	}
	return !pair->out;
}

/* Rules out the pairs that have the data word of `pair` and that it comes before. */
static void rule_out_by_data(struct grf_interface_pairs *pairs,
			     const struct grf_interface_pair *pair)
{
	for (size_t i = 0; i < pairs->array.count; i++) {
		struct grf_interface_pair *other = &pairs->array.items[i];

		if (other->data_word == pair->data_word && is_before(pair, other))
			other->out = true;
	}
}

/* Rules out the pairs that have the type word of `pair`, the single one of its data word. Where
 * that was the last type word of another data word, the lists are wrong somewhere. True: there were
 * some. */
static bool rule_out_by_type(struct grf_interface_pairs *pairs, struct grf_interface_pair *pair)
{
	bool any = false;

	for (size_t i = 0; i < pairs->array.count; i++) {
		struct grf_interface_pair *other = &pairs->array.items[i];

		if (other == pair || other->out || other->valid ||
		    other->type_word != pair->type_word || is_before(other, pair))
			continue;
		if (!is_single(pairs, other))
			any = other->out = true;
		else if (other->in_scope || !pair->in_scope)
			other->contested = pair->contested = true;
		else
			other->out = true;
	}
	return any;
}

void grf_interface_pairs_settle(struct grf_interface_pairs *pairs)
{
	bool changed = true;

	for (size_t i = 0; i < pairs->array.count; i++)
		if (!pairs->array.items[i].out)
			rule_out_by_data(pairs, &pairs->array.items[i]);
	for (unsigned int round = 0; changed && round < ROUNDS_MAX; round++) {
		changed = false;
		for (size_t i = 0; i < pairs->array.count; i++)
			if (is_single(pairs, &pairs->array.items[i]))
				changed |= rule_out_by_type(pairs, &pairs->array.items[i]);
	}
}

bool grf_interface_pairs_hold(const struct grf_interface_pairs *pairs, int64_t type_word,
			      int64_t data_word)
{
	const struct grf_interface_pair *pair = find_pair(pairs, type_word, data_word);

	return pair && !pair->contested && is_single(pairs, pair) &&
	       (pair->valid || !pairs->incomplete);
}
