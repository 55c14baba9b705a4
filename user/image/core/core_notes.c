/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes notes one behind the other into a stream in memory. */
#include "image/core/core_notes.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* struct elf_prpsinfo (linux/elfcore.h) of 64-bit architectures. */
#define INFO_STATE     1
#define INFO_PID       24
#define INFO_NAME      40
#define INFO_NAME_SIZE 16
#define INFO_ARGUMENTS 56
#define INFO_BYTES     136

static void pad_note(FILE *stream, size_t size)
{
	fwrite("\0\0\0", 1, -size & 3, stream);
}

static void put_note(FILE *stream, const char *name, uint32_t type, const void *data, size_t size)
{
	const uint32_t words[] = {(uint32_t)strlen(name) + 1, (uint32_t)size, type};

	fwrite(words, sizeof(words), 1, stream);
	fwrite(name, words[0], 1, stream);
	pad_note(stream, words[0]);
	if (size)
		fwrite(data, size, 1, stream);
	pad_note(stream, size);
}

static void put_thread(FILE *stream, const struct grf_thread *thread)
{
	uint8_t status[GRF_STATUS_SIZE + sizeof(thread->general)] = {0};
	const size_t size = thread->general_count * sizeof(*thread->general);

	memcpy(status + GRF_STATUS_TID, &thread->tid, 4);
	memcpy(status + GRF_STATUS_REGISTERS, thread->general, size);
	put_note(stream, "CORE", NT_PRSTATUS, status, GRF_STATUS_SIZE + size);
}

static void put_process(FILE *stream, const struct grf_snapshot_note *note)
{
	const char *path = grf_executable_name(note->executable), *slash = strrchr(path, '/');
	uint8_t info[INFO_BYTES] = {0};

	info[INFO_STATE] = 'R';
	memcpy(info + INFO_PID, &note->parts->provenance.pid, 4);
	snprintf((char *)info + INFO_NAME, INFO_NAME_SIZE, "%s", slash ? slash + 1 : path);
	snprintf((char *)info + INFO_ARGUMENTS, INFO_BYTES - INFO_ARGUMENTS, "%s", path);
	put_note(stream, "CORE", NT_PRPSINFO, info, sizeof(info));
}

/* NT_FILE: count, page size, count times {start, end, offset in pages}, count names. */
static struct grf_error *put_files(FILE *stream, const struct grf_image_parts *parts)
{
	_cleanup_free_ char *data = NULL;
	size_t size;
	FILE *files = open_memstream(&data, &size);

	if (!files)
		return grf_error_no_memory();
	fwrite(((uint64_t[]){parts->mapping_count, GRF_PAGE}), 16, 1, files);
	for (size_t i = 0; i < parts->mapping_count; i++) {
		const struct grf_mapping *mapping = &parts->mappings[i];

		fwrite(
		    ((uint64_t[]){mapping->start, mapping->end, mapping->file_offset / GRF_PAGE}),
		    24, 1, files);
	}
	for (size_t i = 0; i < parts->mapping_count; i++)
		fwrite(parts->mappings[i].path, strlen(parts->mappings[i].path) + 1, 1, files);
	if (fclose(files))
		return grf_error_no_memory();
	put_note(stream, "CORE", NT_FILE, data, size);
	return NULL;
}

static struct grf_error *put_own(FILE *stream, const struct grf_snapshot_note *note)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t size;
	struct grf_error *error = grf_snapshot_note_pack(note, &data, &size);

	if (error)
		return error;
	put_note(stream, GRF_SNAPSHOT_NOTE_NAME, GRF_SNAPSHOT_NOTE_TYPE, data, size);
	return NULL;
}

struct grf_error *grf_core_notes_make(const struct grf_snapshot_note *note, uint8_t **ret,
				      size_t *ret_size)
{
	const struct grf_image_parts *parts = note->parts;
	FILE *stream = open_memstream((char **)ret, ret_size);
	struct grf_error *error;

	*ret = NULL;
	if (!stream)
		return grf_error_no_memory();
	for (size_t i = 0; i < parts->thread_count; i++) {
		put_thread(stream, &parts->threads[i]);
		if (!i)
			put_process(stream, note);
	}
	put_note(stream, "CORE", NT_AUXV, parts->auxv, parts->auxv_count * sizeof(*parts->auxv));
	error = put_files(stream, parts);
	if (!error)
		error = put_own(stream, note);
	if (fclose(stream) && !error)
		error = grf_error_no_memory();
	if (error) {
		free(*ret);
		*ret = NULL;
	}
	return error;
}
