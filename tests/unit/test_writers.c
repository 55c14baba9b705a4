/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every writer on a tree and a table made by hand; and what a new writer (CSV) and a new view
 * (objects by size class) take: one function each for what they write or show, and one row in the
 * list of its kind.
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

#include "base/cleanup.h"
#include "base/text.h"
#include "graph/graph.h"
#include "outputs/report.h"

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

/* A result in a folder of its own. */
struct result {
	char folder[32], path[64];
	struct grf_output *output;
};

static void begin_result(struct result *result)
{
	strcpy(result->folder, "/tmp/grf-writers-XXXXXX");
	assert_non_null(mkdtemp(result->folder));
	snprintf(result->path, sizeof(result->path), "%s/result", result->folder);
	assert_null(grf_output_create(result->path, &result->output));
}

/* Commits and removes it. Returns what is in it; to be freed. */
static char *end_result(struct result *result)
{
	char *text = calloc(1, 1 << 16);
	FILE *stream;

	assert_null(grf_output_commit(result->output));
	grf_output_destroy(result->output);
	stream = fopen(result->path, "re");
	assert_non_null(stream);
	assert_true(fread(text, 1, (1 << 16) - 1, stream) > 0);
	fclose(stream);
	unlink(result->path);
	rmdir(result->folder);
	return text;
}

/* What a format makes of the tree and a table; to be freed. */
static char *written(const struct grf_format *format, const struct grf_table *table)
{
	struct result result;
	struct grf_writer writer;
	struct grf_error *error;

	begin_result(&result);
	error = grf_writer_begin(&writer, format, result.output, &facts);
	if (!error)
		error = grf_writer_tree(&writer, &tree);
	if (!error)
		error = grf_writer_table(&writer, table);
	assert_null(grf_writer_end(&writer, error));
	return end_result(&result);
}

/* A file of tests/unit/golden, where tests run from the top of the sources; to be freed. */
static char *read_golden(const char *name)
{
	char path[64], *text = calloc(1, 1 << 16);
	FILE *stream;

	snprintf(path, sizeof(path), "tests/unit/golden/%s", name);
	stream = fopen(path, "re");
	if (!stream)
		fail_msg("no %s here: run the test from the top of the sources", path);
	assert_true(fread(text, 1, (1 << 16) - 1, stream) > 0);
	fclose(stream);
	return text;
}

/* All that the text says of a run. Where it is to say something else, the file is changed by hand:
 * what the test prints is what is written now. */
static void test_text(void **state)
{
	struct grf_table table = grf_facts_largest_roots(&facts);
	char *text = written(&grf_format_text, &table), *golden = read_golden("writers.txt");

	(void)state;
	assert_string_equal(text, golden);
	free(golden);
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
	assert_ptr_equal(grf_format_find(grf_formats, "json"), &grf_format_json);
	assert_null(grf_format_find(grf_formats, "none"));
	assert_ptr_equal(grf_format_of_path(grf_formats, "x.txt"), &grf_format_text);
	assert_ptr_equal(grf_format_of_path(grf_formats, ".json"), &grf_format_pprof);
	assert_ptr_equal(grf_format_of_path(grf_formats, "grf.out"), &grf_format_pprof);
}

/* ---- a new writer ---- */

/* A text as the target chose it, with the escapes of base/text.h; in quotes where a comma or a
 * quote stands in it (RFC 4180). Line ends are escaped. NULL: nothing. */
static struct grf_error *write_csv_text(struct grf_output *output, const char *text)
{
	_cleanup_free_ char *escaped = text ? grf_text_escaped(text) : strdup("");
	struct grf_error *error;

	if (!escaped)
		return grf_error_no_memory();
	if (!strpbrk(escaped, ",\""))
		return grf_output_write(output, escaped, strlen(escaped));
	error = grf_output_write(output, "\"", 1);
	for (const char *at = escaped; !error && *at; at++)
		error = grf_output_write(output, *at == '"' ? "\"\"" : at, *at == '"' ? 2 : 1);
	return error ? error : grf_output_write(output, "\"", 1);
}

/* A cell by its column's unit; numbers are whole, in bytes and nanoseconds. */
static struct grf_error *write_csv_cell(struct grf_output *output, const struct grf_column *column,
					const union grf_cell *cell)
{
	char number[32] = "";

	switch (column->unit) {
	case GRF_UNIT_TEXT:
	case GRF_UNIT_REMARK:
		return write_csv_text(output, cell->text);
	case GRF_UNIT_SHARE:
		snprintf(number, sizeof(number), "%.6g", cell->share);
		break;
	case GRF_UNIT_BYTES:
	case GRF_UNIT_COUNT:
	case GRF_UNIT_TIME:
		if (cell->number != GRF_CELL_UNKNOWN)
			snprintf(number, sizeof(number), "%llu", (unsigned long long)cell->number);
		break;
	}
	return grf_output_write(output, number, strlen(number));
}

/* Ends the cell of column `index`. */
static struct grf_error *end_csv_cell(struct grf_output *output, const struct grf_table *table,
				      size_t index)
{
	return grf_output_write(output, index + 1 < table->column_count ? "," : "\n", 1);
}

/* The names of the columns, then the rows. */
static struct grf_error *write_csv(struct grf_writer *writer, const struct grf_table *table)
{
	struct grf_output *output = writer->output;
	union grf_cell cells[GRF_TABLE_COLUMNS];
	struct grf_error *error = NULL;

	for (size_t i = 0; !error && i < table->column_count; i++) {
		error = write_csv_text(output, table->columns[i].name);
		if (!error)
			error = end_csv_cell(output, table, i);
	}
	for (size_t row = 0; !error && row < table->row_count; row++) {
		table->row(table->context, row, cells);
		for (size_t i = 0; !error && i < table->column_count; i++) {
			error = write_csv_cell(output, &table->columns[i], &cells[i]);
			if (!error)
				error = end_csv_cell(output, table, i);
		}
	}
	return error;
}

static const struct grf_format csv = {.name = "csv", .suffix = ".csv", .table = write_csv};

/* The table of writers.c with its row. */
static const struct grf_format *const with_csv[] = {&grf_format_pprof, &grf_format_text,
						    &grf_format_json, &csv, NULL};

static char long_name[1001];

static void fill_hostile(const void *context, size_t index, union grf_cell *ret)
{
	static const char *const names[] = {"main.T[int,string]", "a \"b\"", "line\nend\x1b",
					    long_name, NULL};

	(void)context;
	ret[0].text = names[index];
	ret[1].share = 0.25;
	ret[2].number = index ? GRF_CELL_UNKNOWN : 7;
	ret[3].text = index ? NULL : "says, more";
}

/* Names that have a comma, a quote, a line end, more bytes than any buffer, or are not there. */
static void test_csv(void **state)
{
	static const struct grf_column columns[] = {{"type", GRF_UNIT_TEXT},
						    {"share", GRF_UNIT_SHARE},
						    {"taken", GRF_UNIT_TIME},
						    {"remark", GRF_UNIT_REMARK}};
	struct grf_table table = {.name = "types",
				  .title = "types",
				  .columns = columns,
				  .column_count = 4,
				  .row_count = 5,
				  .row = fill_hostile};
	char expected[2048], *text;

	(void)state;
	memset(long_name, 'n', sizeof(long_name) - 1);
	assert_ptr_equal(grf_format_find(with_csv, "csv"), &csv);
	assert_ptr_equal(grf_format_of_path(with_csv, "types.csv"), &csv);
	assert_ptr_equal(grf_format_of_path(with_csv, "types.json"), &grf_format_json);
	text = written(grf_format_of_path(with_csv, "types.csv"), &table);
	snprintf(expected, sizeof(expected),
		 "type,share,taken,remark\n"
		 "\"main.T[int,string]\",0.25,7,\"says, more\"\n"
		 "\"a \"\"b\"\"\",0.25,,\n"
		 "line\\x0aend\\x1b,0.25,,\n"
		 "%s,0.25,,\n"
		 ",0.25,,\n",
		 long_name);
	assert_string_equal(text, expected);
	free(text);
}

/* ---- a new view ---- */

#define CLASSES (UINT8_MAX + 1)

/* What is counted of each size class, and a row for each one that has objects. */
struct size_classes {
	uint64_t sizes[CLASSES], objects[CLASSES];
	uint8_t rows[CLASSES]; /* the class that each row shows */
	size_t row_count;
};

static void fill_size_class(const void *context, size_t index, union grf_cell *ret)
{
	const struct size_classes *classes = context;
	uint8_t number = classes->rows[index];

	/* Those of class 0 are large: each has a span, and a size, of its own. */
	ret[0].number = number ? classes->sizes[number] : GRF_CELL_UNKNOWN;
	ret[1].number = classes->objects[number];
}

/* Counts what a graph reaches by size class. */
static struct grf_error *make_size_classes(const struct grf_view_input *input,
					   struct grf_view_result *ret)
{
	static const struct grf_column columns[] = {{"size", GRF_UNIT_BYTES},
						    {"objects", GRF_UNIT_COUNT}};
	const struct grf_heap *heap = input->graph->model->heap;
	struct size_classes *classes = calloc(1, sizeof(*classes));

	if (!classes)
		return grf_error_no_memory();
	for (size_t i = 0; i < heap->span_count; i++) {
		const struct grf_span *span = &heap->spans[i];

		classes->sizes[span->size_class] = span->element_size;
		for (uint32_t slot = 0; slot < span->slot_count; slot++)
			classes->objects[span->size_class] +=
			    grf_graph_reached(input->graph, span->first_object + slot);
	}
	for (unsigned int number = 0; number < CLASSES; number++)
		if (classes->objects[number])
			classes->rows[classes->row_count++] = (uint8_t)number;
	ret->made = classes;
	ret->tables[ret->table_count++] = (struct grf_table){.name = "size_classes",
							     .title = "objects by size",
							     .columns = columns,
							     .column_count = 2,
							     .row_count = classes->row_count,
							     .row = fill_size_class,
							     .context = classes};
	return NULL;
}

static const struct grf_view size_classes = {
    .name = "size_classes", .needs = GRF_NEEDS_PLACES, .make = make_size_classes, .destroy = free};

/* The list of views.c with its row. */
static const struct grf_view *const with_size_classes[] = {
    &grf_view_owners, &grf_view_tree, &grf_view_largest_roots, &size_classes, NULL};

/* What a run with such a graph leaves in a format, people getting `rows` rows; to be freed. */
static char *reported(const struct grf_format *format, struct grf_graph *graph, size_t rows)
{
	_cleanup_view_input_ struct grf_view_input input = {.graph = graph, .facts = &facts};
	_cleanup_view_results_ struct grf_view_results views = {0};
	struct result result;

	assert_null(grf_views_make(with_size_classes, &input, &views));
	for (size_t i = 0; i < views.count; i++)
		assert_true(views.items[i].tree ||
			    !strcmp(views.items[i].tables[0].name, views.items[i].view->name));
	begin_result(&result);
	assert_null(grf_report_write(result.output, format, &facts, &views,
				     &(struct grf_limits){.rows = rows},
				     &(struct grf_folded_samples){0}));
	return end_result(&result);
}

static void check_text(struct grf_graph *graph)
{
	char *text = reported(&grf_format_text, graph, 0);

	/* The tree comes before it, and the largest roots are in the summary alone. */
	assert_non_null(strstr(text, "held by\n"));
	assert_non_null(strstr(strstr(text, "held by\n"), "\n\nobjects by size\n  size  objects\n"
							  "     -        2\n"
							  "  16 B        3\n"
							  "  48 B        1\n"));
	assert_null(strstr(strstr(text, "largest roots") + 1, "largest roots"));
	free(text);
	text = reported(&grf_format_text, graph, 1);
	assert_non_null(strstr(text, "     -        2\n\n"));
	free(text);
}

static void check_json(struct grf_graph *graph)
{
	char *text = reported(&grf_format_json, graph, 1);
	json_t *document = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *tables, *rows;

	assert_non_null(document);
	tables = json_object_get(document, "tables");
	assert_int_equal(json_object_size(tables), 2);
	assert_non_null(json_object_get(tables, "largest_roots"));
	rows = json_object_get(json_object_get(tables, "size_classes"), "rows");
	assert_int_equal(json_array_size(rows), 3);
	assert_true(json_is_null(json_array_get(json_array_get(rows, 0), 0)));
	assert_int_equal(json_integer_value(json_array_get(json_array_get(rows, 1), 1)), 3);
	assert_int_equal(json_array_size(json_object_get(document, "tree")), 5);
	json_decref(document);
	free(text);
}

/* The new view is in every format, and the new format has every view. */
static void test_new_writer_and_view(void **state)
{
	/* More spans than classes, large ones among them, and a class of which nothing is alive. */
	struct grf_span spans[] = {
	    {.size_class = 2, .element_size = 16, .slot_count = 3},
	    {.size_class = 5, .element_size = 48, .slot_count = 2, .first_object = 3},
	    {.size_class = 2, .element_size = 16, .slot_count = 1, .first_object = 5},
	    {.element_size = 40960, .slot_count = 1, .first_object = 6},
	    {.element_size = 81920, .slot_count = 1, .first_object = 7},
	    {.size_class = UINT8_MAX, .element_size = 32768, .slot_count = 1, .first_object = 8}};
	uint16_t places[] = {1, 0, 1, 0, 1, 1, 1, 1, 0};
	struct grf_heap heap = {.spans = spans, .span_count = 6, .object_ids = 9};
	struct grf_model model = {.heap = &heap};
	struct grf_graph graph = {
	    .model = &model, .tree = &tree, .places = {.narrow = places, .count = 9}};
	char *text;

	(void)state;
	assert_int_equal(grf_views_need(with_size_classes), GRF_NEEDS_OWNERS);
	check_text(&graph);
	check_json(&graph);
	text = reported(&csv, &graph, 1);
	assert_string_equal(text, "bytes,share,objects,root\n996,0.996,12,main.cache\n"
				  "4,0.004,1,main.serve.request\n"
				  "size,objects\n,2\n16,3\n48,1\n");
	free(text);
	/* Without places it cannot be made, and the rest is there. */
	graph.places = (struct grf_places){0};
	text = reported(&csv, &graph, 0);
	assert_null(strstr(text, "size,objects"));
	assert_non_null(strstr(text, "main.cache"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_formats),
	    cmocka_unit_test(test_csv),
	    cmocka_unit_test(test_new_writer_and_view),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
