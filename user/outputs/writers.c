/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of formats, and the calls that lead a writer through its steps in order. A new format
 * is one file and one row here.
 */
#include <assert.h>
#include <string.h>

#include "base/files/mapped_file.h"
#include "outputs/writer.h"

const struct grf_format *const grf_formats[] = {
    &grf_format_pprof,
    &grf_format_text,
    &grf_format_json,
    NULL,
};
const size_t grf_format_count = sizeof(grf_formats) / sizeof(*grf_formats) - 1;

const struct grf_format *grf_format_find(const struct grf_format *const *formats, const char *name)
{
	for (; *formats; formats++)
		if (!strcmp((*formats)->name, name))
			return *formats;
	return NULL;
}

const struct grf_format *grf_format_of_path(const struct grf_format *const *formats,
					    const char *path)
{
	size_t length = strlen(path);

	for (size_t i = 0; formats[i]; i++) {
		size_t suffix = strlen(formats[i]->suffix);

		if (length > suffix && !strcmp(path + length - suffix, formats[i]->suffix))
			return formats[i];
	}
	return formats[0];
}

struct grf_error *grf_writer_begin(struct grf_writer *writer, const struct grf_format *format,
				   struct grf_output *output, const struct grf_facts *facts)
{
	*writer = (struct grf_writer){.format = format, .output = output, .facts = facts};
	return format->begin ? format->begin(writer) : NULL;
}

struct grf_error *grf_writer_tree(struct grf_writer *writer, const struct grf_tree *tree)
{
	assert(writer->format && "between begin and end");
	return writer->format->tree ? writer->format->tree(writer, tree) : NULL;
}

struct grf_error *grf_writer_table(struct grf_writer *writer, const struct grf_table *table)
{
	assert(writer->format && "between begin and end");
	assert(table->column_count && table->column_count <= GRF_TABLE_COLUMNS);
	return writer->format->table ? writer->format->table(writer, table) : NULL;
}

struct grf_error *grf_writer_end(struct grf_writer *writer, struct grf_error *error)
{
	const struct grf_format *format = writer->format;

	assert(format && "once after begin");
	if (!error && format->end)
		error = format->end(writer);
	if (format->release)
		format->release(writer);
	writer->format = NULL;
	/* All files that names come from have been read by now. */
	return error ? error : grf_mapped_files_check();
}
