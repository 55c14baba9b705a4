/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF cores. The file is mapped and its segments point into the map, at whatever alignment the
 * writer chose (gdb does not align them). What a core leaves out is added behind: the executable's
 * file-backed pages come from the executable, other memory that is larger in the process than in
 * the file reads as zero.
 */
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/code_place.h"
#include "image/core/core_headers.h"
#include "image/core/core_ids.h"
#include "image/core/core_notes.h"
#include "image/executable/debuginfod.h"
#include "image/image_private.h"

/* Zero memory beyond this is not taken from a core: nothing of a process is as large. */
#define MAX_ZERO ((uint64_t)1 << 46)

struct core_reader {
	const char *path;
	struct grf_core_headers headers;
	struct grf_image *image;
	struct grf_executable *executable;
	struct grf_note own; /* of a snapshot; `data` NULL: none */
	struct grf_core_program program;
	bool no_memory;
};

/* Both are of one architecture. */
static struct grf_error *check_arch(const struct core_reader *reader)
{
	const struct grf_arch *mine = grf_executable_arch(reader->executable);
	const struct grf_arch *theirs = reader->headers.arch;

	if (mine == theirs)
		return NULL;
	return grf_error_create(
	    GRF_ERROR_MISMATCH,
	    "%s and %s do not belong together: %s is for %s, %s of a process of %s",
	    grf_executable_path(reader->executable), reader->path,
	    grf_executable_path(reader->executable), mine->name, reader->path, theirs->name);
}

static void take_thread(struct core_reader *reader, const struct grf_note *note)
{
	const struct grf_arch *arch = reader->image->arch;
	uint64_t registers[GRF_GENERAL_REGISTERS];
	size_t size = arch->registers.count * sizeof(*registers);
	struct grf_thread *thread;

	if (note->size < GRF_STATUS_SIZE + size)
		return;
	memcpy(registers, note->data + GRF_STATUS_REGISTERS, size);
	thread = grf_array_add(&reader->image->threads);
	if (!thread) {
		reader->no_memory = true;
		return;
	}
	grf_thread_set(thread, arch, (pid_t)grf_load_u32(note->data + GRF_STATUS_TID), registers);
}

static void take_auxv(struct core_reader *reader, const struct grf_note *note)
{
	for (size_t at = 0; at + 16 <= note->size; at += 8) {
		uint64_t *word = grf_array_add(&reader->image->auxv);

		if (!word) {
			reader->no_memory = true;
			return;
		}
		*word = grf_load_u64(note->data + at);
	}
}

/* NT_FILE: count, page size, count times {start, end, offset in pages}, count names. */
static void take_files(struct core_reader *reader, const struct grf_note *note)
{
	uint64_t count, page;
	const char *name, *end = (const char *)note->data + note->size;

	if (note->size < 16)
		return;
	count = grf_load_u64(note->data);
	page = grf_load_u64(note->data + 8);
	if (count > (note->size - 16) / 24)
		return;
	name = (const char *)note->data + 16 + count * 24;
	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *entry = note->data + 16 + i * 24;
		const char *next = memchr(name, '\0', (size_t)(end - name));
		struct grf_mapping *mapping = next ? grf_array_add(&reader->image->mappings) : NULL;

		if (!mapping)
			return;
		*mapping = (struct grf_mapping){grf_load_u64(entry), grf_load_u64(entry + 8),
						grf_load_u64(entry + 16) * page, name};
		name = next + 1;
	}
}

/* The kernel and gdb name "CORE" as the owner of these notes, dlv names nobody. */
static bool is_core_note(const struct grf_note *note, uint32_t type)
{
	return grf_note_is(note, "CORE", type) || grf_note_is(note, "", type);
}

static void take_note(void *context, const struct grf_note *note)
{
	struct core_reader *reader = context;

	if (is_core_note(note, NT_PRSTATUS))
		take_thread(reader, note);
	else if (is_core_note(note, NT_AUXV))
		take_auxv(reader, note);
	else if (is_core_note(note, NT_FILE))
		take_files(reader, note);
	else if (!reader->own.data &&
		 grf_note_is(note, GRF_SNAPSHOT_NOTE_NAME, GRF_SNAPSHOT_NOTE_TYPE))
		reader->own = *note;
}

static uint32_t segment_flags(uint32_t flags)
{
	return (flags & PF_R ? GRF_SEGMENT_READ : 0) | (flags & PF_W ? GRF_SEGMENT_WRITE : 0) |
	       (flags & PF_X ? GRF_SEGMENT_EXECUTE : 0);
}

static struct grf_error *read_notes(struct core_reader *reader)
{
	struct grf_error *error;

	grf_core_notes_each(&reader->headers, take_note, reader);
	if (reader->no_memory)
		return grf_error_no_memory();
	if (!reader->own.data)
		return NULL;
	error = grf_snapshot_note_read(reader->own.data, reader->own.size, reader->path,
				       &reader->image->parts, &reader->program);
	if (error)
		return error;
	reader->image->provenance = reader->image->parts->provenance;
	return grf_core_headers_check(&reader->headers, true);
}

/* What a snapshot left out is a hole of the file, so that memory is in one piece. */
static struct grf_error *read_segments(struct core_reader *reader)
{
	for (uint64_t i = 0; i < reader->headers.count; i++) {
		Elf64_Phdr header = grf_core_header(&reader->headers, i);
		uint64_t size = reader->own.data ? header.p_memsz : header.p_filesz;

		if (header.p_type == PT_LOAD &&
		    !grf_image_add(reader->image, header.p_vaddr, header.p_vaddr + size,
				   segment_flags(header.p_flags),
				   reader->headers.file->memory + header.p_offset))
			return grf_error_no_memory();
	}
	return NULL;
}

/* All that the file itself says. */
static struct grf_error *read_memory(struct core_reader *reader)
{
	struct grf_error *error = grf_core_headers_check(&reader->headers, false);

	if (!error)
		error = read_notes(reader);
	if (!error)
		error = read_segments(reader);
	return error ? error : grf_image_finish(reader->image, NULL);
}

/* Whether a file is mapped there: what the core left out of it is the file's, not zero. */
static bool is_file_backed(const struct grf_image *image, uint64_t start)
{
	for (size_t i = 0; i < image->mappings.count; i++)
		if (start >= image->mappings.items[i].start && start < image->mappings.items[i].end)
			return true;
	return false;
}

/* Memory larger than its bytes in the file: zero, unless a file or the executable is there. */
static struct grf_error *add_zeros(struct core_reader *reader)
{
	for (uint64_t i = 0; i < reader->headers.count; i++) {
		Elf64_Phdr header = grf_core_header(&reader->headers, i);
		uint64_t start = header.p_vaddr + header.p_filesz;
		uint64_t end = header.p_vaddr + header.p_memsz;

		if (header.p_type != PT_LOAD || start >= end || end - start > MAX_ZERO ||
		    is_file_backed(reader->image, start) || grf_image_find(reader->image, start))
			continue;
		if (!grf_image_add_zero(reader->image, start, end, segment_flags(header.p_flags)))
			return grf_error_no_memory();
	}
	return NULL;
}

/* Where the program headers were in the process, as the kernel told it. */
static bool find_headers(const struct grf_image *image, uint64_t *ret, uint64_t *ret_count)
{
	uint64_t size;

	return grf_image_auxv(image, AT_PHDR, ret) && grf_image_auxv(image, AT_PHNUM, ret_count) &&
	       grf_image_auxv(image, AT_PHENT, &size) && size == sizeof(Elf64_Phdr);
}

/* The build ids of the executable that the process had mapped: those that a snapshot names, or, as
 * far as the core has its first page, what is there. */
static void find_ids(struct core_reader *reader)
{
	uint64_t base = grf_executable_bias(reader->executable), count = 0;
	uint64_t headers;

	if (reader->own.data)
		return;
	if (grf_executable_is_placed(reader->executable))
		headers = base + grf_executable_headers(reader->executable, &count);
	else if (!find_headers(reader->image, &headers, &count))
		return;
	grf_core_ids_find(reader->image, headers, count, base, &reader->program);
}

/* By the ids that both have: Go's, or those of the linker. */
static struct grf_error *mismatch_error(const struct core_reader *reader)
{
	const struct grf_core_program *program = &reader->program;
	const char *mine = grf_executable_go_build_id(reader->executable);
	const char *theirs = program->go_build_id;
	char my_hex[2 * GRF_MAX_BUILD_ID + 1], their_hex[2 * GRF_MAX_BUILD_ID + 1];

	if (!*mine || !*theirs) {
		size_t size;
		const uint8_t *id = grf_executable_gnu_build_id(reader->executable, &size);

		grf_build_id_print(id, size < GRF_MAX_BUILD_ID ? size : GRF_MAX_BUILD_ID, my_hex);
		grf_build_id_print(program->gnu_build_id, program->gnu_build_id_size, their_hex);
		mine = my_hex;
		theirs = their_hex;
	}
	return grf_error_create(
	    GRF_ERROR_MISMATCH,
	    "%s and %s do not belong together: build id %.64s in the executable, "
	    "%.64s in the core; give the executable that the process ran",
	    grf_executable_path(reader->executable), reader->path, mine, theirs);
}

/* A core that holds no build id may still hold the build info, which Go keeps in writable memory:
 * the same in the file and in every process that runs it. */
static struct grf_error *compare_build_info(const struct core_reader *reader)
{
	const char *path = grf_executable_path(reader->executable);
	struct grf_section section;
	const uint8_t *theirs;

	if (!grf_executable_section(reader->executable, ".go.buildinfo", &section) ||
	    !section.address)
		return NULL;
	theirs = grf_image_at(
	    reader->image, section.address + grf_executable_bias(reader->executable), section.size);
	if (!theirs) {
		grf_verbose("%s holds no build id; whether %s belongs to it is not checked",
			    reader->path, path);
		return NULL;
	}
	/* From Go 1.18 on the strings follow in place; before, there are pointers. */
	if (section.size > 32 && section.data[15] & 2 &&
	    memcmp(theirs, section.data, section.size) != 0)
		return grf_error_create(
		    GRF_ERROR_MISMATCH,
		    "%s and %s do not belong together: their build info differs; "
		    "give the executable that the process ran",
		    path, reader->path);
	return NULL;
}

/* Whether the executable is the C program that had loaded the Go library that a snapshot is of. */
static bool is_host(const struct core_reader *reader)
{
	return reader->program.placed && *reader->program.go_build_id &&
	       !*grf_executable_go_build_id(reader->executable);
}

static struct grf_error *compare_ids(struct core_reader *reader)
{
	bool known, same;

	if (is_host(reader))
		return NULL;
	find_ids(reader);
	same = grf_core_program_is(&reader->program, reader->executable, &known);
	if (!known)
		return compare_build_info(reader);
	return same ? NULL : mismatch_error(reader);
}

/* Where the executable was, and what the process called it. */
static struct grf_error *place_executable(struct core_reader *reader)
{
	const struct grf_core_program *program = &reader->program;

	if (is_host(reader))
		return grf_image_set_bias(reader->image, reader->executable);
	if (program->placed && !grf_executable_is_placed(reader->executable))
		grf_executable_place_at(reader->executable, program->bias);
	if (program->path &&
	    !grf_executable_set_name(reader->executable, program->path, program->deleted))
		return grf_error_no_memory();
	grf_code_place_in_image(reader->image, reader->executable);
	return grf_image_set_bias(reader->image, reader->executable);
}

static struct grf_error *read_core(struct core_reader *reader)
{
	/* Sorted without the executable first: its build id is looked for in the core itself. */
	struct grf_error *error = read_memory(reader);

	if (!error)
		error = place_executable(reader);
	if (!error)
		error = compare_ids(reader);
	if (!error)
		error = grf_image_finish(reader->image, reader->executable);
	if (!error)
		error = add_zeros(reader);
	if (!error)
		error = grf_image_finish(reader->image, NULL);
	if (!error && !reader->image->threads.count)
		grf_verbose(
		    "%s has no threads: goroutines that were running are read as they stood "
		    "when they were last scheduled",
		    reader->path);
	return error;
}

struct grf_error *grf_image_of_core_file(struct grf_core_file *file,
					 struct grf_executable *executable, struct grf_image **ret)
{
	struct core_reader reader = {.path = file->path, .executable = executable};
	_cleanup_image_ struct grf_image *image = NULL;
	struct grf_error *error = grf_core_headers_read(file, &reader.headers);

	if (!error)
		error = check_arch(&reader);
	if (error)
		return error;
	image = grf_image_new(reader.headers.arch);
	if (!image)
		return grf_error_no_memory();
	image->file = grf_core_file_use(file);
	reader.image = image;
	error = read_core(&reader);
	grf_core_program_free(&reader.program);
	if (!error)
		*ret = grf_take(image);
	return error;
}

struct grf_error *grf_image_open_core(const char *path, struct grf_executable *executable,
				      struct grf_image **ret)
{
	_cleanup_core_file_ struct grf_core_file *file = NULL;
	struct grf_error *error = grf_core_file_open(path, &file);

	return error ? error : grf_image_of_core_file(file, executable, ret);
}

/* The path of the file that is mapped at an address; NULL: none is. */
static const char *path_at(const struct grf_image *image, uint64_t address)
{
	for (size_t i = 0; i < image->mappings.count; i++) {
		const struct grf_mapping *mapping = &image->mappings.items[i];

		if (address >= mapping->start && address < mapping->end)
			return mapping->path;
	}
	return NULL;
}

/* By how many bytes the program was moved whose headers stand at an address. False: they do not
 * say, or are not there. */
static bool bias_of_headers(const struct grf_image *image, uint64_t headers, uint64_t count,
			    uint64_t *ret)
{
	for (uint64_t i = 0; i < count && i < PN_XNUM; i++) {
		const uint8_t *at =
		    grf_image_at(image, headers + i * sizeof(Elf64_Phdr), sizeof(Elf64_Phdr));
		Elf64_Phdr header;

		if (!at)
			return false;
		memcpy(&header, at, sizeof(header));
		*ret = headers - header.p_vaddr;
		if (header.p_type == PT_PHDR)
			return true;
	}
	return false;
}

/* What a core that is no snapshot tells of its program. */
static struct grf_error *find_program(struct core_reader *reader)
{
	struct grf_core_program *program = &reader->program;
	uint64_t entry, headers, count, bias;
	const char *path;

	path =
	    grf_image_auxv(reader->image, AT_ENTRY, &entry) ? path_at(reader->image, entry) : NULL;
	if (path && *path && !(program->path = strdup(path)))
		return grf_error_no_memory();
	if (find_headers(reader->image, &headers, &count) &&
	    bias_of_headers(reader->image, headers, count, &bias))
		grf_core_ids_find(reader->image, headers, count, bias, program);
	return NULL;
}

struct grf_error *grf_core_program_read(struct grf_core_file *file, struct grf_core_program *ret)
{
	struct core_reader reader = {.path = file->path};
	_cleanup_image_ struct grf_image *image = NULL;
	struct grf_error *error = grf_core_headers_read(file, &reader.headers);

	if (error)
		return error;
	reader.image = image = grf_image_new(reader.headers.arch);
	if (!image)
		return grf_error_no_memory();
	image->file = grf_core_file_use(file);
	error = read_memory(&reader);
	if (!error && !reader.own.data)
		error = find_program(&reader);
	if (error)
		grf_core_program_free(&reader.program);
	else
		*ret = reader.program;
	return error;
}
