/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens and checks an ELF file, reads its segments and build ids, and places it in the process.
 * Sections, symbols and relocations are read in sections.c, symbols.c and relocations.c.
 */
#include "image/executable/executable.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files/mapped_file.h"
#include "base/files/regular_file.h"
#include "base/pages.h"
#include "image/executable/executable_private.h"
#include "image/executable/mapping.h"
#include "image/executable/notes.h"

#define MAX_LOADS 65536u
#define MAX_NOTES ((uint64_t)4 << 20) /* bytes */
/* Bytes; no executable and no debug information of one is as large. */
#define MAX_FILE ((uint64_t)8 << 30)

static struct grf_error *bad_file(const char *path, const char *what)
{
	return grf_error_create(GRF_ERROR_BAD_INPUT, "%s: %s", path, what);
}

/* `part` NULL: all of the file. */
static struct grf_error *map_file(struct grf_executable *executable,
				  const struct grf_executable_part *part)
{
	struct stat status;

	if (fstat(executable->fd, &status))
		return grf_error_errno(GRF_ERROR_OTHER, errno, "cannot look at %s",
				       executable->path);
	executable->size = part ? part->size : (uint64_t)status.st_size;
	executable->offset = part ? part->offset : 0;
	if (!S_ISREG(status.st_mode) || executable->size < sizeof(Elf64_Ehdr))
		return bad_file(executable->path, "not an ELF executable");
	if (executable->size > MAX_FILE)
		return bad_file(executable->path, "larger than any executable");
	return grf_mapped_file_open_part(executable->fd, executable->offset, executable->size,
					 executable->path, &executable->file);
}

static struct grf_error *check_header(struct grf_executable *executable, GElf_Ehdr *header)
{
	struct grf_error *error;

	executable->elf = elf_memory((char *)executable->file, executable->size);
	if (!executable->elf || elf_kind(executable->elf) != ELF_K_ELF ||
	    !gelf_getehdr(executable->elf, header))
		return bad_file(executable->path, "not an ELF executable");
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return bad_file(executable->path, "an ELF file, but not an executable");
	error = grf_arch_of_elf(executable->file, executable->path, &executable->arch);
	if (error)
		return error;
	executable->entry = header->e_entry;
	executable->headers = header->e_phoff;
	executable->shared = header->e_type == ET_DYN;
	return NULL;
}

static uint32_t segment_flags(uint32_t flags)
{
	return (flags & PF_R ? GRF_SEGMENT_READ : 0) | (flags & PF_W ? GRF_SEGMENT_WRITE : 0) |
	       (flags & PF_X ? GRF_SEGMENT_EXECUTE : 0);
}

static void take_build_id(void *context, const struct grf_note *note)
{
	struct grf_executable *executable = context;

	if (grf_note_is(note, "GNU", NT_GNU_BUILD_ID)) {
		executable->gnu_build_id = note->data;
		executable->gnu_build_id_size = note->size;
	} else if (grf_note_is(note, "Go", GRF_NOTE_GO_BUILD_ID) && !executable->go_build_id) {
		executable->go_build_id = strndup((const char *)note->data, note->size);
	}
}

/* Whether the dynamic section says that this is an executable (binutils 2.27 and later do). */
static bool says_pie(const struct grf_executable *executable, const GElf_Phdr *header)
{
	Elf64_Dyn entry;

	for (uint64_t at = 0; header->p_filesz - at >= sizeof(entry); at += sizeof(entry)) {
		memcpy(&entry, executable->file + header->p_offset + at, sizeof(entry));
		if (entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == DT_FLAGS_1)
			return entry.d_un.d_val & DF_1_PIE;
	}
	return false;
}

/* In the order of their addresses, as the ELF standard wants them; they are searched. */
static int by_place(const void *left, const void *right)
{
	const struct grf_load *a = left, *b = right;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return a->file_offset < b->file_offset ? -1 : a->file_offset > b->file_offset;
}

/* Few bytes that are said to be loaded at many addresses would make any amount of memory. */
static struct grf_error *check_loads(struct grf_executable *executable)
{
	uint64_t bytes = 0;

	if (!executable->loads.count)
		return bad_file(executable->path, "it has nothing to load");
	for (size_t i = 0; i < executable->loads.count; i++) {
		bytes += executable->loads.items[i].file_size;
		if (bytes / 2 > executable->size)
			return bad_file(executable->path, "its segments overlap in the file");
	}
	qsort(executable->loads.items, executable->loads.count, sizeof(struct grf_load), by_place);
	return NULL;
}

/* Notes of one file are few; a file may say of the same bytes many times that they are notes. */
static void read_notes(struct grf_executable *executable, uint64_t offset, uint64_t size,
		       uint64_t alignment)
{
	if (size > MAX_NOTES - executable->note_bytes)
		return;
	executable->note_bytes += size;
	grf_notes_read(executable->file + offset, size, alignment, take_build_id, executable);
}

static struct grf_error *read_segments(struct grf_executable *executable)
{
	bool dynamic = false;
	size_t count;

	if (elf_getphdrnum(executable->elf, &count) || count > MAX_LOADS)
		return bad_file(executable->path, "its program headers are broken");
	executable->header_count = count;
	for (size_t i = 0; i < count; i++) {
		struct grf_load *load;
		GElf_Phdr header;

		if (!gelf_getphdr(executable->elf, (int)i, &header))
			return bad_file(executable->path, "its program headers are broken");
		if (header.p_type == PT_INTERP)
			executable->interpreted = true;
		if (header.p_type != PT_LOAD && header.p_type != PT_NOTE &&
		    header.p_type != PT_DYNAMIC)
			continue;
		if (header.p_offset > executable->size ||
		    header.p_filesz > executable->size - header.p_offset ||
		    header.p_vaddr + header.p_memsz < header.p_vaddr)
			return bad_file(executable->path,
					"truncated: a segment reaches beyond its end");
		if (header.p_type == PT_NOTE) {
			read_notes(executable, header.p_offset, header.p_filesz, header.p_align);
			continue;
		}
		if (header.p_type == PT_DYNAMIC) {
			executable->pie =
			    !dynamic ? says_pie(executable, &header) : executable->pie;
			dynamic = true;
			continue;
		}
		load = grf_array_add(&executable->loads);
		if (!load)
			return grf_error_no_memory();
		*load = (struct grf_load){
		    .address = header.p_vaddr,
		    .file_size = header.p_filesz,
		    .memory_size = header.p_memsz,
		    .file_offset = header.p_offset,
		    .flags = segment_flags(header.p_flags),
		    .data = executable->file + header.p_offset,
		};
	}
	return check_loads(executable);
}

/* The build ids, from the sections of notes: in a debug file the segments have no bytes, and what
 * strip leaves need not have a segment for each of them. */
static void read_note_sections(struct grf_executable *executable)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(executable->elf, section)))
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_NOTE &&
		    header.sh_offset <= executable->size &&
		    header.sh_size <= executable->size - header.sh_offset)
			read_notes(executable, header.sh_offset, header.sh_size,
				   header.sh_addralign);
}

/* Reads the file of a descriptor, which it takes over. */
static struct grf_error *read_file(int fd, const char *path, bool debug,
				   const struct grf_executable_part *part,
				   struct grf_executable **ret)
{
	struct grf_executable *executable = calloc(1, sizeof(*executable));
	struct grf_error *error;
	GElf_Ehdr header;

	if (!executable) {
		close(fd);
		return grf_error_no_memory();
	}
	executable->fd = fd;
	executable->path = strdup(path);
	elf_version(EV_CURRENT);
	error = executable->path ? map_file(executable, part) : grf_error_no_memory();
	if (!error)
		error = check_header(executable, &header);
	if (!error && !debug)
		error = read_segments(executable);
	if (!error)
		read_note_sections(executable);
	if (error) {
		grf_executable_destroy(executable);
		return error;
	}
	*ret = executable;
	return NULL;
}

struct grf_error *grf_executable_open(const char *path, struct grf_executable **ret)
{
	_cleanup_free_ char *what = NULL;
	struct grf_error *error;
	int fd;

	if (asprintf(&what, "the executable %s", path) < 0) {
		what = NULL;
		return grf_error_no_memory();
	}
	error = grf_named_file_open(path, what, &fd);
	return error ? error : read_file(fd, path, false, NULL, ret);
}

struct grf_error *grf_executable_read(int fd, const char *path, struct grf_executable **ret)
{
	return read_file(fd, path, false, NULL, ret);
}

struct grf_error *grf_executable_read_debug(int fd, const char *path, struct grf_executable **ret)
{
	return read_file(fd, path, true, NULL, ret);
}

struct grf_error *grf_executable_read_part(const struct grf_executable_part *part, const char *path,
					   struct grf_executable **ret)
{
	int fd = fcntl(part->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return grf_error_errno(GRF_ERROR_OTHER, errno, "cannot open %s", path);
	return read_file(fd, path, part->debug, part, ret);
}

const uint8_t *grf_executable_bytes(const struct grf_executable *executable, uint64_t *ret_size)
{
	*ret_size = executable->size;
	return executable->file;
}

const struct grf_executable *grf_executable_debug(const struct grf_executable *executable)
{
	return executable->debug;
}

void grf_executable_set_debug(struct grf_executable *executable, struct grf_executable *debug)
{
	grf_executable_destroy(executable->debug);
	executable->debug = debug;
	executable->symbols_read = false;
	executable->by_name.count = executable->by_address.count = 0;
}

void grf_executable_destroy(struct grf_executable *executable)
{
	if (!executable)
		return;
	grf_executable_destroy(executable->debug);
	for (size_t i = 0; i < executable->libraries.count; i++)
		grf_executable_destroy(executable->libraries.items[i]);
	grf_array_free(&executable->libraries);
	grf_executable_close_dwarf(executable);
	if (executable->elf)
		elf_end(executable->elf);
	grf_mapped_file_close(executable->file, executable->size);
	if (executable->fd >= 0)
		close(executable->fd);
	for (size_t i = 0; i < executable->kept.count; i++)
		free(executable->kept.items[i].data);
	grf_array_free(&executable->kept);
	grf_array_free(&executable->loads);
	grf_array_free(&executable->by_name);
	grf_array_free(&executable->by_address);
	free(executable->go_build_id);
	free(executable->path);
	free(executable->name);
	free(executable);
}

const char *grf_executable_path(const struct grf_executable *executable)
{
	return executable->path;
}

const char *grf_executable_name(const struct grf_executable *executable)
{
	return executable->name ? executable->name : executable->path;
}

bool grf_executable_is_deleted(const struct grf_executable *executable)
{
	return executable->deleted;
}

bool grf_executable_set_name(struct grf_executable *executable, const char *name, bool deleted)
{
	char *copy = strdup(name);

	if (!copy)
		return false;
	free(executable->name);
	executable->name = copy;
	executable->deleted = deleted;
	return true;
}

uint64_t grf_executable_bias(const struct grf_executable *executable)
{
	assert((executable->has_bias || !executable->shared) && "set before");
	return executable->bias;
}

void grf_executable_set_bias(struct grf_executable *executable, uint64_t bias)
{
	executable->bias = bias;
	executable->has_bias = true;
}

bool grf_executable_add_library(struct grf_executable *executable, struct grf_executable *library)
{
	struct grf_executable **added = grf_array_add(&executable->libraries);

	if (added)
		*added = library;
	return added;
}

struct grf_executable *const *grf_executable_libraries(const struct grf_executable *executable,
						       size_t *ret_count)
{
	*ret_count = executable->libraries.count;
	return executable->libraries.items;
}

bool grf_executable_is_library(const struct grf_executable *executable)
{
	return executable->shared && !executable->interpreted && !executable->pie;
}

bool grf_executable_is_fixed(const struct grf_executable *executable)
{
	return !executable->shared;
}

bool grf_executable_place(struct grf_executable *executable, const struct grf_mapping *mapping)
{
	const struct grf_load *first = &executable->loads.items[0];

	if (mapping->file_offset != (first->file_offset & ~(GRF_PAGE - 1)))
		return false;
	executable->bias = mapping->start - (first->address & ~(GRF_PAGE - 1));
	executable->placed = executable->has_bias = true;
	return true;
}

void grf_executable_place_like(struct grf_executable *executable,
			       const struct grf_executable *placed)
{
	executable->bias = placed->bias;
	executable->placed = placed->placed;
	executable->has_bias = placed->has_bias;
}

void grf_executable_place_at(struct grf_executable *executable, uint64_t bias)
{
	executable->bias = bias;
	executable->placed = executable->has_bias = true;
}

bool grf_executable_is_placed(const struct grf_executable *executable)
{
	return executable->placed;
}

const struct grf_arch *grf_executable_arch(const struct grf_executable *executable)
{
	return executable->arch;
}

uint64_t grf_executable_headers(const struct grf_executable *executable, size_t *ret_count)
{
	const struct grf_load *first = &executable->loads.items[0];

	*ret_count = executable->header_count;
	return first->address - first->file_offset + executable->headers;
}

uint64_t grf_executable_entry(const struct grf_executable *executable)
{
	return executable->entry;
}

const uint8_t *grf_executable_at(const struct grf_executable *executable, uint64_t address,
				 uint64_t length)
{
	size_t low = 0, high = executable->loads.count;
	const struct grf_load *load;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (executable->loads.items[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	load = &executable->loads.items[low - 1];
	return address - load->address < load->file_size &&
		       length <= load->file_size - (address - load->address)
		   ? load->data + (address - load->address)
		   : NULL;
}

const struct grf_load *grf_executable_loads(const struct grf_executable *executable,
					    size_t *ret_count)
{
	*ret_count = executable->loads.count;
	return executable->loads.items;
}

const uint8_t *grf_executable_gnu_build_id(const struct grf_executable *executable,
					   size_t *ret_length)
{
	*ret_length = executable->gnu_build_id_size;
	return executable->gnu_build_id;
}

const char *grf_executable_go_build_id(const struct grf_executable *executable)
{
	return executable->go_build_id ? executable->go_build_id : "";
}

static bool same_ids(const struct grf_executable *a, const struct grf_executable *b,
		     bool *ret_known)
{
	const char *go_a = grf_executable_go_build_id(a), *go_b = grf_executable_go_build_id(b);
	size_t size_a, size_b;
	const uint8_t *gnu_a = grf_executable_gnu_build_id(a, &size_a);
	const uint8_t *gnu_b = grf_executable_gnu_build_id(b, &size_b);

	*ret_known = true;
	if (size_a && size_b)
		return size_a == size_b && !memcmp(gnu_a, gnu_b, size_a);
	if (*go_a && *go_b)
		return !strcmp(go_a, go_b);
	*ret_known = false;
	return true;
}

/* Whether a section is the same in both; also where one of them has no contents of it, as in a file
 * of debug information. */
static bool same_section(struct grf_executable *a, struct grf_executable *b, const char *name)
{
	struct grf_section in_a, in_b;

	if (!grf_executable_section(a, name, &in_a) || !grf_executable_section(b, name, &in_b))
		return true;
	return in_a.size == in_b.size && in_a.address == in_b.address &&
	       !memcmp(in_a.data, in_b.data, in_a.size);
}

bool grf_executable_same_build(struct grf_executable *a, struct grf_executable *b, bool *ret_known)
{
	/* Build systems that want the same bytes everywhere give every program one id, or none. */
	return same_ids(a, b, ret_known) && same_section(a, b, ".text") &&
	       same_section(a, b, ".gopclntab") && same_section(a, b, ".data.rel.ro.gopclntab");
}
