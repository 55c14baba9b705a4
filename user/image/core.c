/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF cores. The file is mapped and its segments point into the map, at whatever alignment the
 * writer chose (gdb does not align them). What a core leaves out is added behind: the executable's
 * file-backed pages come from the executable, other memory that is larger in the process than in
 * the file reads as zero.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "base/files/mapped_file.h"
#include "base/files/regular_file.h"
#include "base/log.h"
#include "image/code_place.h"
#include "image/executable/notes.h"
#include "image/image_private.h"

/* Zero memory beyond this is not taken from a core: nothing of a process is as large. */
#define MAX_ZERO ((uint64_t)1 << 46)

/* struct elf_prstatus (linux/elfcore.h), the same on all 64-bit architectures: where the id of the
 * thread and its registers are, and how long it is without them. */
#define STATUS_TID       32
#define STATUS_REGISTERS 112
#define STATUS_BYTES     120

struct core_reader {
	const char *path;
	const uint8_t *file;
	uint64_t size;
	Elf64_Ehdr header;
	uint64_t segment_count;
	struct grf_image *image;
	struct grf_executable *executable;
	bool no_memory;
};

static struct grf_error *truncated_error(const struct core_reader *reader, uint64_t wanted)
{
	return grf_error_create(GRF_ERROR_BAD_INPUT,
				"%s is truncated: %llu of %llu bytes are missing; take the core "
				"again, with enough room on the disk",
				reader->path, (unsigned long long)(wanted - reader->size),
				(unsigned long long)wanted);
}

static struct grf_error *broken_headers(const struct core_reader *reader)
{
	return grf_error_create(GRF_ERROR_BAD_INPUT, "%s: its program headers are broken",
				reader->path);
}

/* Both are of one architecture. */
static struct grf_error *check_arch(const struct core_reader *reader)
{
	const struct grf_arch *mine = grf_executable_arch(reader->executable), *theirs;
	struct grf_error *error = grf_arch_of_elf(reader->file, reader->path, &theirs);

	if (error || mine == theirs)
		return error;
	return grf_error_create(
	    GRF_ERROR_MISMATCH,
	    "%s and %s do not belong together: %s is for %s, %s of a process of %s",
	    grf_executable_path(reader->executable), reader->path,
	    grf_executable_path(reader->executable), mine->name, reader->path, theirs->name);
}

static struct grf_error *read_header(struct core_reader *reader)
{
	Elf64_Ehdr *header = &reader->header;
	struct grf_error *error;

	if (reader->size < sizeof(*header))
		return grf_error_create(GRF_ERROR_BAD_INPUT, "%s is not a core file", reader->path);
	memcpy(header, reader->file, sizeof(*header));
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_type != ET_CORE)
		return grf_error_create(GRF_ERROR_BAD_INPUT,
					"%s is not a core file; the order is EXE CORE",
					reader->path);
	error = check_arch(reader);
	if (error)
		return error;
	if (header->e_phentsize != sizeof(Elf64_Phdr))
		return broken_headers(reader);
	reader->segment_count = header->e_phnum;
	/* More than 16 bits can count: the first section header tells. */
	if (header->e_phnum == PN_XNUM) {
		Elf64_Shdr first;

		if (header->e_shoff > UINT64_MAX - sizeof(first))
			return broken_headers(reader);
		if (header->e_shoff > reader->size ||
		    reader->size - header->e_shoff < sizeof(first))
			return truncated_error(reader, header->e_shoff + sizeof(first));
		memcpy(&first, reader->file + header->e_shoff, sizeof(first));
		reader->segment_count = first.sh_info;
	}
	/* The number is of 32 bits. */
	if (header->e_phoff > INT64_MAX)
		return broken_headers(reader);
	if (header->e_phoff > reader->size ||
	    reader->segment_count > (reader->size - header->e_phoff) / sizeof(Elf64_Phdr))
		return truncated_error(reader, header->e_phoff +
						   reader->segment_count * sizeof(Elf64_Phdr));
	return NULL;
}

static Elf64_Phdr segment_header(const struct core_reader *reader, uint64_t index)
{
	Elf64_Phdr header;

	memcpy(&header, reader->file + reader->header.e_phoff + index * sizeof(header),
	       sizeof(header));
	return header;
}

static struct grf_error *check_lengths(const struct core_reader *reader)
{
	uint64_t end = 0, loaded = 0;

	for (uint64_t i = 0; i < reader->segment_count; i++) {
		Elf64_Phdr header = segment_header(reader, i);

		if (header.p_type != PT_LOAD && header.p_type != PT_NOTE)
			continue;
		if (header.p_offset + header.p_filesz < header.p_offset ||
		    header.p_vaddr + header.p_memsz < header.p_vaddr)
			return grf_error_create(GRF_ERROR_BAD_INPUT,
						"%s: segment %llu wraps around the address space",
						reader->path, (unsigned long long)i);
		if (header.p_offset + header.p_filesz > end)
			end = header.p_offset + header.p_filesz;
		if (header.p_filesz <= reader->size)
			loaded += header.p_filesz;
		/* A byte of the file is at one address; else few of them would make any amount of
		 * memory. */
		if (loaded / 2 > reader->size && end <= reader->size)
			return grf_error_create(GRF_ERROR_BAD_INPUT,
						"%s: its segments overlap in the file",
						reader->path);
	}
	return end > reader->size ? truncated_error(reader, end) : NULL;
}

static void take_thread(struct core_reader *reader, const struct grf_note *note)
{
	const struct grf_arch *arch = reader->image->arch;
	uint64_t registers[GRF_GENERAL_REGISTERS];
	size_t size = arch->registers.count * sizeof(*registers);
	struct grf_thread *thread;

	if (note->size < STATUS_BYTES + size)
		return;
	memcpy(registers, note->data + STATUS_REGISTERS, size);
	thread = grf_array_add(&reader->image->threads);
	if (!thread) {
		reader->no_memory = true;
		return;
	}
	grf_thread_set(thread, arch, (pid_t)grf_load_u32(note->data + STATUS_TID), registers);
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
}

static uint32_t segment_flags(uint32_t flags)
{
	return (flags & PF_R ? GRF_SEGMENT_READ : 0) | (flags & PF_W ? GRF_SEGMENT_WRITE : 0) |
	       (flags & PF_X ? GRF_SEGMENT_EXECUTE : 0);
}

static bool add_bytes(struct core_reader *reader, const Elf64_Phdr *header)
{
	return grf_image_add(reader->image, header->p_vaddr, header->p_vaddr + header->p_filesz,
			     segment_flags(header->p_flags), reader->file + header->p_offset);
}

static struct grf_error *read_segments(struct core_reader *reader)
{
	for (uint64_t i = 0; i < reader->segment_count; i++) {
		Elf64_Phdr header = segment_header(reader, i);
		const uint8_t *data;

		/* Of others the place is not checked. */
		if (header.p_type != PT_LOAD && header.p_type != PT_NOTE)
			continue;
		data = reader->file + header.p_offset;
		if (header.p_type == PT_NOTE)
			grf_notes_read(data, header.p_filesz, header.p_align, take_note, reader);
		else if (!add_bytes(reader, &header))
			reader->no_memory = true;
		if (reader->no_memory)
			return grf_error_no_memory();
	}
	return NULL;
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
	for (uint64_t i = 0; i < reader->segment_count; i++) {
		Elf64_Phdr header = segment_header(reader, i);
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

/* A build id as text; for messages. */
static void format_id(const uint8_t *id, size_t size, char *text, size_t room)
{
	size_t at = 0;

	for (size_t i = 0; i < size && at + 3 < room; i++)
		at += (size_t)snprintf(text + at, room - at, "%02x", id[i]);
	text[at] = '\0';
}

struct found_id {
	const uint8_t *gnu;
	size_t gnu_size;
	char go[256];
};

static void take_id(void *context, const struct grf_note *note)
{
	struct found_id *found = context;

	if (grf_note_is(note, "GNU", NT_GNU_BUILD_ID)) {
		found->gnu = note->data;
		found->gnu_size = note->size;
	} else if (grf_note_is(note, "Go", GRF_NOTE_GO_BUILD_ID)) {
		snprintf(found->go, sizeof(found->go), "%.*s",
			 note->size < sizeof(found->go) ? (int)note->size : (int)sizeof(found->go),
			 note->data);
	}
}

/* The build ids of the executable that the process had mapped, as far as the core has its first
 * page. */
static void find_ids(const struct core_reader *reader, struct found_id *ret)
{
	uint64_t base = grf_executable_bias(reader->executable), count = 0;
	uint64_t headers, size = sizeof(Elf64_Phdr);

	*ret = (struct found_id){0};
	if (grf_executable_is_placed(reader->executable))
		headers = base + grf_executable_headers(reader->executable, &count);
	else if (!grf_image_auxv(reader->image, AT_PHDR, &headers) ||
		 !grf_image_auxv(reader->image, AT_PHNUM, &count) ||
		 !grf_image_auxv(reader->image, AT_PHENT, &size) || size != sizeof(Elf64_Phdr))
		return;
	if (count > 65536)
		return;
	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *at = grf_image_at(reader->image, headers + i * size, size), *notes;
		Elf64_Phdr header;

		if (!at)
			return;
		memcpy(&header, at, sizeof(header));
		if (header.p_type != PT_NOTE)
			continue;
		notes = grf_image_at(reader->image, header.p_vaddr + base, header.p_filesz);
		if (notes)
			grf_notes_read(notes, header.p_filesz, header.p_align, take_id, ret);
	}
}

static struct grf_error *mismatch_error(const struct core_reader *reader, const char *mine,
					const char *theirs)
{
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

static struct grf_error *compare_ids(const struct core_reader *reader)
{
	const char *go_id = grf_executable_go_build_id(reader->executable);
	struct found_id found;
	const uint8_t *gnu;
	size_t gnu_size;

	find_ids(reader, &found);
	gnu = grf_executable_gnu_build_id(reader->executable, &gnu_size);
	if (*found.go && *go_id)
		return strcmp(found.go, go_id) ? mismatch_error(reader, go_id, found.go) : NULL;
	if (found.gnu && gnu) {
		char mine[65], theirs[65];

		format_id(gnu, gnu_size, mine, sizeof(mine));
		format_id(found.gnu, found.gnu_size, theirs, sizeof(theirs));
		return strcmp(mine, theirs) ? mismatch_error(reader, mine, theirs) : NULL;
	}
	return compare_build_info(reader);
}

static struct grf_error *read_core(struct core_reader *reader)
{
	struct grf_error *error = read_header(reader);

	if (!error)
		error = check_lengths(reader);
	if (!error)
		error = read_segments(reader);
	/* Sorted without the executable first: its build id is looked for in the core itself. */
	if (!error)
		error = grf_image_finish(reader->image, NULL);
	if (!error) {
		grf_code_place_in_image(reader->image, reader->executable);
		error = grf_image_set_bias(reader->image, reader->executable);
	}
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

struct grf_error *grf_image_open_core(const char *path, struct grf_executable *executable,
				      struct grf_image **ret)
{
	struct core_reader reader = {.path = path, .executable = executable};
	_cleanup_free_ char *what = NULL;
	_cleanup_close_ int fd = -1;
	_cleanup_image_ struct grf_image *image = NULL;
	struct grf_image_backing *backing;
	struct grf_error *error;
	struct stat status;
	uint8_t *file;

	if (asprintf(&what, "the core %s", path) < 0) {
		what = NULL;
		return grf_error_no_memory();
	}
	error = grf_named_file_open(path, what, &fd);
	if (error)
		return error;
	if (fstat(fd, &status) || !status.st_size)
		return grf_error_create(GRF_ERROR_BAD_INPUT, "%s is not a core file", path);
	error = grf_mapped_file_open(fd, (uint64_t)status.st_size, path, &file);
	if (error)
		return error;
	reader.file = file;
	reader.size = (uint64_t)status.st_size;
	reader.image = image = grf_image_new(grf_executable_arch(executable));
	backing = image ? grf_array_add(&image->backings) : NULL;
	if (!backing) {
		grf_mapped_file_close(file, (uint64_t)status.st_size);
		return grf_error_no_memory();
	}
	*backing = (struct grf_image_backing){file, (size_t)status.st_size};
	error = grf_image_read_file(image, file, fd, reader.size) ? read_core(&reader)
								  : grf_error_no_memory();
	grf_image_forget_file(image);
	if (!error)
		*ret = grf_take(image);
	return error;
}
