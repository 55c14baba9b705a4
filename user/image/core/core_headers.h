/* SPDX-License-Identifier: BSD-2-Clause */
/* The headers of a core, checked: each segment that is looked at lies in the file. */
#ifndef GRF_IMAGE_CORE_CORE_HEADERS_H
#define GRF_IMAGE_CORE_CORE_HEADERS_H

#include <elf.h>
#include <stdbool.h>

#include "image/core_file.h"
#include "image/executable/notes.h"

struct grf_arch;

struct grf_core_headers {
	const struct grf_core_file *file;
	const struct grf_arch *arch;
	Elf64_Ehdr header;
	uint64_t count; /* of program headers */
};

/* Reads them. `file` is borrowed. Errors: BAD_INPUT, UNSUPPORTED (an architecture that is not
 * read). */
struct grf_error *grf_core_headers_read(const struct grf_core_file *file,
					struct grf_core_headers *ret);

/* The program header `index`, below headers->count. */
Elf64_Phdr grf_core_header(const struct grf_core_headers *headers, uint64_t index);

/**
 * Holds that segments and notes lie in the file, and that no byte of it is at many addresses.
 * `whole`: of a segment all memory is in the file, as in a snapshot. Errors: BAD_INPUT.
 */
struct grf_error *grf_core_headers_check(const struct grf_core_headers *headers, bool whole);

/* Calls `take` for each note; after that check. */
void grf_core_notes_each(const struct grf_core_headers *headers,
			 void (*take)(void *context, const struct grf_note *note), void *context);

#endif
