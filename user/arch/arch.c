/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of architectures, and the choice of one by the `e_machine` of an ELF file. */
#include "arch/arch.h"

#include <elf.h>
#include <stdio.h>

#include "base/load.h"

/* Where e_machine is, with 32 and with 64 bits. */
#define MACHINE_AT 18

static const struct grf_arch *const archs[] = {
    &grf_arch_amd64,
};
#define ARCHS (sizeof(archs) / sizeof(*archs))

/* What else Go makes Linux programs for, for messages. */
static const struct {
	uint16_t machine;
	const char *name;
} others[] = {
    {EM_386, "386"},       {EM_ARM, "arm"},
    {EM_AARCH64, "arm64"}, {EM_MIPS, "mips"},
    {EM_PPC64, "ppc64"},   {EM_S390, "s390x"},
    {EM_RISCV, "riscv64"}, {258 /* EM_LOONGARCH */, "loong64"},
};

const struct grf_arch *const *grf_archs(size_t *ret_count)
{
	*ret_count = ARCHS;
	return archs;
}

const struct grf_arch *grf_arch_by_machine(uint16_t machine)
{
	for (size_t i = 0; i < ARCHS; i++)
		if (archs[i]->machine == machine)
			return archs[i];
	return NULL;
}

/* What the architecture of an ELF file is called. */
static void name_machine(uint16_t machine, char *ret, size_t room)
{
	const struct grf_arch *known = grf_arch_by_machine(machine);

	snprintf(ret, room, "machine number %u", machine);
	if (known)
		snprintf(ret, room, "%s", known->name);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (others[i].machine == machine)
			snprintf(ret, room, "%s", others[i].name);
}

static void name_all(char *ret, size_t room)
{
	size_t used = 0;

	for (size_t i = 0; i < ARCHS && used < room; i++)
		used += (size_t)snprintf(ret + used, room - used, "%s%s", i ? ", " : "",
					 archs[i]->name);
}

struct grf_error *grf_arch_of_elf(const uint8_t *header, const char *path,
				  const struct grf_arch **ret)
{
	bool big = header[EI_DATA] == ELFDATA2MSB, wide = header[EI_CLASS] == ELFCLASS64;
	uint16_t machine = grf_load_u16(header + MACHINE_AT);
	const struct grf_arch *found;
	char name[32], all[64];

	if (big)
		machine = (uint16_t)(machine << 8 | machine >> 8);
	found = grf_arch_by_machine(machine);
	if (found && wide && header[EI_DATA] == ELFDATA2LSB) {
		*ret = found;
		return NULL;
	}
	name_machine(machine, name, sizeof(name));
	name_all(all, sizeof(all));
	return grf_error_create(
	    GRF_ERROR_UNSUPPORTED,
	    "%s is for %s (%s bits, %s-endian), and this build of grf-bpf reads "
	    "%s (64 bits, little-endian)",
	    path, name, wide ? "64" : "32", big ? "big" : "little", all);
}
