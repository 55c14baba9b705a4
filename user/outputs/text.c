/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plain text for people: the summary, then the indented tree, then tables. Small nodes are left out
 * and counted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "base/units.h"
#include "outputs/summary.h"
#include "outputs/wrapped.h"
#include "outputs/writer.h"

/* A node is shown when it and all nodes below it hold this share of the tree's bytes. */
#define LEAST_SHARE 0.005
/* Chains are shown to this depth. */
#define MAX_DEPTH 40u
/* A long name takes so many lines of a table in 80 columns. */
#define NARROW_LINES 6

/* The tree as it is shown: for each node the total of it and all nodes below it, the largest
 * children first. */
struct text_tree {
	FILE *stream;
	const struct grf_tree *tree;
	uint64_t *objects, *bytes; /* by node, with all below it */
	uint32_t *children;        /* of each node in turn, the roots first */
	uint32_t *first;           /* by node + 1 (0: the roots): where in `children` they begin */
};

/* Passes what is written to the stream on to the output. */
static ssize_t write_to_output(void *cookie, const char *data, size_t size)
{
	struct grf_writer *writer = cookie;
	struct grf_error *error = grf_output_write(writer->output, data, size);

	if (!error)
		return (ssize_t)size;
	if (writer->error)
		grf_error_free(error);
	else
		writer->error = error;
	errno = EIO;
	return 0;
}

static struct grf_error *begin_text(struct grf_writer *writer)
{
	cookie_io_functions_t functions = {.write = write_to_output};

	writer->state = fopencookie(writer, "w", functions);
	if (!writer->state)
		return grf_error_no_memory();
	grf_summary_print(writer->state, writer->facts);
	return NULL;
}

static bool text_tree_prepare(struct text_tree *text)
{
	size_t count = text->tree->node_count;

	text->objects = calloc(count + 1, sizeof(*text->objects));
	text->bytes = calloc(count + 1, sizeof(*text->bytes));
	text->children = calloc(count + 1, sizeof(*text->children));
	text->first = calloc(count + 2, sizeof(*text->first));
	return text->objects && text->bytes && text->children && text->first;
}

static void text_tree_release(struct text_tree *text)
{
	free(text->objects);
	free(text->bytes);
	free(text->children);
	free(text->first);
}

/* Parents come before their children. */
static void add_up(struct text_tree *text)
{
	const struct grf_tree *tree = text->tree;

	for (uint32_t i = tree->node_count; i-- > 0;) {
		uint32_t parent = tree->nodes[i].parent;

		text->objects[i] += tree->nodes[i].objects;
		text->bytes[i] += tree->nodes[i].bytes;
		if (parent == GRF_TREE_NONE)
			continue;
		text->objects[parent] += text->objects[i];
		text->bytes[parent] += text->bytes[i];
	}
}

static int by_bytes(const void *left, const void *right, void *context)
{
	const struct text_tree *text = context;
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	if (text->bytes[a] != text->bytes[b])
		return text->bytes[a] > text->bytes[b] ? -1 : 1;
	return a < b ? -1 : a > b;
}

/* Fills in `children` and `first`, and sorts the children of each node. */
static void sort_children(struct text_tree *text)
{
	const struct grf_tree *tree = text->tree;
	uint32_t count = tree->node_count, begin = 0;

	for (uint32_t i = 0; i < count; i++)
		text->first[tree->nodes[i].parent + 1]++; /* GRF_TREE_NONE + 1 is 0 */
	for (uint32_t i = 0; i <= count; i++) {
		begin += text->first[i];
		text->first[i] = begin;
	}
	for (uint32_t i = count; i-- > 0;)
		text->children[--text->first[tree->nodes[i].parent + 1]] = i;
	text->first[count + 1] = count;
	for (uint32_t i = 0; i <= count; i++)
		qsort_r(text->children + text->first[i], text->first[i + 1] - text->first[i],
			sizeof(*text->children), by_bytes, text);
}

static double share_of(const struct text_tree *text, uint64_t bytes)
{
	return text->tree->bytes ? (double)bytes / (double)text->tree->bytes : 1;
}

static void print_line(const struct text_tree *text, uint32_t depth, uint64_t bytes,
		       uint64_t objects)
{
	fprintf(text->stream, "  %10s  %5.1f%%  %12s  %*s", grf_format_bytes(bytes),
		100 * share_of(text, bytes), grf_format_count_of(objects), (int)(2 * depth), "");
}

static void print_node(const struct text_tree *text, uint32_t index)
{
	const struct grf_tree_node *node = &text->tree->nodes[index];

	print_line(text, node->depth, text->bytes[index], text->objects[index]);
	grf_text_print(text->stream, node->name);
	if (node->parent == GRF_TREE_NONE && node->created_by) {
		fputs(", created by ", text->stream);
		grf_text_print(text->stream, node->created_by);
	}
	fputc('\n', text->stream);
}

/* Prints the total of a node's small children, from `at` on. */
static void print_rest(const struct text_tree *text, uint32_t at, uint32_t end, uint32_t depth)
{
	uint64_t bytes = 0, objects = 0;

	for (uint32_t i = at; i < end; i++) {
		bytes += text->bytes[text->children[i]];
		objects += text->objects[text->children[i]];
	}
	if (!objects)
		return;
	print_line(text, depth, bytes, objects);
	fprintf(text->stream, "(%s more)\n", grf_format_count_of(end - at));
}

/* Prints the children of a node (0: the roots) and what is below them, to MAX_DEPTH. */
static void print_children(const struct text_tree *text, uint32_t parent, uint32_t depth) // NOLINT
{
	uint32_t at = text->first[parent], end = text->first[parent + 1];

	for (; at < end && depth < MAX_DEPTH; at++) {
		uint32_t child = text->children[at];

		if (share_of(text, text->bytes[child]) < LEAST_SHARE)
			break;
		print_node(text, child);
		print_children(text, child + 1, depth + 1);
	}
	print_rest(text, at, end, depth);
}

static struct grf_error *write_tree(struct grf_writer *writer, const struct grf_tree *tree)
{
	struct text_tree text = {.stream = writer->state, .tree = tree};

	if (!text_tree_prepare(&text)) {
		text_tree_release(&text);
		return grf_error_no_memory();
	}
	add_up(&text);
	sort_children(&text);
	fprintf(text.stream, "  %10s  %6s  %12s  held by\n", "bytes", "share", "objects");
	print_children(&text, 0, 0);
	fputc('\n', text.stream);
	text_tree_release(&text);
	return NULL;
}

/* Texts before the last one are filled up to so many characters. */
#define TEXT_WIDTH 28

/* How a cell of numbers reads. */
static const char *show_number(const struct grf_column *column, const union grf_cell *cell,
			       char *buffer, size_t size)
{
	switch (column->unit) {
	case GRF_UNIT_TEXT:
	case GRF_UNIT_REMARK:
		break;
	case GRF_UNIT_SHARE:
		snprintf(buffer, size, "%.1f%%", 100 * cell->share);
		return buffer;
	case GRF_UNIT_BYTES:
	case GRF_UNIT_COUNT:
	case GRF_UNIT_TIME:
		if (cell->number == GRF_CELL_UNKNOWN)
			return "-";
		return column->unit == GRF_UNIT_BYTES   ? grf_format_bytes(cell->number)
		       : column->unit == GRF_UNIT_COUNT ? grf_format_count_of(cell->number)
							: grf_format_time(cell->number);
	}
	return "";
}

static const char *show_text(const union grf_cell *cell)
{
	return cell->text ? cell->text : "-";
}

/* How wide columns are, by what is in them. */
static void find_widths(const struct grf_table *table, int *widths)
{
	union grf_cell cells[GRF_TABLE_COLUMNS];
	char buffer[40];

	for (size_t i = 0; i < table->column_count; i++)
		widths[i] = (int)strlen(table->columns[i].name);
	for (size_t row = 0; row < table->row_count; row++) {
		table->row(table->context, row, cells);
		for (size_t i = 0; i < table->column_count; i++) {
			const struct grf_column *column = &table->columns[i];
			bool text = column->unit == GRF_UNIT_TEXT;
			size_t width =
			    strlen(text ? show_text(&cells[i])
					: show_number(column, &cells[i], buffer, sizeof(buffer)));

			if (text && width > TEXT_WIDTH)
				width = TEXT_WIDTH;
			if ((int)width > widths[i])
				widths[i] = (int)width;
		}
	}
}

static size_t last_text(const struct grf_table *table)
{
	size_t last = 0;

	for (size_t i = 0; i < table->column_count; i++)
		if (table->columns[i].unit != GRF_UNIT_REMARK)
			last = i;
	return last;
}

/* Prints a text; one that is not the last of its row is filled up. */
static void print_text(FILE *stream, const char *text, int width, bool last)
{
	fputs("  ", stream);
	grf_text_print(stream, text);
	if (!last)
		fprintf(stream, "%*s", width > (int)strlen(text) ? width - (int)strlen(text) : 0,
			"");
}

static void print_row(FILE *stream, const struct grf_table *table, const union grf_cell *cells,
		      const int *widths)
{
	size_t last = last_text(table);
	char buffer[40];

	for (size_t i = 0; i <= last && table->column_count; i++) {
		const struct grf_column *column = &table->columns[i];

		if (column->unit == GRF_UNIT_TEXT)
			print_text(stream, show_text(&cells[i]), widths[i], i == last);
		else if (column->unit != GRF_UNIT_REMARK)
			fprintf(stream, "  %*s", widths[i],
				show_number(column, &cells[i], buffer, sizeof(buffer)));
	}
	fputc('\n', stream);
}

/* Prints what more is said of a row, each on a line. */
static void print_remarks(FILE *stream, const struct grf_table *table, const union grf_cell *cells)
{
	for (size_t i = 0; i < table->column_count; i++) {
		if (table->columns[i].unit != GRF_UNIT_REMARK || !cells[i].text)
			continue;
		fputs("      ", stream);
		for (const char *at = table->columns[i].name; *at; at++)
			fputc(*at == '_' ? ' ' : *at, stream);
		fputs(": ", stream);
		grf_text_print(stream, cells[i].text);
		fputc('\n', stream);
	}
}

static void print_head(FILE *stream, const struct grf_table *table, const int *widths)
{
	size_t last = last_text(table);

	fprintf(stream, "%s\n", table->title);
	for (size_t i = 0; i <= last && table->column_count; i++)
		if (table->columns[i].unit == GRF_UNIT_TEXT)
			print_text(stream, table->columns[i].name, widths[i], i == last);
		else if (table->columns[i].unit != GRF_UNIT_REMARK)
			fprintf(stream, "  %*s", widths[i], table->columns[i].name);
	fputc('\n', stream);
}

/* Prints a row in 80 columns: the text with the remark behind it. */
static void print_narrow_row(FILE *stream, const struct grf_table *table,
			     const union grf_cell *cells, const int *widths)
{
	const char *text = "-", *remark = NULL;
	char *both = NULL, buffer[40];
	int indent = 2;

	for (size_t i = 0; i < table->column_count; i++) {
		if (table->columns[i].unit == GRF_UNIT_TEXT) {
			text = show_text(&cells[i]);
		} else if (table->columns[i].unit == GRF_UNIT_REMARK) {
			remark = cells[i].text;
		} else {
			fprintf(stream, "  %*s", widths[i],
				show_number(&table->columns[i], &cells[i], buffer, sizeof(buffer)));
			indent += 2 + widths[i];
		}
	}
	if (remark && asprintf(&both, "%s, %s", text, remark) < 0)
		both = NULL;
	fputs("  ", stream);
	if (table->ways)
		grf_print_way(stream, both ? both : text, indent, NARROW_LINES);
	else
		grf_print_wrapped(stream, both ? both : text, indent, NARROW_LINES);
	free(both);
}

static struct grf_error *write_table(struct grf_writer *writer, const struct grf_table *given)
{
	FILE *stream = writer->state;
	struct grf_table shown = *given, *table = &shown;
	union grf_cell cells[GRF_TABLE_COLUMNS];
	int widths[GRF_TABLE_COLUMNS] = {0};

	if (table->people_columns)
		table->column_count = table->people_columns;
	find_widths(table, widths);
	print_head(stream, table, widths);
	for (size_t row = 0; row < table->row_count; row++) {
		table->row(table->context, row, cells);
		if (table->people_columns) {
			print_narrow_row(stream, table, cells, widths);
			continue;
		}
		print_row(stream, table, cells, widths);
		print_remarks(stream, table, cells);
	}
	if (table->left_out)
		fprintf(stream, "  (%s more)\n", grf_format_count_of(table->left_out));
	fputc('\n', stream);
	return NULL;
}

static struct grf_error *end_text(struct grf_writer *writer)
{
	struct grf_error *error;

	if (!fflush(writer->state) && !ferror(writer->state))
		return NULL;
	error = writer->error;
	writer->error = NULL;
	return error ? error : grf_error_errno(GRF_ERROR_OUTPUT, errno, "write the text");
}

static void release_text(struct grf_writer *writer)
{
	if (writer->state)
		fclose(writer->state);
	grf_error_free(writer->error);
}

const struct grf_format grf_format_text = {
    .name = "text",
    .suffix = ".txt",
    .about = "the summary, the owners and the tree, for people",
    .readable = true,
    .has_summary = true,
    .begin = begin_text,
    .tree = write_tree,
    .table = write_table,
    .end = end_text,
    .release = release_text,
};
