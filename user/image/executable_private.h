/* SPDX-License-Identifier: BSD-2-Clause */
/* An executable as the files of this folder that read it share it; private to them. */
#ifndef GRF_IMAGE_EXECUTABLE_PRIVATE_H
#define GRF_IMAGE_EXECUTABLE_PRIVATE_H

#include <gelf.h>

#include "base/array.h"
#include "image/executable.h"

struct grf_symbol {
	const char *name;
	uint64_t address;
	uint64_t size;
};

/* A section that was decompressed by us (.zdebug_*). */
struct grf_inflated {
	char name[64];
	uint8_t *data;
	uint64_t size;
};

struct grf_executable {
	char *path;
	int fd;
	uint8_t *file; /* mapped */
	uint64_t size;
	Elf *elf;
	Dwarf *dwarf;
	bool dwarf_tried;
	uint64_t bias, entry;
	uint64_t headers; /* offset in the file */
	size_t header_count;
	bool shared;           /* ET_DYN */
	bool interpreted, pie; /* PT_INTERP; DF_1_PIE */
	bool placed;
	GRF_ARRAY(struct grf_load) loads;
	GRF_ARRAY(struct grf_symbol) by_name;    /* all defined symbols */
	GRF_ARRAY(struct grf_symbol) by_address; /* objects only */
	bool symbols_read;
	GRF_ARRAY(struct grf_inflated) inflated;
	const uint8_t *gnu_build_id;
	size_t gnu_build_id_size;
	char *go_build_id;
	struct grf_executable *debug; /* a file with its debug information, or NULL */
	GRF_ARRAY(struct grf_executable *) libraries;
};

#endif
