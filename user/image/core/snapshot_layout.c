/* SPDX-License-Identifier: BSD-2-Clause */
/* Cuts ranges of memory into segments, at the larger ones of the runs that were left out. */
#include "image/core/snapshot_layout.h"

#include <string.h>

/* Segments of one snapshot: debuggers go through all of them for each address. What is left out
 * in smaller runs than fit is a hole within one. */
#define MAX_SEGMENTS 8192u

struct grf_run grf_snapshot_hole(const struct grf_run *left_out, uint64_t start, uint64_t end)
{
	struct grf_run hole = {(left_out->start + GRF_PAGE - 1) & ~(GRF_PAGE - 1),
			       left_out->end & ~(GRF_PAGE - 1)};

	if (hole.start < start)
		hole.start = start;
	if (hole.end > end)
		hole.end = end;
	return hole;
}

/* The least size of a run that ends a segment. */
static uint64_t least_left_out(const struct grf_image_parts *parts)
{
	uint64_t least = GRF_PAGE;

	for (;; least *= 2) {
		size_t count = 0;

		for (size_t i = 0; i < parts->left_out_count; i++) {
			struct grf_run hole = grf_snapshot_hole(&parts->left_out[i], 0, UINT64_MAX);

			count += hole.start < hole.end && hole.end - hole.start >= least;
		}
		if (count <= MAX_SEGMENTS)
			return least;
	}
}

static bool add_segment(struct grf_snapshot_layout *layout, const struct grf_image_range *range,
			uint64_t start, uint64_t data_end, uint64_t end)
{
	Elf64_Phdr *header = grf_array_add(&layout->headers);

	if (!header)
		return false;
	*header = (Elf64_Phdr){
	    .p_type = PT_LOAD,
	    .p_flags = (range->flags & GRF_SEGMENT_READ ? PF_R : 0) |
		       (range->flags & GRF_SEGMENT_WRITE ? PF_W : 0) |
		       (range->flags & GRF_SEGMENT_EXECUTE ? PF_X : 0),
	    .p_offset = range->offset + (start - range->start),
	    .p_vaddr = start,
	    .p_filesz = data_end - start,
	    .p_memsz = end - start,
	    .p_align = GRF_PAGE,
	};
	return true;
}

static bool add_range(struct grf_snapshot_layout *layout, const struct grf_image_parts *parts,
		      const struct grf_image_range *range, uint64_t least)
{
	size_t i = grf_run_behind(parts->left_out, parts->left_out_count, range->start);
	uint64_t at = range->start;

	for (; i < parts->left_out_count && parts->left_out[i].start < range->end; i++) {
		struct grf_run hole = grf_snapshot_hole(&parts->left_out[i], at, range->end);

		if (hole.start >= hole.end || hole.end - hole.start < least)
			continue;
		if (!add_segment(layout, range, at, hole.start, hole.end))
			return false;
		at = hole.end;
	}
	return at == range->end || add_segment(layout, range, at, range->end, range->end);
}

struct grf_error *grf_snapshot_lay_out(const struct grf_image_parts *parts, uint64_t notes,
				       uint64_t note_size, struct grf_snapshot_layout *ret)
{
	struct grf_snapshot_layout layout = {.notes = notes, .note_size = note_size};
	const uint64_t least = least_left_out(parts);
	Elf64_Phdr *note = grf_array_add(&layout.headers);
	bool fits = note != NULL;

	if (note)
		*note = (Elf64_Phdr){
		    .p_type = PT_NOTE, .p_offset = notes, .p_filesz = note_size, .p_align = 4};
	for (size_t i = 0; fits && i < parts->range_count; i++)
		fits = add_range(&layout, parts, &parts->ranges[i], least);
	if (!fits) {
		grf_array_free(&layout.headers);
		return grf_error_no_memory();
	}
	layout.program_headers = (notes + note_size + 7) & ~(uint64_t)7;
	layout.end = layout.program_headers + layout.headers.count * sizeof(Elf64_Phdr);
	if (layout.headers.count >= PN_XNUM)
		layout.end += sizeof(Elf64_Shdr);
	*ret = layout;
	return NULL;
}

Elf64_Ehdr grf_snapshot_header(const struct grf_snapshot_layout *layout,
			       const struct grf_arch *arch)
{
	const bool many = layout->headers.count >= PN_XNUM;

	return (Elf64_Ehdr){
	    .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	    .e_type = ET_CORE,
	    .e_machine = arch->machine,
	    .e_version = EV_CURRENT,
	    .e_phoff = layout->program_headers,
	    .e_ehsize = sizeof(Elf64_Ehdr),
	    .e_phentsize = sizeof(Elf64_Phdr),
	    .e_phnum = many ? PN_XNUM : (Elf64_Half)layout->headers.count,
	    .e_shoff = many ? layout->end - sizeof(Elf64_Shdr) : 0,
	    .e_shentsize = many ? sizeof(Elf64_Shdr) : 0,
	    .e_shnum = many,
	};
}

void grf_snapshot_tail(const struct grf_snapshot_layout *layout, uint8_t *ret)
{
	const size_t size = layout->headers.count * sizeof(Elf64_Phdr);

	memcpy(ret, layout->headers.items, size);
	/* More than 16 bits can count: the first section header tells. */
	if (layout->headers.count >= PN_XNUM)
		memcpy(ret + size,
		       &(Elf64_Shdr){.sh_size = 1, .sh_info = (Elf64_Word)layout->headers.count},
		       sizeof(Elf64_Shdr));
}
