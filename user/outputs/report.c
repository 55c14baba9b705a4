/* SPDX-License-Identifier: BSD-2-Clause */
/* Leads the trees and tables of views through a writer. */
#include "outputs/report.h"

static struct grf_error *write_rows(struct grf_writer *writer, const struct grf_view *view,
				    const struct grf_table *given, size_t rows)
{
	struct grf_table table = *given;
	size_t most = rows ? rows : view->people_rows;

	if (most && table.row_count > most) {
		/* What a command shows says how many more it could. */
		if (view->about)
			table.left_out += table.row_count - most;
		table.row_count = most;
	}
	return grf_writer_table(writer, &table);
}

static struct grf_error *write_for_people(struct grf_writer *writer,
					  const struct grf_view_result *result, size_t rows)
{
	struct grf_error *error = NULL;

	if (result->view->in_summary)
		return NULL;
	if (result->tree)
		return grf_writer_tree(writer, result->tree);
	for (size_t i = 0; !error && i < result->table_count; i++)
		error = write_rows(writer, result->view, &result->tables[i], rows);
	return error;
}

/* With labels where the format has them, and there are not too many samples by that. */
static const struct grf_tree *tree_of(const struct grf_writer *writer,
				      const struct grf_view_result *result)
{
	bool labelled =
	    writer->format->labels && result->labelled &&
	    (!writer->max_samples || grf_tree_samples(result->labelled) <= writer->max_samples);

	return labelled ? result->labelled : result->tree;
}

static struct grf_error *write_for_programs(struct grf_writer *writer,
					    const struct grf_view_results *views)
{
	struct grf_error *error = NULL;

	for (size_t i = 0; !error && i < views->count; i++)
		if (views->items[i].tree)
			error = grf_writer_tree(writer, tree_of(writer, &views->items[i]));
	for (size_t i = 0; !error && i < views->count; i++)
		for (size_t k = 0; !error && k < views->items[i].table_count; k++)
			error = grf_writer_table(writer, &views->items[i].tables[k]);
	return error;
}

struct grf_error *grf_report_write(struct grf_output *output, const struct grf_format *format,
				   const struct grf_facts *facts,
				   const struct grf_view_results *views,
				   const struct grf_limits *limits,
				   struct grf_folded_samples *ret_folded)
{
	struct grf_writer writer;
	struct grf_error *error = grf_writer_begin(&writer, format, output, facts);

	writer.max_samples = limits->samples;
	if (!error && !format->has_summary)
		error = write_for_programs(&writer, views);
	else
		for (size_t i = 0; !error && i < views->count; i++)
			error = write_for_people(&writer, &views->items[i], limits->rows);
	*ret_folded = writer.folded;
	return grf_writer_end(&writer, error);
}
