/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What libdw gets to see of a file: an ELF file in memory that has those DWARF sections that
 * somebody reads, and nothing else: line tables and tables for unwinding take nearly as much. Its
 * first part is the file, mapped; behind it stand section headers of its own and the contents of
 * those sections that are compressed, unpacked by several threads. So nothing that is not
 * compressed is copied; libelf neither has to know how a section is compressed (it may lack zstd)
 * nor decides how much memory that may take; and libdw opens no further file that .gnu_debugaltlink
 * names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/files/mapped_file.h"
#include "base/jobs.h"
#include "base/log.h"
#include "base/pages.h"
#include "base/pool.h"
#include "image/executable/executable_private.h"

#define MAX_SECTIONS 64u
#define MAX_NAME     64u

/* Most of what is packed is in three sections; a thread costs as much as unpacking some KiB. */
#define MAX_UNPACKING 4u
#define WORTH_THREADS (UINT64_C(1) << 20) /* bytes */

/* What describes variables and types, by the name that it has when it is unpacked. */
static const char *const read_sections[] = {
    ".debug_abbrev", ".debug_addr",        ".debug_info",   ".debug_line_str",
    ".debug_loc",    ".debug_loclists",    ".debug_ranges", ".debug_rnglists",
    ".debug_str",    ".debug_str_offsets", ".debug_types",
};

struct view {
	struct grf_packed_section sections[MAX_SECTIONS];
	char names[MAX_SECTIONS][MAX_NAME];
	unsigned int count;
	uint64_t unpacked; /* bytes that the compressed ones take */
};

static uint64_t align_size(uint64_t size)
{
	return (size + 15) & ~UINT64_C(15);
}

static bool is_read(const char *name)
{
	for (size_t i = 0; i < sizeof(read_sections) / sizeof(*read_sections); i++)
		if (!strcmp(name, read_sections[i]))
			return true;
	return false;
}

static void add_section(struct view *view, const char *name,
			const struct grf_packed_section *section)
{
	size_t length = strlen(name);

	if (view->count == MAX_SECTIONS || !is_read(name))
		return;
	memcpy(view->names[view->count], name, length + 1);
	view->sections[view->count++] = *section;
	if (section->packing != GRF_PACKING_NONE)
		view->unpacked += align_size(section->unpacked);
}

static void add_old_section(struct view *view, const char *name,
			    const struct grf_packed_section *section)
{
	char unpacked[MAX_NAME];

	if ((size_t)snprintf(unpacked, sizeof(unpacked), ".%s", name + 2) < sizeof(unpacked))
		add_section(view, unpacked, section);
}

static void collect_sections(const struct grf_executable *executable, struct view *view)
{
	struct grf_packed_section section;
	Elf_Scn *at = NULL;
	GElf_Shdr header;

	while ((at = elf_nextscn(executable->elf, at))) {
		const char *name =
		    gelf_getshdr(at, &header) ? grf_section_name(executable, &header) : NULL;
		bool old = name && !strncmp(name, ".zdebug_", 8);

		if (!name || (!old && strncmp(name, ".debug_", 7) != 0) ||
		    !grf_section_contents(executable, &header, name, &section))
			continue;
		if (old)
			add_old_section(view, name, &section);
		else
			add_section(view, name, &section);
	}
}

static void put_name(char *names, uint64_t *at, const char *name)
{
	memcpy(names + *at, name, strlen(name) + 1);
	*at += strlen(name) + 1;
}

/* Sections that are to be unpacked. */
struct unpacking {
	const struct view *view;
	uint8_t *memory;
	Elf64_Shdr *headers;
	unsigned int next; /* taken by any thread */
};

static void unpack_sections(void *context, unsigned int thread)
{
	struct unpacking *unpacking = context;
	unsigned int i;

	(void)thread;
	while ((i = __atomic_fetch_add(&unpacking->next, 1, __ATOMIC_RELAXED)) <
	       unpacking->view->count) {
		const struct grf_packed_section *section = &unpacking->view->sections[i];
		Elf64_Shdr *to = &unpacking->headers[i + 1];

		/* What is broken is not there. */
		if (section->packing != GRF_PACKING_NONE &&
		    !grf_section_unpack(section, unpacking->memory + to->sh_offset))
			to->sh_type = SHT_NULL;
	}
}

static void unpack_all(struct unpacking *unpacking)
{
	unsigned int threads = grf_jobs() < MAX_UNPACKING ? grf_jobs() : MAX_UNPACKING;

	grf_pool_run_once(unpacking->view->unpacked < WORTH_THREADS ? 1 : threads, unpack_sections,
			  unpacking);
}

/* Writes section headers, names and what is unpacked behind the file; `tail` is an offset. */
static void fill_view(const struct grf_executable *executable, const struct view *view,
		      uint8_t *memory, uint64_t tail)
{
	Elf64_Shdr *headers = (Elf64_Shdr *)(memory + tail);
	uint64_t names = tail + (view->count + 2) * sizeof(*headers), name = 1;
	uint64_t at = align_size(names + (uint64_t)view->count * MAX_NAME + 1);
	const Elf64_Ehdr header = {
	    .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	    .e_type = ET_EXEC,
	    .e_machine = executable->arch->machine,
	    .e_version = EV_CURRENT,
	    .e_shoff = tail,
	    .e_ehsize = sizeof(header),
	    .e_shentsize = sizeof(*headers),
	    .e_shnum = (Elf64_Half)(view->count + 2),
	    .e_shstrndx = (Elf64_Half)(view->count + 1),
	};

	for (unsigned int i = 0; i < view->count; i++) {
		const struct grf_packed_section *section = &view->sections[i];
		Elf64_Shdr *to = &headers[i + 1];

		to->sh_name = (Elf64_Word)name;
		to->sh_type = SHT_PROGBITS;
		to->sh_addralign = 1;
		to->sh_size = section->unpacked;
		put_name((char *)memory + names, &name, view->names[i]);
		if (section->packing == GRF_PACKING_NONE) {
			to->sh_offset = (uint64_t)(section->data - executable->file);
			continue;
		}
		to->sh_offset = at;
		at += align_size(section->unpacked);
	}
	headers[view->count + 1] = (Elf64_Shdr){.sh_type = SHT_STRTAB,
						.sh_offset = names,
						.sh_size = (uint64_t)view->count * MAX_NAME + 1,
						.sh_addralign = 1};
	unpack_all(&(struct unpacking){view, memory, headers, 0});
	memcpy(memory, &header, sizeof(header));
}

/* The memory of a view, with the file in it; NULL: there is not so much. */
static uint8_t *lay_out(const struct grf_executable *executable, uint64_t size)
{
	uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	/* Of the first page there is a copy, whose header is written to. */
	if (mmap(memory, executable->size, PROT_READ, MAP_PRIVATE | MAP_FIXED, executable->fd,
		 (off_t)executable->offset) == MAP_FAILED ||
	    mprotect(memory, GRF_PAGE, PROT_READ | PROT_WRITE) ||
	    !grf_mapped_file_watch(memory, executable->size, executable->fd, executable->path)) {
		munmap(memory, size);
		return NULL;
	}
	return memory;
}

static Dwarf *open_view(struct grf_executable *executable)
{
	uint64_t tail = (executable->size + GRF_PAGE - 1) & ~(GRF_PAGE - 1);
	struct view *view = calloc(1, sizeof(*view));
	Dwarf *dwarf = NULL;
	uint64_t size;

	if (!view)
		return NULL;
	collect_sections(executable, view);
	size = tail + (view->count + 2) * sizeof(Elf64_Shdr) +
	       ((uint64_t)view->count + 1) * MAX_NAME + view->unpacked + GRF_PAGE;
	if (!view->count) {
		/* No DWARF. */
	} else if (!grf_section_may_unpack(executable, view->unpacked)) {
		grf_warn("%s: its debug information is not used: %llu MiB, packed into %llu MiB, "
			 "are more than any compiler makes",
			 executable->path, (unsigned long long)(view->unpacked >> 20),
			 (unsigned long long)(executable->size >> 20));
	} else if ((executable->view = lay_out(executable, size))) {
		executable->view_size = size;
		fill_view(executable, view, executable->view, tail);
		executable->view_elf = elf_memory((char *)executable->view, size);
		if (executable->view_elf)
			dwarf = dwarf_begin_elf(executable->view_elf, DWARF_C_READ, NULL);
	}
	free(view);
	return dwarf;
}

Dwarf *grf_executable_dwarf(struct grf_executable *executable)
{
	struct grf_executable *file = executable->debug ? executable->debug : executable;

	if (!file->dwarf_tried) {
		file->dwarf_tried = true;
		file->dwarf = open_view(file);
	}
	return file->dwarf;
}

void grf_executable_close_dwarf(struct grf_executable *executable)
{
	if (executable->dwarf)
		dwarf_end(executable->dwarf);
	if (executable->view_elf)
		elf_end(executable->view_elf);
	grf_mapped_file_close(executable->view, executable->view_size);
}

bool grf_executable_has_dwarf(const struct grf_executable *executable)
{
	struct grf_packed_section section;
	GElf_Shdr header;

	for (int old = 0; old < 2; old++) {
		const char *name = old ? ".zdebug_info" : ".debug_info";

		if (grf_section_find(executable, name, &header) &&
		    grf_section_contents(executable, &header, name, &section) && section.unpacked)
			return true;
	}
	return false;
}
