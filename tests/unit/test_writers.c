/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every writer on a tree and a table made by hand; and what a new writer (CSV) and a new view
 * (objects by size class) take: one function each for what they write or show, and one row.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "graph/graph.h"
#include "outputs/writer.h"

#define NONE GRF_TREE_NONE

/* Names of which one wants an escape. Children of 0: 1 and 2; 2 holds 3; 4 holds nothing. */
static struct grf_tree_node nodes[] = {
    {.name = "main.cache", .parent = NONE, .depth = 0, .bytes = 16, .objects = 1},
    {.name = "[0]. (*main.T)", .parent = 0, .depth = 1, .bytes = 400, .objects = 4},
    {.name = "next\x1b. (*main.T)", .parent = 0, .depth = 1, .bytes = 80, .objects = 2},
    {.name = "$sub_objects$", .parent = 2, .depth = 2, .bytes = 500, .objects = 5, .untyped = true},
    {.name = "main.empty", .parent = NONE, .depth = 0},
    {.name = "main.serve.request",
     .parent = NONE,
     .depth = 0,
     .bytes = 4,
     .objects = 1,
     .root_class = GRF_ROOT_GOROUTINE,
     .created_by = "main.main"},
};
static struct grf_tree tree = {
    .nodes = nodes,
    .node_count = sizeof(nodes) / sizeof(*nodes),
    .objects = 13,
    .bytes = 1000,
    .untyped_objects = 5,
    .untyped_bytes = 500,
    .heap_objects = 20,
    .heap_bytes = 2000,
};
static const struct grf_provenance core = {.origin = GRF_ORIGIN_CORE};
static struct grf_facts facts = {
    .provenance = &core,
    .program = "./server",
    .opened = "./server",
    .build_id = "00ff",
    .go_version = "go1.26",
    .has_dwarf = true,
    .goroutines = 3,
    .runtime_goroutines = 6,
    .allocated_objects = 20,
    .allocated_bytes = 2000,
    .heap_in_use = 8192,
    .reachable_objects = 13,
    .reachable_bytes = 1000,
    .untyped_objects = 5,
    .untyped_bytes = 500,
    .largest = {{"main.cache", 12, 996}, {"main.serve.request", 1, 4}},
    .largest_count = 2,
};

/* What a format makes of the tree and a table; to be freed. */
static char *written(const struct grf_format *format, const struct grf_table *table)
{
	char folder[] = "/tmp/grf-writers-XXXXXX", path[64], *text = calloc(1, 1 << 16);
	struct grf_output *output;
	struct grf_writer writer;
	struct grf_error *error;
	FILE *stream;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/result", folder);
	assert_null(grf_output_create(path, &output));
	error = grf_writer_begin(&writer, format, output, &facts);
	if (!error)
		error = grf_writer_tree(&writer, &tree);
	if (!error)
		error = grf_writer_table(&writer, table);
	assert_null(grf_writer_end(&writer, error));
	assert_null(grf_output_commit(output));
	grf_output_destroy(output);
	stream = fopen(path, "re");
	assert_non_null(stream);
	assert_true(fread(text, 1, (1 << 16) - 1, stream) > 0);
	fclose(stream);
	unlink(path);
	rmdir(folder);
	return text;
}

static void test_text(void **state)
{
	struct grf_table table = grf_facts_largest_roots(&facts);
	char *text = written(&grf_format_text, &table);

	(void)state;
	assert_string_equal(strstr(text, "\n       bytes   share       objects  held by\n"),
			    "\n       bytes   share       objects  held by\n"
			    "       996 B   99.6%            12  main.cache\n"
			    "       580 B   58.0%             7    next\\x1b. (*main.T)\n"
			    "       500 B   50.0%             5      $sub_objects$\n"
			    "       400 B   40.0%             4    [0]. (*main.T)\n"
			    "         4 B    0.4%             1  (2 more)\n"
			    "\n"
			    "largest roots\n"
			    "  bytes  share  objects  root\n"
			    "  996 B  99.6%       12  main.cache\n"
			    "    4 B   0.4%        1  main.serve.request\n"
			    "\n");
	free(text);
}

static void test_json(void **state)
{
	struct grf_table table = grf_facts_largest_roots(&facts);
	char *text = written(&grf_format_json, &table);
	json_t *document = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	json_t *list = json_object_get(document, "tree");

	(void)state;
	assert_non_null(document);
	assert_int_equal(json_array_size(list), 5);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 2), "name")),
			    "next\\x1b. (*main.T)");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 3), "parent")), 2);
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(list, 4), "created_by")), "main.main");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 4), "class")),
			    "goroutines");
	list = json_object_get(json_object_get(document, "tables"), "largest_roots");
	assert_int_equal(json_array_size(json_object_get(list, "rows")), 2);
	json_decref(document);
	free(text);
}

static void test_formats(void **state)
{
	(void)state;
	assert_ptr_equal(grf_format_find("json"), &grf_format_json);
	assert_null(grf_format_find("none"));
	assert_ptr_equal(grf_format_of_path("x.txt"), &grf_format_text);
	assert_ptr_equal(grf_format_of_path(".json"), &grf_format_pprof);
	assert_ptr_equal(grf_format_of_path("grf.out"), &grf_format_pprof);
}

/* ---- a new writer ---- */

static struct grf_error *write_csv(struct grf_writer *writer, const struct grf_table *table)
{
	union grf_cell cells[GRF_TABLE_COLUMNS];
	struct grf_error *error = NULL;

	for (size_t row = 0; !error && row < table->row_count; row++) {
		char line[256];
		int at = 0;

		table->row(table->context, row, cells);
		for (size_t i = 0; i < table->column_count; i++)
			at += table->columns[i].unit == GRF_UNIT_TEXT
				  ? snprintf(line + at, sizeof(line) - (size_t)at, "%s%s",
					     i ? "," : "", cells[i].text)
				  : snprintf(line + at, sizeof(line) - (size_t)at, "%s%llu",
					     i ? "," : "", (unsigned long long)cells[i].number);
		line[at++] = '\n';
		error = grf_output_write(writer->output, line, (size_t)at);
	}
	return error;
}

static const struct grf_format csv = {.name = "csv", .suffix = ".csv", .table = write_csv};

/* ---- a new view ---- */

struct size_classes {
	uint64_t sizes[2], objects[2];
};

static void fill_size_class(const void *context, size_t index, union grf_cell *ret)
{
	const struct size_classes *classes = context;

	ret[0].number = classes->sizes[index];
	ret[1].number = classes->objects[index];
}

/* Counts what a graph reaches by the size of its slots. */
static struct grf_table objects_by_size(const struct grf_graph *graph, struct size_classes *classes)
{
	static const struct grf_column columns[] = {{"size", GRF_UNIT_BYTES},
						    {"objects", GRF_UNIT_COUNT}};
	const struct grf_heap *heap = graph->model->heap;

	for (size_t i = 0; i < heap->span_count; i++) {
		classes->sizes[i] = heap->spans[i].element_size;
		for (uint32_t slot = 0; slot < heap->spans[i].slot_count; slot++)
			classes->objects[i] +=
			    grf_graph_reached(graph, heap->spans[i].first_object + slot);
	}
	return (struct grf_table){.name = "size_classes",
				  .title = "objects by size",
				  .columns = columns,
				  .column_count = 2,
				  .row_count = heap->span_count,
				  .row = fill_size_class,
				  .context = classes};
}

static void test_new_writer_and_view(void **state)
{
	struct grf_span spans[] = {{.element_size = 16, .slot_count = 3},
				   {.element_size = 48, .slot_count = 2, .first_object = 3}};
	uint8_t states[] = {GRF_OBJECT_REACHED, 0, GRF_OBJECT_REACHED, GRF_OBJECT_FREE,
			    GRF_OBJECT_REACHED | GRF_OBJECT_VISITED};
	struct grf_heap heap = {.spans = spans, .span_count = 2, .object_ids = 5};
	struct grf_model model = {.heap = &heap};
	struct grf_graph graph = {.model = &model, .states = states};
	struct size_classes classes = {0};
	struct grf_table table = objects_by_size(&graph, &classes);
	char *text = written(&csv, &table);

	(void)state;
	assert_string_equal(text, "16,2\n48,1\n");
	free(text);
	text = written(&grf_format_text, &table);
	assert_non_null(strstr(text, "objects by size\n  size  objects\n"
				     "  16 B        2\n  48 B        1\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_formats),
	    cmocka_unit_test(test_new_writer_and_view),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
