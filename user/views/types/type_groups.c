/* SPDX-License-Identifier: BSD-2-Clause */
/* Sorts kinds by the names and sizes of their types. */
#include "views/types/type_groups.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/written_text.h"

#define UNKNOWN_TYPE "(unknown type)"

static const char *name_of_kind(const struct grf_object_kind *kind)
{
	return kind->type && kind->type->name ? kind->type->name : NULL;
}

static int by_type(const void *left, const void *right, void *context)
{
	const struct grf_graph *graph = context;
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	const struct grf_object_kind *kind_a = &graph->kinds[a / 2], *kind_b = &graph->kinds[b / 2];
	const char *name_a = name_of_kind(kind_a), *name_b = name_of_kind(kind_b);
	int order = name_a && name_b ? strcmp(name_a, name_b) : !name_b - !name_a;

	if (order || !name_a)
		return order;
	if (kind_a->type->size != kind_b->type->size)
		return kind_a->type->size < kind_b->type->size ? -1 : 1;
	if (kind_a->content != kind_b->content)
		return kind_a->content < kind_b->content ? -1 : 1;
	return (int)(a & 1) - (int)(b & 1);
}

bool grf_type_groups_make(const struct grf_graph *graph, struct grf_type_groups *ret)
{
	size_t count = (size_t)graph->kind_count * 2;
	_cleanup_free_ uint32_t *sorted = calloc(count + 1, sizeof(*sorted));

	ret->count = 0;
	ret->of_kind = calloc(count + 1, sizeof(*ret->of_kind));
	ret->first = calloc(count + 1, sizeof(*ret->first));
	if (!sorted || !ret->of_kind || !ret->first)
		return false;
	for (uint32_t i = 0; i < count; i++)
		sorted[i] = i;
	if (count)
		qsort_r(sorted, count, sizeof(*sorted), by_type, (void *)graph);
	for (size_t i = 0; i < count; i++) {
		if (!i || by_type(&sorted[i - 1], &sorted[i], (void *)graph))
			ret->first[ret->count++] = sorted[i];
		ret->of_kind[sorted[i]] = ret->count - 1;
	}
	return true;
}

void grf_type_groups_free(struct grf_type_groups *groups)
{
	free(groups->of_kind);
	free(groups->first);
	*groups = (struct grf_type_groups){0};
}

void grf_type_print_kind(FILE *stream, const struct grf_graph *graph, uint32_t doubled)
{
	const struct grf_object_kind *kind = &graph->kinds[doubled / 2];
	const char *name = name_of_kind(kind);

	if (name)
		name = grf_root_name(graph->model->types, name);
	if (!name) {
		fputs(UNKNOWN_TYPE, stream);
		return;
	}
	if (doubled & 1)
		fputs("struct around ", stream);
	fprintf(stream, "%s%s",
		kind->content == GRF_CONTENT_ARRAY      ? "[...]"
		: kind->content == GRF_CONTENT_POINTERS ? "[...]*"
							: "",
		name);
}

char *grf_type_kind_name(const struct grf_graph *graph, uint32_t doubled)
{
	struct grf_written_text text;
	FILE *stream = grf_written_text_open(&text);

	if (stream)
		grf_type_print_kind(stream, graph, doubled);
	return grf_written_text_close(&text);
}
