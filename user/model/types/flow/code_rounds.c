/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goes through all code in rounds, by several threads.
 *
 * Each function knows what this round has shown of the functions before it, and what the last one
 * has shown of the others: so it waits for those that it calls which stand before it. The linker
 * puts packages behind those that they import, and so one round tells nearly all. What comes of it
 * does not depend on the threads. Nor does whether the budget is out: that is known when it is, and
 * then nothing is known of the code.
 */
#include <stdlib.h>
#include <string.h>

#include "base/jobs.h"
#include "base/order.h"
#include "model/types/flow/code_private.h"
#include "model/types/flow/special_callees.h"
#include "model/types/flow/variable_reach.h"

#define ROUNDS 3
#define APART  128 /* bytes between what two threads write to all the time */

/* Who calls whom, by the numbers of functions. */
struct calls {
	GRF_ARRAY(uint32_t) callees; /* of the first function, of the second */
	uint32_t *first;             /* of each function, in `callees`; one more */
	struct grf_order *order;     /* callees before their callers */
};

struct round {
	const struct calls *calls;
	uint64_t number;
	struct follower {
		_Alignas(APART) struct grf_code_follower follower;
	} * threads;
	unsigned int thread_count;
};

/* --- calls ------------------------------------------------------------------------------------ */

/* Notes the callees of a function, each once. `seen`: for each function, the number behind that of
 * the last caller. False: out of memory. */
static bool find_callees(const struct grf_code_types *code, uint32_t caller, uint32_t *seen,
			 struct calls *calls)
{
	const struct grf_code machine_code =
	    grf_code_of_function(code, &code->functions.items[caller]);
	const struct grf_code_function *function;
	uint64_t at = 0;

	while (machine_code.bytes && (function = grf_code_next_callee(code, &machine_code, &at))) {
		uint32_t callee = (uint32_t)(function - code->functions.items), *added;

		if (seen[callee] == caller + 1)
			continue;
		seen[callee] = caller + 1;
		added = grf_array_add(&calls->callees);
		if (!added || (callee < caller && !grf_order_add(calls->order, caller, callee)))
			return false;
		*added = callee;
	}
	return true;
}

static bool find_calls(const struct grf_code_types *code, struct calls *ret)
{
	uint32_t count = (uint32_t)code->functions.count;
	uint32_t *seen = calloc(count, sizeof(*seen));
	bool found;

	ret->first = calloc((size_t)count + 1, sizeof(*ret->first));
	ret->order = grf_order_create(count);
	found = seen && ret->first && ret->order;
	for (uint32_t i = 0; found && i < count; i++) {
		found = find_callees(code, i, seen, ret);
		ret->first[i + 1] = (uint32_t)ret->callees.count;
	}
	free(seen);
	return found;
}

/* --- what is worth following ------------------------------------------------------------------ */

/* What is known of the functions that one calls. */
struct callees {
	bool objects; /* results of some are objects: else it has none to return */
	bool maps;    /* some work on maps */
	bool changed; /* more is known of some than when it was followed last */
};

static bool returns_object(const struct grf_code_function *function,
			   const struct grf_code_results *results)
{
	if (function->kind >= GRF_CALLEE_OBJECT)
		return true;
	for (int i = 0; i < GRF_FLOW_RESULTS; i++)
		if (grf_flow_is_object(results->values[i]))
			return true;
	return false;
}

static struct callees look_at_callees(const struct calls *calls,
				      const struct grf_code_follower *follower)
{
	const struct grf_code_function *functions = follower->code->functions.items;
	struct callees found = {0};

	for (uint32_t i = calls->first[follower->at]; i < calls->first[follower->at + 1]; i++) {
		const struct grf_code_function *callee = &functions[calls->callees.items[i]];
		const struct grf_code_results *results = grf_code_results_of(follower, callee);

		found.objects = found.objects || returns_object(callee, results);
		found.changed =
		    found.changed || results->changed > functions[follower->at].followed;
		found.maps = found.maps || callee->kind == GRF_CALLEE_MAP;
	}
	return found;
}

static bool is_data(void *context, uint64_t address)
{
	return grf_code_in_data(context, address);
}

/* Whether some instruction may name a word of a data segment that it does not only read. */
static bool names_data(struct grf_code_types *code, const struct grf_code_function *function)
{
	const struct grf_code all = grf_code_of_function(code, function);

	return all.bytes && grf_image_arch(code->types->image)->may_write(&all, is_data, code);
}

/* Whether following a function tells anything that is not known. */
static bool is_worth_following(const struct round *round, const struct grf_code_follower *follower)
{
	struct grf_code_types *code = follower->code;
	const struct grf_code_function *function = &code->functions.items[follower->at];
	struct callees callees;

	if (!code->results_only && names_data(code, function))
		return true;
	callees = look_at_callees(round->calls, follower);
	if (!code->results_only && callees.maps)
		return true;
	return callees.objects && (!function->followed || callees.changed);
}

/* --- rounds ----------------------------------------------------------------------------------- */

static void take_results(struct grf_code_types *code, struct grf_code_function *function,
			 const struct grf_flow *flow)
{
	grf_flow_value results[GRF_FLOW_RESULTS];

	grf_code_flow(code)->results(flow, results);
	if (!memcmp(results, function->now.values, sizeof(results)))
		return;
	memcpy(function->now.values, results, sizeof(results));
	function->now.changed = function->followed + 1;
}

/* Takes what a thread has spent from what all may. None is left if they spend more in all, whatever
 * the order. */
static void spend_budget(struct grf_code_types *code, uint64_t work)
{
	uint64_t left = __atomic_load_n(&code->budget, __ATOMIC_RELAXED), next;

	do
		next = left > work ? left - work : 0;
	while (!__atomic_compare_exchange_n(&code->budget, &left, next, true, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED));
}

/* The clock is what it would be if one thread followed all, one behind the other. */
static void follow_item(void *context, unsigned int thread, uint32_t item)
{
	const struct round *round = context;
	struct grf_code_follower *follower = &round->threads[thread].follower;
	struct grf_code_types *code = follower->code;
	struct grf_code_function *function = &code->functions.items[item];
	uint64_t budget = __atomic_load_n(&code->budget, __ATOMIC_RELAXED);
	struct grf_flow *flow;

	follower->at = item;
	if (follower->no_memory || !budget || !is_worth_following(round, follower))
		return;
	function->followed = 2 * (round->number * code->functions.count + item) + 1;
	follower->budget = budget;
	flow = grf_code_follow(follower, function);
	if (flow && !function->recovers)
		take_results(code, function, flow);
	grf_code_flow(code)->destroy(flow);
	spend_budget(code, budget - follower->budget);
}

static void follow_all(struct round *round)
{
	struct grf_code_types *code = round->threads->follower.code;

	for (size_t i = 0; i < code->functions.count; i++)
		code->functions.items[i].before = code->functions.items[i].now;
	grf_order_run(round->calls->order, round->thread_count, follow_item, round);
}

/* --- words ------------------------------------------------------------------------------------ */

static void join_word(struct grf_code_follower *all, const struct grf_code_word *found)
{
	struct grf_code_word *word = grf_code_word_at(all, found->address);

	if (!word)
		return;
	word->value = grf_flow_join(word->value, found->value);
	word->used = grf_flow_join(word->used, found->used);
	word->escaped = word->escaped || found->escaped;
}

/* Puts what all threads have found into one. */
static void join_words(struct round *round)
{
	struct grf_code_follower *all = &round->threads->follower;

	for (unsigned int i = 1; i < round->thread_count; i++) {
		struct grf_code_follower *follower = &round->threads[i].follower;

		all->no_memory = all->no_memory || follower->no_memory;
		for (struct grf_code_word *word = follower->finding; word; word = word->hh.next)
			join_word(all, word);
		grf_code_words_free(&follower->finding);
	}
}

static int by_address(const struct grf_code_word *left, const struct grf_code_word *right)
{
	return left->address < right->address ? -1 : left->address > right->address;
}

/* Whoever has the address of a variable, or indexes it, may write to all of it. */
static void spread_escapes(struct grf_types *types, struct grf_code_word **words)
{
	struct grf_variable_reach reach;
	uint64_t end = 0;

	grf_variable_reach_find(types, &reach);
	HASH_SORT(*words, by_address);
	for (struct grf_code_word *word = *words; word; word = word->hh.next) {
		if (word->escaped && grf_variable_end(types, &reach, word->address) > end)
			end = grf_variable_end(types, &reach, word->address);
		word->escaped = word->escaped || word->address < end;
	}
}

/* --- all code --------------------------------------------------------------------------------- */

static void go_through_by(struct grf_code_types *code, const struct calls *calls)
{
	struct round round = {.calls = calls, .thread_count = calls->order ? grf_jobs() : 1};
	struct grf_code_follower *all;

	round.threads = aligned_alloc(APART, round.thread_count * sizeof(*round.threads));
	if (!round.threads) {
		code->nothing = true;
		return;
	}
	memset(round.threads, 0, round.thread_count * sizeof(*round.threads));
	for (unsigned int i = 0; i < round.thread_count; i++)
		round.threads[i].follower.code = code;
	for (; round.number < ROUNDS; round.number++) {
		code->results_only = round.number + 1 < ROUNDS;
		follow_all(&round);
	}
	all = &round.threads->follower;
	join_words(&round);
	code->results_only = true;
	spread_escapes(code->types, &all->finding);
	code->nothing = all->no_memory || !code->budget;
	if (code->nothing)
		grf_code_words_free(&all->finding);
	code->words = all->finding;
	free(round.threads);
}

void grf_code_go_through(struct grf_code_types *code)
{
	struct calls calls = {0};

	if (!code->functions.count)
		return;
	/* Asked for here, by one thread. */
	for (size_t i = 0; i < code->functions.count; i++)
		grf_code_taken_by(code, &code->functions.items[i]);
	if (find_calls(code, &calls))
		go_through_by(code, &calls);
	else
		code->nothing = true;
	grf_order_destroy(calls.order);
	grf_array_free(&calls.callees);
	free(calls.first);
}
