/* SPDX-License-Identifier: BSD-2-Clause */
/* Steps through a block of notes, each of whose sizes is checked against what is left. */
#include "image/executable/notes.h"

#include <string.h>

#include "base/load.h"

void grf_notes_read(const uint8_t *data, uint64_t size, uint64_t align,
		    void (*take)(void *context, const struct grf_note *note), void *context)
{
	uint64_t mask = align == 8 ? 7 : 3, at = 0;

	while (at <= size && size - at >= 12) {
		struct grf_note note = {
		    .name_size = grf_load_u32(data + at),
		    .size = grf_load_u32(data + at + 4),
		    .type = grf_load_u32(data + at + 8),
		};
		uint64_t name = at + 12, content = (name + note.name_size + mask) & ~mask;

		if (content > size || note.size > size - content)
			return;
		note.name = (const char *)data + name;
		note.data = data + content;
		take(context, &note);
		at = (content + note.size + mask) & ~mask;
	}
}

bool grf_note_is(const struct grf_note *note, const char *name, uint32_t type)
{
	size_t length = strlen(name);

	if (note->type != type || note->name_size < length || memcmp(note->name, name, length) != 0)
		return false;
	/* The name's size counts its terminating NUL; not every writer puts one, and Go's linker
	 * counts two. */
	for (size_t i = length; i < note->name_size; i++)
		if (note->name[i])
			return false;
	return true;
}
