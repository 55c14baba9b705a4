/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes the checks one after the other, and ranks what they find. */
#include "views/suspects/suspects.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "views/suspects/suspects_private.h"

/* One says what another one does where it holds this share of it. */
#define SAME_SHARE 0.5

/* Special checks first: where one of those explains an accumulation, that says nothing more. */
static const struct rule {
	const char *about;
	grf_suspect_check *check;
} rules[] = {
    {"contexts", grf_suspect_contexts},
    {"finalizers", grf_suspect_finalizers},
    {"goroutines", grf_suspect_goroutines},
    {"timers", grf_suspect_timers},
    {"pools", grf_suspect_pools},
    {"accumulations", grf_suspect_accumulations},
    {"what several hold", grf_suspect_shared},
};

/* Whether `node` owns `owned`, or is it. */
static bool is_owner_of(const struct grf_retained *retained, uint32_t node, uint32_t owned)
{
	while (owned != node && owned != GRF_ROOT_ALL)
		owned = grf_retained_owner(retained, owned);
	return owned == node;
}

/* Whether an earlier check says it: of what owns it, or of most of what it owns. */
static bool is_explained(const struct grf_suspecting *suspecting, const struct grf_suspect *suspect,
			 const struct grf_suspect *earlier)
{
	const struct grf_retained *retained = suspecting->retained;

	/* Of what several hold, a check of their type says more. */
	if (suspect->node == GRF_NODE_NONE)
		return earlier->type &&
		       (suspect->type == earlier->type || suspect->shared == earlier->type) &&
		       (double)earlier->bytes >= SAME_SHARE * (double)suspect->bytes;
	if (earlier->node == GRF_NODE_NONE)
		return false;
	if (suspect->name == earlier->name && suspect->node != earlier->node)
		return false;
	return is_owner_of(retained, earlier->node, suspect->node) ||
	       ((double)earlier->bytes >= SAME_SHARE * (double)suspect->bytes &&
		is_owner_of(retained, suspect->node, earlier->node));
}

static void free_suspect(struct grf_suspect *suspect)
{
	free(suspect->sentence);
	free(suspect->path);
}

static void leave_out_explained(const struct grf_suspecting *suspecting)
{
	struct grf_suspects *suspects = suspecting->suspects;
	size_t kept = 0;

	for (size_t i = 0; i < suspects->rows.count; i++) {
		struct grf_suspect *suspect = &suspects->rows.items[i];
		size_t k = 0;

		while (k < kept && !is_explained(suspecting, suspect, &suspects->rows.items[k]))
			k++;
		if (k < kept)
			free_suspect(suspect);
		else
			suspects->rows.items[kept++] = *suspect;
	}
	suspects->rows.count = kept;
}

static int by_bytes(const void *left, const void *right)
{
	const struct grf_suspect *a = left, *b = right;
	int names;

	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	names = strcmp(a->name, b->name);
	return names ? names : a->node < b->node ? -1 : a->node > b->node;
}

static void rank_suspects(struct grf_suspects *suspects)
{
	if (suspects->rows.count)
		qsort(suspects->rows.items, suspects->rows.count, sizeof(*suspects->rows.items),
		      by_bytes);
	while (suspects->rows.count > GRF_SUSPECTS_NAMED)
		free_suspect(&suspects->rows.items[--suspects->rows.count]);
}

struct grf_error *grf_suspects_create(const struct grf_retained *retained,
				      const struct grf_owners *owners, uint64_t least,
				      struct grf_suspects **ret)
{
	struct grf_suspecting suspecting = {
	    .retained = retained, .graph = retained->graph, .owners = owners, .least = least};
	struct grf_error *error = NULL;

	suspecting.suspects = calloc(1, sizeof(*suspecting.suspects));
	if (!suspecting.suspects)
		return grf_error_no_memory();
	for (size_t i = 0; !error && i < sizeof(rules) / sizeof(*rules); i++) {
		uint64_t began = grf_now();

		error = grf_interrupted() ? grf_error_interrupted() : rules[i].check(&suspecting);
		grf_debug("suspects: %s after %.3f s", rules[i].about,
			  (double)(grf_now() - began) / 1e9);
	}
	if (error) {
		grf_suspects_destroy(suspecting.suspects);
		return error;
	}
	leave_out_explained(&suspecting);
	rank_suspects(suspecting.suspects);
	*ret = suspecting.suspects;
	return NULL;
}

void grf_suspects_destroy(struct grf_suspects *suspects)
{
	if (!suspects)
		return;
	for (size_t i = 0; i < suspects->rows.count; i++)
		free_suspect(&suspects->rows.items[i]);
	grf_array_free(&suspects->rows);
	free(suspects);
}
