/* SPDX-License-Identifier: BSD-2-Clause */
/* The symbol table of an executable, by name and by address. */
#include <stdlib.h>
#include <string.h>

#include "image/executable/executable_private.h"

static int compare_names(const void *left, const void *right)
{
	return strcmp(((const struct grf_symbol *)left)->name,
		      ((const struct grf_symbol *)right)->name);
}

static int compare_addresses(const void *left, const void *right)
{
	const struct grf_symbol *a = left, *b = right;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return strcmp(a->name, b->name);
}

static void take_symbols(struct grf_executable *executable, Elf *elf, Elf_Scn *section,
			 const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t count = data && header->sh_entsize ? data->d_size / sizeof(Elf64_Sym) : 0;

	for (size_t i = 1; i < count && i <= INT32_MAX; i++) {
		struct grf_symbol *symbol, *object;
		const char *name;
		GElf_Sym raw;

		if (!gelf_getsym(data, (int)i, &raw) || raw.st_shndx == SHN_UNDEF)
			continue;
		name = elf_strptr(elf, header->sh_link, raw.st_name);
		symbol = name && *name ? grf_array_add(&executable->by_name) : NULL;
		if (!symbol)
			continue;
		*symbol = (struct grf_symbol){name, raw.st_value, raw.st_size};
		if (GELF_ST_TYPE(raw.st_info) != STT_OBJECT)
			continue;
		object = grf_array_add(&executable->by_address);
		if (object)
			*object = *symbol;
	}
}

/* Whether the names of a symbol table are compressed: libelf would unpack whatever they say. */
static bool has_packed_names(Elf *elf, const GElf_Shdr *table)
{
	Elf_Scn *section = elf_getscn(elf, table->sh_link);
	GElf_Shdr header;

	return !section || !gelf_getshdr(section, &header) || header.sh_flags & SHF_COMPRESSED;
}

static void read_symbols_of(struct grf_executable *executable, Elf *elf)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(elf, section)))
		/* There is one. Others could be of the same bytes again. */
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB) {
			if (!(header.sh_flags & SHF_COMPRESSED) && !has_packed_names(elf, &header))
				take_symbols(executable, elf, section, &header);
			return;
		}
}

static void read_symbols(struct grf_executable *executable)
{
	if (executable->symbols_read)
		return;
	executable->symbols_read = true;
	read_symbols_of(executable, executable->elf);
	if (!executable->by_name.count && executable->debug)
		read_symbols_of(executable, executable->debug->elf);
	if (executable->by_name.count)
		qsort(executable->by_name.items, executable->by_name.count,
		      sizeof(struct grf_symbol), compare_names);
	if (executable->by_address.count)
		qsort(executable->by_address.items, executable->by_address.count,
		      sizeof(struct grf_symbol), compare_addresses);
}

bool grf_executable_symbol(struct grf_executable *executable, const char *name,
			   uint64_t *ret_address, uint64_t *ret_size)
{
	const struct grf_symbol key = {.name = name}, *found;

	read_symbols(executable);
	if (!executable->by_name.count)
		return false;
	found = bsearch(&key, executable->by_name.items, executable->by_name.count, sizeof(key),
			compare_names);
	if (!found)
		return false;
	*ret_address = found->address;
	*ret_size = found->size;
	return true;
}

const char *grf_executable_symbol_like(struct grf_executable *executable, const char *prefix,
				       size_t index, uint64_t *ret_address, uint64_t *ret_size)
{
	const struct grf_symbol *symbol;
	size_t low = 0, high;

	read_symbols(executable);
	high = executable->by_name.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(executable->by_name.items[middle].name, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (index >= executable->by_name.count - low)
		return NULL;
	symbol = &executable->by_name.items[low + index];
	if (strncmp(symbol->name, prefix, strlen(prefix)) != 0)
		return NULL;
	*ret_address = symbol->address;
	*ret_size = symbol->size;
	return symbol->name;
}

const char *grf_executable_symbol_at(struct grf_executable *executable, uint64_t address,
				     uint64_t *ret_start, uint64_t *ret_size)
{
	size_t low = 0, high;

	read_symbols(executable);
	high = executable->by_address.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (executable->by_address.items[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	/* Symbols of no size (section marks) may stand between an object and the address. */
	for (size_t i = low; i > 0 && low - i < 16; i--) {
		const struct grf_symbol *symbol = &executable->by_address.items[i - 1];

		if (address - symbol->address >= symbol->size)
			continue;
		*ret_start = symbol->address;
		*ret_size = symbol->size;
		return symbol->name;
	}
	return NULL;
}
