/* SPDX-License-Identifier: BSD-2-Clause */
/* Collects the facts from graph, model and image, and offers the largest roots as a table. */
#include "views/facts.h"

#include <stdio.h>

#include "image/executable/executable.h"
#include "views/view.h"

static void write_build_id(const struct grf_model *model, struct grf_facts *facts)
{
	size_t size, room = sizeof(facts->build_id_text);
	const uint8_t *bytes = grf_executable_gnu_build_id(model->executable, &size);

	for (size_t i = 0; bytes && i < size && 2 * i + 3 <= room; i++)
		snprintf(facts->build_id_text + 2 * i, room - 2 * i, "%02x", bytes[i]);
}

void grf_facts_collect(const struct grf_graph *graph, struct grf_facts *ret)
{
	const struct grf_model *model = graph->model;
	const struct grf_tree *tree = graph->tree;

	*ret = (struct grf_facts){
	    .provenance = grf_image_provenance(model->image),
	    .program = grf_executable_name(model->executable),
	    .opened = grf_executable_path(model->executable),
	    .deleted = grf_executable_is_deleted(model->executable),
	    .go_version = model->layout.version.text,
	    .has_dwarf = grf_types_have_dwarf(model->types),
	    .allocated_objects = tree->heap_objects,
	    .allocated_bytes = tree->heap_bytes,
	    .heap_in_use = model->heap->in_use_bytes,
	    .reachable_objects = tree->objects,
	    .reachable_bytes = tree->bytes,
	    .untyped_objects = tree->untyped_objects,
	    .untyped_bytes = tree->untyped_bytes,
	};
	for (size_t i = 0; i < model->goroutines->count; i++)
		ret->runtime_goroutines += model->goroutines->items[i].system;
	ret->cut_stacks = model->goroutines->broken;
	ret->goroutines = model->goroutines->count - ret->runtime_goroutines;
	ret->largest_count = grf_tree_largest_roots(tree, ret->largest, GRF_FACTS_LARGEST);
	ret->build_id = ret->build_id_text;
	write_build_id(model, ret);
}

static void fill_root(const void *context, size_t index, union grf_cell *ret)
{
	const struct grf_facts *facts = context;
	const struct grf_tree_root *root = &facts->largest[index];

	ret[0].number = root->bytes;
	ret[1].share =
	    facts->reachable_bytes ? (double)root->bytes / (double)facts->reachable_bytes : 1;
	ret[2].number = root->objects;
	ret[3].text = root->name;
}

struct grf_table grf_facts_largest_roots(const struct grf_facts *facts)
{
	static const struct grf_column columns[] = {
	    {"bytes", GRF_UNIT_BYTES},
	    {"share", GRF_UNIT_SHARE},
	    {"objects", GRF_UNIT_COUNT},
	    {"root", GRF_UNIT_TEXT},
	};

	return (struct grf_table){
	    .name = "largest_roots",
	    .title = "largest roots",
	    .columns = columns,
	    .column_count = sizeof(columns) / sizeof(*columns),
	    .row_count = facts->largest_count,
	    .row = fill_root,
	    .context = facts,
	};
}

static struct grf_error *make_largest_roots(const struct grf_view_input *input,
					    struct grf_view_result *ret)
{
	ret->tables[ret->table_count++] = grf_facts_largest_roots(input->facts);
	return NULL;
}

const struct grf_view grf_view_largest_roots = {
    .name = "largest_roots",
    .in_summary = true,
    .make = make_largest_roots,
};
