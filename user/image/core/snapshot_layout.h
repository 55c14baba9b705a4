/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where everything is in a snapshot: the ELF header in the first page, the memory behind it, then
 * the notes, then the program headers. Each range of memory has room in the file for all of its
 * bytes, also for those that were left out, which are a hole.
 */
#ifndef GRF_IMAGE_CORE_SNAPSHOT_LAYOUT_H
#define GRF_IMAGE_CORE_SNAPSHOT_LAYOUT_H

#include <elf.h>

#include "arch/arch.h"
#include "base/array.h"
#include "image/parts.h"

struct grf_snapshot_layout {
	GRF_ARRAY(Elf64_Phdr) headers; /* first that of the notes */
	uint64_t notes;                /* offset; a multiple of a page */
	uint64_t note_size;
	uint64_t program_headers; /* offset */
	uint64_t end;             /* of the file */
};

/**
 * Lays out the ranges of `parts`, each at its `offset`, with `note_size` bytes of notes from
 * `notes` on. The caller frees it. Errors: NO_MEMORY.
 */
struct grf_error *grf_snapshot_lay_out(const struct grf_image_parts *parts, uint64_t notes,
				       uint64_t note_size, struct grf_snapshot_layout *ret);

/* The whole pages of a run that was left out that are in [start, end); none: start >= end. */
struct grf_run grf_snapshot_hole(const struct grf_run *left_out, uint64_t start, uint64_t end);

/* The ELF header; and what stands from layout->program_headers to layout->end, which *ret has
 * room for. */
Elf64_Ehdr grf_snapshot_header(const struct grf_snapshot_layout *layout,
			       const struct grf_arch *arch);
void grf_snapshot_tail(const struct grf_snapshot_layout *layout, uint8_t *ret);

#endif
