/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One JSON document a run, for programs: docs/json.md describes it, docs/grf-bpf.schema.json is its
 * schema. Jansson makes each value; a tree's nodes and a table's rows are written as they come, one
 * a line, so that no document stands in memory.
 */
#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "outputs/words.h"
#include "outputs/writer.h"
#include "views/suspects/suspects.h"

/* Raised when a member goes or means something else; new members may come at any time. */
#define SCHEMA_VERSION 1

/* What of the document is not closed yet. */
struct json_state {
	size_t tables;
};

struct json_sink {
	struct grf_output *output;
	struct grf_error *error;
};

static int write_part(const char *data, size_t size, void *context)
{
	struct json_sink *sink = context;

	if (!sink->error)
		sink->error = grf_output_write(sink->output, data, size);
	return sink->error ? -1 : 0;
}

static struct grf_error *write_text(struct grf_writer *writer, const char *text)
{
	return grf_output_write(writer->output, text, strlen(text));
}

/* Writes `before` and a value, which it frees. NULL as the value: out of memory. */
static struct grf_error *write_value(struct grf_writer *writer, const char *before, json_t *value)
{
	struct json_sink sink = {.output = writer->output};

	if (!value)
		return grf_error_no_memory();
	sink.error = write_text(writer, before);
	if (!sink.error &&
	    json_dump_callback(value, write_part, &sink,
			       JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6)) &&
	    !sink.error)
		sink.error = grf_error_no_memory();
	json_decref(value);
	return sink.error;
}

/* A text as JSON, with escapes where the target chose it. NULL becomes null. */
static json_t *json_of_text(const char *text)
{
	char *escaped;
	json_t *value;

	if (!text)
		return json_null();
	if (grf_text_is_plain(text))
		return json_string(text);
	escaped = grf_text_escaped(text);
	value = escaped ? json_string(escaped) : NULL;
	free(escaped);
	return value;
}

static json_t *json_of_number(uint64_t number)
{
	return json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number);
}

/* Adds a member to an object, which becomes NULL when memory is out. */
static void put_value(json_t **object, const char *key, json_t *value)
{
	if (!*object) {
		json_decref(value);
		return;
	}
	if (!json_object_set_new(*object, key, value))
		return;
	json_decref(*object);
	*object = NULL;
}

/* A number of a struct and the name of its member. */
struct json_number {
	const char *name;
	size_t offset;
};

static void put_numbers(json_t **object, const void *from, const struct json_number *numbers,
			size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t number;

		memcpy(&number, (const char *)from + numbers[i].offset, sizeof(number));
		put_value(object, numbers[i].name, json_of_number(number));
	}
}
#define PUT_NUMBERS(object, from, numbers)                                                         \
	put_numbers(object, from, numbers, sizeof(numbers) / sizeof(*(numbers)))

static json_t *json_of_program(const struct grf_facts *facts)
{
	json_t *object = json_object();

	put_value(&object, "path", json_of_text(facts->program));
	put_value(&object, "opened", json_of_text(facts->opened));
	put_value(&object, "deleted", json_boolean(facts->deleted));
	put_value(&object, "go_version", json_of_text(facts->go_version));
	put_value(&object, "build_id", json_of_text(facts->build_id));
	put_value(&object, "has_dwarf", json_boolean(facts->has_dwarf));
	return object;
}

static json_t *json_of_pause(const struct grf_pause *pause)
{
	static const struct json_number numbers[] = {
	    {"total_ns", offsetof(struct grf_pause, total)},
	    {"stop_ns", offsetof(struct grf_pause, stop)},
	    {"copying_ns", offsetof(struct grf_pause, copying)},
	    {"scanning_ns", offsetof(struct grf_pause, scanning)},
	    {"registers_ns", offsetof(struct grf_pause, registers)},
	    {"goroutines_ns", offsetof(struct grf_pause, goroutines)},
	    {"forking_ns", offsetof(struct grf_pause, forking)},
	    {"resume_ns", offsetof(struct grf_pause, resume)},
	};
	json_t *object = json_object();

	put_value(&object, "clock", json_string(grf_name_clock(pause->clock)));
	PUT_NUMBERS(&object, pause, numbers);
	return object;
}

static json_t *json_of_lacks(const struct grf_provenance *from)
{
	json_t *list = json_array();

	for (unsigned int i = 0; list && i < GRF_LACKS; i++) {
		json_t *lack;

		if (!from->lacks[i])
			continue;
		lack = json_object();
		put_value(&lack, "what", json_string(grf_name_lack(i)));
		put_value(&lack, "why", json_string(grf_name_reason(from->lacks[i])));
		if (json_array_append_new(list, lack)) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static json_t *json_of_provenance(const struct grf_provenance *from)
{
	static const struct json_number numbers[] = {
	    {"preparation_ns", offsetof(struct grf_provenance, preparation)},
	    {"reaping_ns", offsetof(struct grf_provenance, reaping)},
	    {"given_up_ns", offsetof(struct grf_provenance, given_up)},
	    {"copied_bytes", offsetof(struct grf_provenance, bytes)},
	    {"copied_at_stop_bytes", offsetof(struct grf_provenance, stop_bytes)},
	    {"copied_at_stop_pages", offsetof(struct grf_provenance, stop_pages)},
	    {"left_out_bytes", offsetof(struct grf_provenance, left_out)},
	    {"dead_stacks_bytes", offsetof(struct grf_provenance, dead_stacks)},
	    {"goroutine_records", offsetof(struct grf_provenance, goroutine_records)},
	    {"goroutines_expected_ns", offsetof(struct grf_provenance, goroutines_expected)},
	    {"goroutines_limit_ns", offsetof(struct grf_provenance, goroutines_limit)},
	    {"spilled_bytes", offsetof(struct grf_provenance, spilled)},
	};
	json_t *object = json_object();

	put_value(&object, "origin", json_string(grf_name_origin(from->origin)));
	if (from->origin == GRF_ORIGIN_CORE)
		return object;
	put_value(&object, "pid", json_integer(from->pid));
	put_value(&object, "host", json_of_text(from->host));
	put_value(&object, "kernel", json_of_text(from->kernel));
	put_value(&object, "taken_ns", json_integer(from->taken));
	put_value(&object, "freeze", json_string(grf_name_freeze(from->freeze)));
	put_value(&object, "copied_by", json_string(grf_name_copy(from->copied_by)));
	put_value(&object, "through_mem", json_boolean(from->through_mem));
	put_value(&object, "registers_by", json_string(grf_name_registers(from->registers_by)));
	put_value(&object, "goroutines_by", json_string(grf_name_goroutines(from->goroutines_by)));
	put_value(&object, "rounds", json_integer(from->rounds));
	PUT_NUMBERS(&object, from, numbers);
	put_value(&object, "pause", json_of_pause(&from->pause));
	put_value(&object, "lacks", json_of_lacks(from));
	return object;
}

static json_t *json_of_summary(const struct grf_facts *facts)
{
	static const struct json_number numbers[] = {
	    {"goroutines", offsetof(struct grf_facts, goroutines)},
	    {"runtime_goroutines", offsetof(struct grf_facts, runtime_goroutines)},
	    {"cut_stacks", offsetof(struct grf_facts, cut_stacks)},
	    {"allocated_objects", offsetof(struct grf_facts, allocated_objects)},
	    {"allocated_bytes", offsetof(struct grf_facts, allocated_bytes)},
	    {"heap_in_use_bytes", offsetof(struct grf_facts, heap_in_use)},
	    {"reachable_objects", offsetof(struct grf_facts, reachable_objects)},
	    {"reachable_bytes", offsetof(struct grf_facts, reachable_bytes)},
	    {"untyped_objects", offsetof(struct grf_facts, untyped_objects)},
	    {"untyped_bytes", offsetof(struct grf_facts, untyped_bytes)},
	};
	json_t *object = json_object();

	PUT_NUMBERS(&object, facts, numbers);
	if (!facts->shown)
		return object;
	put_value(&object, "shown_objects", json_of_number(facts->shown_objects));
	put_value(&object, "shown_bytes", json_of_number(facts->shown_bytes));
	return object;
}

static json_t *json_of_suspect(const struct grf_suspect *suspect)
{
	json_t *object = json_object();

	put_value(&object, "name", json_string(suspect->name));
	put_value(&object, "sentence", json_of_text(suspect->sentence));
	put_value(&object, "path", json_of_text(suspect->path));
	put_value(&object, "type", json_of_text(suspect->type));
	put_value(&object, "bytes", json_of_number(suspect->bytes));
	put_value(&object, "share", json_real(suspect->share));
	put_value(&object, "objects", json_of_number(suspect->objects));
	put_value(&object, "count", json_of_number(suspect->count));
	return object;
}

static json_t *json_of_verification(const struct grf_verification *verification)
{
	const struct grf_marks *marks = &verification->marks;
	json_t *object = json_object();

	put_value(&object, "holds", json_boolean(grf_verification_holds(verification)));
	put_value(&object, "marks",
		  json_string(!marks->at_gc_point ? "none"
			      : marks->exact      ? "second-marking"
						  : "mark-bits"));
	if (marks->at_gc_point) {
		put_value(&object, "thread", json_integer(marks->tid));
		put_value(&object, "function", json_of_text(marks->function));
	}
	return object;
}

static json_t *json_of_suspects(const struct grf_suspects *suspects)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < suspects->rows.count; i++)
		if (json_array_append_new(list, json_of_suspect(&suspects->rows.items[i]))) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

static struct grf_error *begin_json(struct grf_writer *writer)
{
	const struct grf_facts *facts = writer->facts;
	struct grf_error *error;

	writer->state = calloc(1, sizeof(struct json_state));
	if (!writer->state)
		return grf_error_no_memory();
	error = write_value(writer, "{\"schema\":", json_integer(SCHEMA_VERSION));
	if (!error)
		error = write_value(writer, ",\n\"tool\":", json_string("grf-bpf " GRF_VERSION));
	if (!error)
		error = write_value(writer, ",\n\"program\":", json_of_program(facts));
	if (!error)
		error = write_value(writer,
				    ",\n\"provenance\":", json_of_provenance(facts->provenance));
	if (!error)
		error = write_value(writer, ",\n\"summary\":", json_of_summary(facts));
	if (!error && facts->verification)
		error = write_value(
		    writer, ",\n\"verification\":", json_of_verification(facts->verification));
	if (error || !facts->suspects)
		return error;
	return write_value(writer, ",\n\"suspects\":", json_of_suspects(facts->suspects));
}

static json_t *json_of_node(const struct grf_tree *tree, uint32_t index)
{
	const struct grf_tree_node *node = &tree->nodes[index];
	json_t *object = json_object();

	put_value(&object, "id", json_integer(index));
	put_value(&object, "name", json_of_text(node->name));
	put_value(&object, "parent",
		  node->parent == GRF_TREE_NONE ? json_null() : json_integer(node->parent));
	put_value(&object, "objects", json_of_number(node->objects));
	put_value(&object, "bytes", json_of_number(node->bytes));
	if (node->untyped)
		put_value(&object, "untyped", json_true());
	if (node->parent != GRF_TREE_NONE)
		return object;
	put_value(&object, "class", json_string(grf_name_root_class(node->root_class)));
	if (node->created_by)
		put_value(&object, "created_by", json_of_text(node->created_by));
	return object;
}

/* Marks the nodes that hold objects, themselves or below. The caller frees the array. NULL: out of
 * memory. */
static bool *nodes_that_hold(const struct grf_tree *tree)
{
	bool *holds = calloc(tree->node_count + 1ul, sizeof(*holds));

	/* Parents come before their children. */
	for (uint32_t i = tree->node_count; holds && i-- > 0;) {
		holds[i] |= tree->nodes[i].objects > 0;
		if (holds[i] && tree->nodes[i].parent != GRF_TREE_NONE)
			holds[tree->nodes[i].parent] = true;
	}
	return holds;
}

static struct grf_error *write_json_tree(struct grf_writer *writer, const struct grf_tree *tree)
{
	struct grf_error *error = write_text(writer, ",\n\"tree\":[");
	bool *holds = nodes_that_hold(tree), first = true;

	if (!error && !holds)
		error = grf_error_no_memory();
	for (uint32_t i = 0; !error && i < tree->node_count; i++) {
		if (!holds[i])
			continue;
		error = write_value(writer, first ? "\n" : ",\n", json_of_node(tree, i));
		first = false;
	}
	free(holds);
	return error ? error : write_text(writer, "]");
}

static json_t *json_of_columns(const struct grf_table *table)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < table->column_count; i++) {
		json_t *column = json_object();

		put_value(&column, "name", json_string(table->columns[i].name));
		put_value(&column, "unit", json_string(grf_name_unit(table->columns[i].unit)));
		if (json_array_append_new(list, column)) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static json_t *json_of_cell(const struct grf_column *column, const union grf_cell *cell)
{
	if (column->unit == GRF_UNIT_TEXT || column->unit == GRF_UNIT_REMARK)
		return json_of_text(cell->text);
	if (column->unit == GRF_UNIT_SHARE)
		return json_real(cell->share);
	if (cell->number == GRF_CELL_UNKNOWN)
		return json_null();
	return json_of_number(cell->number);
}

static json_t *json_of_row(const struct grf_table *table, size_t index)
{
	union grf_cell cells[GRF_TABLE_COLUMNS];
	json_t *list = json_array();

	table->row(table->context, index, cells);
	for (size_t i = 0; list && i < table->column_count; i++)
		if (json_array_append_new(list, json_of_cell(&table->columns[i], &cells[i]))) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

static struct grf_error *write_json_table(struct grf_writer *writer, const struct grf_table *table)
{
	struct json_state *state = writer->state;
	struct grf_error *error;

	error = write_value(writer, state->tables++ ? ",\n" : ",\n\"tables\":{\n",
			    json_string(table->name));
	if (!error)
		error = write_value(writer, ":{\"columns\":", json_of_columns(table));
	if (!error)
		error = write_text(writer, ",\"rows\":[");
	for (size_t i = 0; !error && i < table->row_count; i++)
		error = write_value(writer, i ? ",\n" : "\n", json_of_row(table, i));
	return error ? error : write_text(writer, "]}");
}

static struct grf_error *end_json(struct grf_writer *writer)
{
	struct json_state *state = writer->state;

	return write_text(writer, state->tables ? "}}\n" : "}\n");
}

static void release_json(struct grf_writer *writer)
{
	free(writer->state);
}

const struct grf_format grf_format_json = {
    .name = "json",
    .suffix = ".json",
    .about = "one document with all of it, for programs",
    .readable = true,
    .begin = begin_json,
    .tree = write_json_tree,
    .table = write_json_table,
    .end = end_json,
    .release = release_json,
};
