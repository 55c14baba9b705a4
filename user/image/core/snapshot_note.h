/* SPDX-License-Identifier: BSD-2-Clause */
/* The note of a snapshot, packed as snapshot.proto says. */
#ifndef GRF_IMAGE_CORE_SNAPSHOT_NOTE_H
#define GRF_IMAGE_CORE_SNAPSHOT_NOTE_H

#include "image/parts.h"
#include "image/snapshot.h"

#define GRF_SNAPSHOT_NOTE_NAME "grf-bpf"
/* Like none of Linux's: some tools go by the type alone, and 1 is a thread for them. */
#define GRF_SNAPSHOT_NOTE_TYPE 0x67726601u

/* Files in a snapshot, at the most. */
#define GRF_SNAPSHOT_FILES 64u

/* What is to be packed; all borrowed. */
struct grf_snapshot_note {
	const struct grf_image_parts *parts;
	const struct grf_executable *executable;
	const struct grf_snapshot_facts *facts;
	const struct grf_snapshot_file *files;
	size_t file_count;
};

/* Packs a note. *ret is the caller's to free. Errors: NO_MEMORY. */
struct grf_error *grf_snapshot_note_pack(const struct grf_snapshot_note *note, uint8_t **ret,
					 size_t *ret_size);

/**
 * Reads a note, whose every number is checked. `path`: of the file, for messages.
 *
 * @param[out] ret_parts what an image of a snapshot has beside its memory, without ranges,
 *             mappings, threads and auxiliary vector; the caller's. NULL: not wanted
 * @param[out] ret_program what it says of its program, the caller's. NULL: not wanted
 * Errors: BAD_INPUT, UNSUPPORTED (a newer version), NO_MEMORY.
 */
struct grf_error *grf_snapshot_note_read(const uint8_t *data, size_t size, const char *path,
					 struct grf_image_parts **ret_parts,
					 struct grf_core_program *ret_program);

#endif
