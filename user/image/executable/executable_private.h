/* SPDX-License-Identifier: BSD-2-Clause */
/* An executable as the files of this folder that read it share it; private to them. */
#ifndef GRF_IMAGE_EXECUTABLE_EXECUTABLE_PRIVATE_H
#define GRF_IMAGE_EXECUTABLE_EXECUTABLE_PRIVATE_H

#include <gelf.h>

#include "arch/arch.h"
#include "base/array.h"
#include "image/executable/executable.h"

struct grf_symbol {
	const char *name;
	uint64_t address;
	uint64_t size;
};

/* A section that was unpacked. */
struct grf_unpacked {
	char name[64];
	uint8_t *data;
	uint64_t size;
};

struct grf_executable {
	char *path;
	char *name; /* what the process calls it; NULL: as `path` */
	bool deleted;
	int fd;
	uint8_t *file; /* mapped */
	uint64_t size;
	uint64_t offset; /* of it in what `fd` leads to */
	const struct grf_arch *arch;
	Elf *elf;
	Dwarf *dwarf; /* of this file */
	bool dwarf_tried;
	uint8_t *view; /* what libdw reads; dwarf_view.c */
	uint64_t view_size;
	Elf *view_elf;
	uint64_t bias, entry;
	uint64_t headers; /* offset in the file */
	size_t header_count;
	bool shared;           /* ET_DYN */
	bool interpreted, pie; /* PT_INTERP; DF_1_PIE */
	bool placed;
	bool has_bias; /* the bias was set, if only to 0 */
	GRF_ARRAY(struct grf_load) loads;
	GRF_ARRAY(struct grf_symbol) by_name;    /* all defined symbols */
	GRF_ARRAY(struct grf_symbol) by_address; /* objects only */
	bool symbols_read;
	GRF_ARRAY(struct grf_unpacked) kept;
	uint64_t unpacked; /* bytes, of all sections */
	const uint8_t *gnu_build_id;
	size_t gnu_build_id_size;
	char *go_build_id;
	uint64_t note_bytes;          /* that were read */
	struct grf_executable *debug; /* a file with its debug information, or NULL */
	GRF_ARRAY(struct grf_executable *) libraries;
};

/* elf.h of older C libraries lacks it. */
#define GRF_ELFCOMPRESS_ZSTD 2

enum grf_packing { GRF_PACKING_NONE, GRF_PACKING_ZLIB, GRF_PACKING_ZSTD };

/* A section as it stands in the file. */
struct grf_packed_section {
	enum grf_packing packing;
	uint64_t address;
	const uint8_t *data; /* without a header of its own */
	uint64_t size;
	uint64_t unpacked; /* bytes when it is unpacked */
};

/* The name of a section, or NULL. */
const char *grf_section_name(const struct grf_executable *executable, const GElf_Shdr *header);
/* The section of that name; false: the file has none. */
bool grf_section_find(const struct grf_executable *executable, const char *name, GElf_Shdr *ret);
/* Where a section's bytes are. False: not in the file, or packed in an unknown way. */
bool grf_section_contents(const struct grf_executable *executable, const GElf_Shdr *header,
			  const char *name, struct grf_packed_section *ret);
/* Whether so many bytes more may be unpacked; counts them. */
bool grf_section_may_unpack(struct grf_executable *executable, uint64_t bytes);
/* Writes section->unpacked bytes. False: broken. */
bool grf_section_unpack(const struct grf_packed_section *section, uint8_t *to);
/* Ends what grf_executable_dwarf() began. */
void grf_executable_close_dwarf(struct grf_executable *executable);

#endif
