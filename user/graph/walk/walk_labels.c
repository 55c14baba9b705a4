/* SPDX-License-Identifier: BSD-2-Clause */
/* Goroutines share sets, and each runtime/pprof.Do makes one: what they say is compared as text. */
#include "graph/walk/walk_labels.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/log.h"
#include "graph/pair_map.h"

struct known_set {
	UT_hash_handle hh;
	char *text;
	uint32_t number; /* as nodes have it */
};

struct finding {
	struct grf_graph *graph;
	struct grf_pair_map by_address; /* (address of a set, 0) -> number; 0: none */
	struct known_set *by_text;
	bool too_many;
};

/* Takes a text that was not known. 0: there are too many, or out of memory. */
static uint32_t add_set(struct finding *finding, uint64_t address, char *text)
{
	const struct grf_model *model = finding->graph->model;
	struct known_set *known;
	struct grf_label_list *list;

	finding->too_many = finding->graph->label_sets.count == GRF_LABEL_SETS;
	list = finding->too_many ? NULL : grf_array_add(&finding->graph->label_sets);
	known = list ? calloc(1, sizeof(*known)) : NULL;
	if (!known || !grf_labels_list(model->image, &model->layout, address, list)) {
		free(known);
		free(text);
		return 0;
	}
	known->text = text;
	known->number = (uint32_t)finding->graph->label_sets.count;
	HASH_ADD_KEYPTR(hh, finding->by_text, known->text, strlen(known->text), known);
	return known->number;
}

/* The number of the set at an address. False: there are too many, or out of memory. */
static bool number_of_set(struct finding *finding, uint64_t address, uint32_t *ret)
{
	const struct grf_model *model = finding->graph->model;
	struct known_set *known = NULL;
	char *text = NULL;

	*ret = grf_pair_map_get(&finding->by_address, address, 0);
	if (*ret != GRF_PAIR_MAP_NONE)
		return true;
	*ret = 0;
	if (!grf_labels_text(model->image, &model->layout, address, &text))
		return false;
	if (text) {
		HASH_FIND_STR(finding->by_text, text, known);
		*ret = known ? known->number : add_set(finding, address, text);
		if (known)
			free(text);
		if (!*ret)
			return false;
	}
	return grf_pair_map_put(&finding->by_address, address, 0, *ret);
}

static bool find_labels(struct finding *finding, uint32_t *labels)
{
	const struct grf_model *model = finding->graph->model;
	const struct grf_goroutines *goroutines = model->goroutines;

	for (size_t i = 0; i < goroutines->count; i++) {
		const struct grf_goroutine *goroutine = &goroutines->items[i];
		uint64_t set =
		    goroutine->system
			? 0
			: grf_goroutine_label_set(model->image, &model->layout, goroutine);

		if (set && !number_of_set(finding, set, &labels[i]))
			return false;
	}
	return true;
}

static void finding_free(struct finding *finding)
{
	struct known_set *known, *next;

	HASH_ITER (hh, finding->by_text, known, next) {
		HASH_DEL(finding->by_text, known);
		free(known->text);
		free(known);
	}
	grf_pair_map_free(&finding->by_address);
}

struct grf_error *grf_walk_labels(struct grf_graph *graph, uint32_t **ret_labels)
{
	struct finding finding = {.graph = graph};
	uint32_t *labels = calloc(graph->model->goroutines->count + 1, sizeof(*labels));
	bool found = labels && find_labels(&finding, labels), too_many = finding.too_many;

	*ret_labels = NULL;
	finding_free(&finding);
	if (too_many)
		grf_verbose("goroutines have more than %u sets of labels, and are not told apart "
			    "by them",
			    GRF_LABEL_SETS);
	if (found && graph->label_sets.count)
		*ret_labels = labels;
	else
		free(labels);
	return found || too_many ? NULL : grf_error_no_memory();
}
