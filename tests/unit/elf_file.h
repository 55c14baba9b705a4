/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes small ELF executables for tests. Include it after cmocka.h. */
#ifndef GRF_TESTS_ELF_FILE_H
#define GRF_TESTS_ELF_FILE_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ELF_FILE_SECTIONS 12

struct elf_file_section {
	const char *name;
	uint64_t address; /* 0: not loaded */
	const void *data;
	uint64_t size;
	uint32_t type; /* 0: SHT_PROGBITS; SHT_NOTE: is a PT_NOTE instead of loaded */
	uint64_t flags;
	uint32_t link; /* index of another section; they count from 1 */
};

struct elf_file {
	char path[64];
	struct elf_file_section sections[ELF_FILE_SECTIONS];
	unsigned int count;
	uint64_t entry;
	bool pie; /* may be loaded anywhere */
};

/* A section that is loaded at `address` (0: not loaded). Returns its index. */
static inline unsigned int elf_file_add(struct elf_file *file, const char *name, uint64_t address,
					const void *data, uint64_t size)
{
	assert_true(file->count < ELF_FILE_SECTIONS);
	file->sections[file->count++] =
	    (struct elf_file_section){.name = name, .address = address, .data = data, .size = size};
	return file->count;
}

static inline void elf_file_put(FILE *stream, uint64_t offset, const void *data, size_t size)
{
	assert_int_equal(fseek(stream, (long)offset, SEEK_SET), 0);
	if (size)
		assert_int_equal(fwrite(data, size, 1, stream), 1);
}

static inline uint64_t elf_file_put_sections(const struct elf_file *file, FILE *stream,
					     Elf64_Shdr *headers, Elf64_Phdr *loads,
					     unsigned int *ret_loads)
{
	uint64_t at = sizeof(Elf64_Ehdr) + (ELF_FILE_SECTIONS + 1) * sizeof(Elf64_Phdr), name = 1;

	for (unsigned int i = 0; i < file->count; i++) {
		const struct elf_file_section *section = &file->sections[i];

		headers[i + 1] = (Elf64_Shdr){
		    .sh_name = (Elf64_Word)name,
		    .sh_type = section->type ? section->type : SHT_PROGBITS,
		    .sh_flags = section->flags | (section->address ? SHF_ALLOC : 0),
		    .sh_addr = section->address,
		    .sh_offset = at,
		    .sh_size = section->size,
		    .sh_link = section->link,
		    .sh_entsize = section->type == SHT_SYMTAB ? sizeof(Elf64_Sym) : 0,
		    .sh_addralign = 1,
		};
		if (section->address || section->type == SHT_NOTE)
			loads[(*ret_loads)++] = (Elf64_Phdr){
			    .p_type = section->type == SHT_NOTE ? PT_NOTE : PT_LOAD,
			    .p_flags = PF_R | (section->flags & SHF_WRITE ? PF_W : 0) |
				       (section->flags & SHF_EXECINSTR ? PF_X : 0),
			    .p_offset = at,
			    .p_vaddr = section->address,
			    .p_filesz = section->size,
			    .p_memsz = section->size,
			};
		elf_file_put(stream, at, section->data, section->size);
		at += section->size + (-section->size & 7);
		name += strlen(section->name) + 1;
	}
	return at;
}

/* Writes the file to a new temporary path. */
static inline void elf_file_write(struct elf_file *file)
{
	Elf64_Shdr headers[ELF_FILE_SECTIONS + 2] = {0};
	Elf64_Phdr loads[ELF_FILE_SECTIONS + 1] = {0};
	unsigned int load_count = 0, names = file->count + 1;
	uint64_t at, end;
	FILE *stream;
	Elf64_Ehdr header = {
	    .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	    .e_type = file->pie ? ET_DYN : ET_EXEC,
	    .e_machine = EM_X86_64,
	    .e_version = EV_CURRENT,
	    .e_entry = file->entry,
	    .e_phoff = sizeof(header),
	    .e_ehsize = sizeof(header),
	    .e_phentsize = sizeof(*loads),
	    .e_shentsize = sizeof(*headers),
	    .e_shnum = (Elf64_Half)(file->count + 2),
	    .e_shstrndx = (Elf64_Half)names,
	};

	snprintf(file->path, sizeof(file->path), "/tmp/grf-test-XXXXXX");
	stream = fdopen(mkstemp(file->path), "w");
	assert_non_null(stream);
	at = elf_file_put_sections(file, stream, headers, loads, &load_count);
	if (file->pie)
		loads[load_count++].p_type = PT_INTERP;
	headers[names] = (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = at, .sh_addralign = 1};
	end = at + 1;
	for (unsigned int i = 0; i < file->count; i++) {
		elf_file_put(stream, end, file->sections[i].name,
			     strlen(file->sections[i].name) + 1);
		end += strlen(file->sections[i].name) + 1;
	}
	headers[names].sh_size = end - at;
	header.e_shoff = (end + 7) & ~(uint64_t)7;
	header.e_phnum = (Elf64_Half)load_count;
	elf_file_put(stream, header.e_shoff, headers, sizeof(*headers) * (file->count + 2));
	elf_file_put(stream, header.e_phoff, loads, sizeof(*loads) * load_count);
	elf_file_put(stream, 0, &header, sizeof(header));
	assert_int_equal(fclose(stream), 0);
}

static inline void elf_file_remove(const struct elf_file *file)
{
	unlink(file->path);
}

#endif
