/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF notes, of executables and cores. */
#ifndef GRF_IMAGE_EXECUTABLE_NOTES_H
#define GRF_IMAGE_EXECUTABLE_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The note that holds Go's build id (cmd/link, ELF_NOTE_GO_BUILDID_TAG). */
#define GRF_NOTE_GO_BUILD_ID 4

struct grf_note {
	const char *name; /* not terminated */
	size_t name_size;
	uint32_t type;
	const uint8_t *data;
	size_t size;
};

/* Calls `take` for each note in `size` bytes at `data`; stops at the first broken one. `align`: of
 * the segment (8 in some cores' property notes, else 4). */
void grf_notes_read(const uint8_t *data, uint64_t size, uint64_t align,
		    void (*take)(void *context, const struct grf_note *note), void *context);

bool grf_note_is(const struct grf_note *note, const char *name, uint32_t type);

#endif
