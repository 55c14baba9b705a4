/* SPDX-License-Identifier: BSD-2-Clause */
/* Goes through the program headers that the kernel mapped with the first page of a program. */
#include "image/core/core_ids.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "image/executable/notes.h"

#define MAX_HEADERS 65536u

static void take_id(void *context, const struct grf_note *note)
{
	struct grf_core_program *found = context;

	if (grf_note_is(note, "GNU", NT_GNU_BUILD_ID) &&
	    note->size <= sizeof(found->gnu_build_id)) {
		memcpy(found->gnu_build_id, note->data, note->size);
		found->gnu_build_id_size = note->size;
	} else if (grf_note_is(note, "Go", GRF_NOTE_GO_BUILD_ID)) {
		snprintf(found->go_build_id, sizeof(found->go_build_id), "%.*s",
			 note->size < sizeof(found->go_build_id) ? (int)note->size
								 : (int)sizeof(found->go_build_id),
			 note->data);
	}
}

void grf_core_ids_find(const struct grf_image *image, uint64_t headers, uint64_t count,
		       uint64_t bias, struct grf_core_program *ret)
{
	if (count > MAX_HEADERS)
		return;
	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *at = grf_image_at(image, headers + i * sizeof(Elf64_Phdr),
						 sizeof(Elf64_Phdr)),
			      *notes;
		Elf64_Phdr header;

		if (!at)
			return;
		memcpy(&header, at, sizeof(header));
		if (header.p_type != PT_NOTE)
			continue;
		notes = grf_image_at(image, header.p_vaddr + bias, header.p_filesz);
		if (notes)
			grf_notes_read(notes, header.p_filesz, header.p_align, take_id, ret);
	}
}

bool grf_core_program_is(const struct grf_core_program *program,
			 const struct grf_executable *executable, bool *ret_known)
{
	const char *go_id = grf_executable_go_build_id(executable);
	size_t size;
	const uint8_t *id = grf_executable_gnu_build_id(executable, &size);

	*ret_known = true;
	if (*go_id && *program->go_build_id)
		return !strcmp(go_id, program->go_build_id);
	if (id && program->gnu_build_id_size)
		return size == program->gnu_build_id_size &&
		       !memcmp(id, program->gnu_build_id, size);
	*ret_known = false;
	return true;
}
