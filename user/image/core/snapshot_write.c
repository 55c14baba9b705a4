/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes a snapshot from its beginning to its end; pages of zeros are skipped. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/files/mapped_file.h"
#include "base/log.h"
#include "image/core/core_notes.h"
#include "image/core/snapshot_layout.h"
#include "image/image_private.h"
#include "image/snapshot.h"

/* Written at a time, at the most. */
#define PART ((uint64_t)1 << 20)

struct writing {
	const struct grf_image_parts *parts;
	const struct grf_snapshot_sink *sink;
	uint64_t at; /* in the file */
};

static struct grf_error *write_bytes(struct writing *writing, const void *data, size_t size)
{
	writing->at += size;
	return writing->sink->write(writing->sink->context, data, size);
}

static struct grf_error *skip_to(struct writing *writing, uint64_t at)
{
	uint64_t size = at - writing->at;

	writing->at = at;
	return size ? writing->sink->skip(writing->sink->context, size) : NULL;
}

/* Bytes of [at, end), which begin with whole pages that are all zero, or of which none is, as
 * *ret_zero says. */
static uint64_t measure_alike(const uint8_t *at, uint64_t size, bool *ret_zero)
{
	uint64_t length = GRF_PAGE;

	*ret_zero = grf_is_zero(at, GRF_PAGE);
	while (length < size && length < PART && grf_is_zero(at + length, GRF_PAGE) == *ret_zero)
		length += GRF_PAGE;
	return length;
}

/* Pages that were not left out. */
static struct grf_error *write_run(struct writing *writing, const struct grf_image_range *range,
				   uint64_t start, uint64_t end)
{
	struct grf_error *error = skip_to(writing, range->offset + (start - range->start));

	for (uint64_t at = start, length; !error && at < end; at += length) {
		const uint8_t *data = range->data + (at - range->start);
		bool zero;

		if (grf_interrupted())
			return grf_error_interrupted();
		length = measure_alike(data, end - at, &zero);
		error = zero ? skip_to(writing, writing->at + length)
			     : write_bytes(writing, data, length);
	}
	return error;
}

/* What was left out is skipped; what is in use of a page is written with all of the page. */
static struct grf_error *write_range(struct writing *writing, const struct grf_image_range *range)
{
	const struct grf_image_parts *parts = writing->parts;
	size_t i = grf_run_behind(parts->left_out, parts->left_out_count, range->start);
	uint64_t at = range->start;
	struct grf_error *error = NULL;

	for (; !error && i < parts->left_out_count && parts->left_out[i].start < range->end; i++) {
		struct grf_run hole = grf_snapshot_hole(&parts->left_out[i], at, range->end);

		if (hole.start >= hole.end)
			continue;
		error = write_run(writing, range, at, hole.start);
		at = hole.end;
	}
	return error ? error : write_run(writing, range, at, range->end);
}

static struct grf_error *write_tail(struct writing *writing,
				    const struct grf_snapshot_layout *layout, const uint8_t *notes)
{
	const uint64_t size = layout->end - layout->program_headers;
	_cleanup_free_ uint8_t *tail = malloc(size);
	struct grf_error *error;

	if (!tail)
		return grf_error_no_memory();
	grf_snapshot_tail(layout, tail);
	error = skip_to(writing, layout->notes);
	if (!error)
		error = write_bytes(writing, notes, layout->note_size);
	if (!error)
		error = skip_to(writing, layout->program_headers);
	return error ? error : write_bytes(writing, tail, size);
}

/* Puts the ranges one behind the other, unless they are in the file. Returns where they end. */
static uint64_t place_ranges(struct grf_image_parts *parts)
{
	uint64_t at = GRF_SNAPSHOT_MEMORY;

	if (parts->file_end)
		return parts->file_end;

	for (size_t i = 0; i < parts->range_count; i++) {
		struct grf_image_range *range = &parts->ranges[i];

		range->offset = at;
		at += range->end - range->start;
	}
	return at;
}

/* --- files ------------------------------------------------------------------------------------ */

/* Files that go into a snapshot behind its memory. */
struct files {
	struct grf_snapshot_file items[GRF_SNAPSHOT_FILES];
	const struct grf_executable *executables[GRF_SNAPSHOT_FILES];
	size_t count;
	uint64_t end; /* in the file */
};

static void add_file(struct files *files, enum grf_snapshot_file_kind kind,
		     const struct grf_executable *executable)
{
	struct grf_snapshot_file *file = &files->items[files->count];

	if (!executable || files->count == GRF_SNAPSHOT_FILES)
		return;
	*file = (struct grf_snapshot_file){
	    .kind = kind,
	    .path = (char *)grf_executable_name(executable),
	    .offset = files->end,
	};
	grf_executable_bytes(executable, &file->size);
	files->executables[files->count++] = executable;
	files->end += (file->size + GRF_PAGE - 1) & ~(GRF_PAGE - 1);
}

static void add_files(struct files *files, const struct grf_executable *executable)
{
	struct grf_executable *const *libraries;
	size_t count;

	add_file(files, GRF_SNAPSHOT_EXECUTABLE, executable);
	add_file(files, GRF_SNAPSHOT_DEBUG, grf_executable_debug(executable));
	libraries = grf_executable_libraries(executable, &count);
	for (size_t i = 0; i < count; i++)
		add_file(files, GRF_SNAPSHOT_LIBRARY, libraries[i]);
}

static struct grf_error *write_file(struct writing *writing, const struct files *files,
				    size_t index)
{
	struct grf_error *error = skip_to(writing, files->items[index].offset);
	uint64_t size;
	const uint8_t *bytes = grf_executable_bytes(files->executables[index], &size);

	for (uint64_t at = 0, part; !error && at < size; at += part) {
		if (grf_interrupted())
			return grf_error_interrupted();
		part = size - at < PART ? size - at : PART;
		error = write_bytes(writing, bytes + at, part);
	}
	return error;
}

/* Memory, unless it is in the file, and files. */
static struct grf_error *write_contents(struct writing *writing, const struct files *files)
{
	const struct grf_image_parts *parts = writing->parts;
	struct grf_error *error = NULL;

	for (size_t i = 0; !error && !parts->file_end && i < parts->range_count; i++)
		error = write_range(writing, &parts->ranges[i]);
	for (size_t i = 0; !error && i < files->count; i++)
		error = write_file(writing, files, i);
	return error;
}

struct grf_error *grf_snapshot_write(const struct grf_image *image,
				     const struct grf_executable *executable,
				     const struct grf_snapshot_facts *facts,
				     const struct grf_snapshot_sink *sink)
{
	struct files files = {.end = place_ranges(image->parts)};
	struct writing writing = {.parts = image->parts, .sink = sink};
	struct grf_snapshot_layout layout = {0};
	struct grf_snapshot_note note = {image->parts, executable, facts, files.items, 0};
	_cleanup_free_ uint8_t *notes = NULL;
	struct grf_error *error;
	size_t note_size;
	Elf64_Ehdr header;

	if (facts->with_files)
		add_files(&files, executable);
	note.file_count = files.count;
	error = grf_core_notes_make(&note, &notes, &note_size);
	if (!error)
		error = grf_snapshot_lay_out(image->parts, files.end, note_size, &layout);
	if (error)
		return error;
	header = grf_snapshot_header(&layout, image->arch);
	error = write_bytes(&writing, &header, sizeof(header));
	if (!error)
		error = write_contents(&writing, &files);
	if (!error)
		error = write_tail(&writing, &layout, notes);
	grf_array_free(&layout.headers);
	return error ? error : grf_mapped_files_check();
}
