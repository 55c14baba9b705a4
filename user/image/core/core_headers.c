/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the ELF header and the program headers of a core. */
#include "image/core/core_headers.h"

#include <string.h>

#include "arch/arch.h"

static struct grf_error *truncated_error(const struct grf_core_file *file, uint64_t wanted)
{
	return grf_error_create(GRF_ERROR_BAD_INPUT,
				"%s is truncated: %llu of %llu bytes are missing; take the core "
				"again, with enough room on the disk",
				file->path, (unsigned long long)(wanted - file->size),
				(unsigned long long)wanted);
}

static struct grf_error *broken_headers(const struct grf_core_file *file)
{
	return grf_error_create(GRF_ERROR_BAD_INPUT, "%s: its program headers are broken",
				file->path);
}

static struct grf_error *find_program_headers(struct grf_core_headers *headers)
{
	const struct grf_core_file *file = headers->file;
	const Elf64_Ehdr *header = &headers->header;

	if (header->e_phentsize != sizeof(Elf64_Phdr))
		return broken_headers(file);
	headers->count = header->e_phnum;
	/* More than 16 bits can count: the first section header tells. */
	if (header->e_phnum == PN_XNUM) {
		Elf64_Shdr first;

		if (header->e_shoff > UINT64_MAX - sizeof(first))
			return broken_headers(file);
		if (header->e_shoff > file->size || file->size - header->e_shoff < sizeof(first))
			return truncated_error(file, header->e_shoff + sizeof(first));
		memcpy(&first, file->memory + header->e_shoff, sizeof(first));
		headers->count = first.sh_info;
	}
	/* The number is of 32 bits. */
	if (header->e_phoff > INT64_MAX)
		return broken_headers(file);
	if (header->e_phoff > file->size ||
	    headers->count > (file->size - header->e_phoff) / sizeof(Elf64_Phdr))
		return truncated_error(file, header->e_phoff + headers->count * sizeof(Elf64_Phdr));
	return NULL;
}

/* Whether a file looks like one of our results: JSON, or a profile (gzip). */
static bool is_result(const struct grf_core_file *file)
{
	return file->memory[0] == '{' || (file->memory[0] == 0x1f && file->memory[1] == 0x8b);
}

static struct grf_error *no_core(const struct grf_core_file *file, const char *what)
{
	return grf_error_create(GRF_ERROR_BAD_INPUT, "%s is %s", file->path, what);
}

struct grf_error *grf_core_headers_read(const struct grf_core_file *file,
					struct grf_core_headers *ret)
{
	struct grf_core_headers headers = {.file = file};
	struct grf_error *error;

	if (file->size < sizeof(headers.header))
		return no_core(file, "neither a snapshot nor a core file");
	memcpy(&headers.header, file->memory, sizeof(headers.header));
	if (memcmp(headers.header.e_ident, ELFMAG, SELFMAG) != 0)
		return no_core(file, is_result(file)
					 ? "the result of a run, not a snapshot or a core file"
					 : "neither a snapshot nor a core file");
	if (headers.header.e_type != ET_CORE)
		return no_core(file,
			       "a program; give its core file behind it, or the id of a process");
	error = grf_arch_of_elf(file->memory, file->path, &headers.arch);
	if (!error)
		error = find_program_headers(&headers);
	if (!error)
		*ret = headers;
	return error;
}

Elf64_Phdr grf_core_header(const struct grf_core_headers *headers, uint64_t index)
{
	Elf64_Phdr header;

	memcpy(&header, headers->file->memory + headers->header.e_phoff + index * sizeof(header),
	       sizeof(header));
	return header;
}

struct grf_error *grf_core_headers_check(const struct grf_core_headers *headers, bool whole)
{
	const struct grf_core_file *file = headers->file;
	uint64_t end = 0, loaded = 0;

	for (uint64_t i = 0; i < headers->count; i++) {
		Elf64_Phdr header = grf_core_header(headers, i);
		uint64_t size =
		    whole && header.p_type == PT_LOAD ? header.p_memsz : header.p_filesz;

		if (header.p_type != PT_LOAD && header.p_type != PT_NOTE)
			continue;
		if (header.p_offset + size < header.p_offset ||
		    header.p_vaddr + header.p_memsz < header.p_vaddr)
			return grf_error_create(GRF_ERROR_BAD_INPUT,
						"%s: segment %llu wraps around the address space",
						file->path, (unsigned long long)i);
		if (header.p_offset + size > end)
			end = header.p_offset + size;
		if (size <= file->size)
			loaded += size;
		/* A byte of the file is at one address; else few of them would make any amount of
		 * memory. */
		if (loaded / 2 > file->size && end <= file->size)
			return grf_error_create(GRF_ERROR_BAD_INPUT,
						"%s: its segments overlap in the file", file->path);
	}
	return end > file->size ? truncated_error(file, end) : NULL;
}

void grf_core_notes_each(const struct grf_core_headers *headers,
			 void (*take)(void *context, const struct grf_note *note), void *context)
{
	for (uint64_t i = 0; i < headers->count; i++) {
		Elf64_Phdr header = grf_core_header(headers, i);

		if (header.p_type == PT_NOTE)
			grf_notes_read(headers->file->memory + header.p_offset, header.p_filesz,
				       header.p_align, take, context);
	}
}
