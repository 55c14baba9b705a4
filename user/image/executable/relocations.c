/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pointers of position-independent files. Go's own linker writes what they are into the file beside
 * the relocation; other linkers leave zero there and write it into the relocation alone (RELA).
 * RELR has no room for it: those pointers stand in the file.
 */
#include <elf.h>
#include <string.h>

#include "arch/arch.h"
#include "base/load.h"
#include "image/executable/executable.h"

/* Where a relocation that does not name a symbol puts the pointer at `address`. */
static bool relocated_word(const struct grf_section *relocations, uint32_t relative,
			   uint64_t address, uint64_t *ret)
{
	Elf64_Rela entry;

	for (uint64_t at = 0; relocations->size - at >= sizeof(entry); at += sizeof(entry)) {
		memcpy(&entry, relocations->data + at, sizeof(entry));
		if (entry.r_offset != address || ELF64_R_TYPE(entry.r_info) != relative)
			continue;
		*ret = (uint64_t)entry.r_addend;
		return true;
	}
	return false;
}

bool grf_executable_pointer(struct grf_executable *executable, uint64_t address, uint64_t *ret)
{
	static const char *const names[] = {".rela.dyn", ".rela"};
	uint32_t relative = grf_executable_arch(executable)->relative_relocation;
	const uint8_t *word = grf_executable_at(executable, address, 8);
	struct grf_section section;

	if (!word)
		return false;
	*ret = grf_load_u64(word);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (grf_executable_section(executable, names[i], &section) &&
		    relocated_word(&section, relative, address, ret))
			break;
	return true;
}
