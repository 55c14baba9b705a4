/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots: what was captured of a process, as an ELF core with a note of grf-bpf, from which an
 * image is made that is the same as that of the process. docs/snapshots.md has the format.
 */
#ifndef GRF_IMAGE_SNAPSHOT_H
#define GRF_IMAGE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/core_file.h"
#include "image/executable/executable.h"
#include "image/image.h"

/* The version of the format that is written; those from 1 on are read. */
#define GRF_SNAPSHOT_VERSION 1u

/* Where memory begins in one that is written; bytes. */
#define GRF_SNAPSHOT_MEMORY GRF_PAGE

/* A file that is in a snapshot beside the memory. */
enum grf_snapshot_file_kind {
	GRF_SNAPSHOT_EXECUTABLE = 1,
	GRF_SNAPSHOT_DEBUG = 2,
	GRF_SNAPSHOT_LIBRARY = 3,
};

struct grf_snapshot_file {
	enum grf_snapshot_file_kind kind;
	char *path; /* owned */
	uint64_t offset, size;
};

/* What a core says of the program that it is of. Strings are owned; NULL or empty: not known. */
struct grf_core_program {
	bool is_snapshot;
	char *path; /* of the file with Go's runtime, as the process had it */
	bool deleted;
	bool placed; /* where it is, `bias` says */
	uint64_t bias;
	uint8_t gnu_build_id[64];
	size_t gnu_build_id_size;
	char go_build_id[256];
	char *go_version, *modules;
	GRF_ARRAY(struct grf_snapshot_file) files;
};

/*
 * Reads what a core says, without its executable: of a snapshot its note, of another the mapped
 * files and, where it holds them, the build ids. The caller frees it. Errors: BAD_INPUT,
 * UNSUPPORTED (a snapshot of a newer version), NO_MEMORY.
 */
struct grf_error *grf_core_program_read(struct grf_core_file *file, struct grf_core_program *ret);
void grf_core_program_free(struct grf_core_program *program);

/* Whether an executable is of the build that a core is of, as far as both say; *ret_known: they do.
 */
bool grf_core_program_is(const struct grf_core_program *program,
			 const struct grf_executable *executable, bool *ret_known);
#define _cleanup_core_program_ __attribute__((cleanup(grf_core_program_free)))

/* Where a snapshot is written to, from its beginning to its end. Errors are passed on. */
struct grf_snapshot_sink {
	struct grf_error *(*write)(void *context, const void *data, size_t size);
	struct grf_error *(*skip)(void *context, uint64_t size); /* so many zeros */
	void *context;
};

/* What is told beside what the image has; borrowed. */
struct grf_snapshot_facts {
	const char *go_version; /* NULL: not known */
	const char *modules;
	bool with_files; /* put the executable in, its debug information and its libraries */
};

/**
 * Writes a snapshot of an image that was made of a live process (grf_image_create()), with the
 * executable that it was made with. Where its memory was copied to the file that the sink writes
 * to (struct grf_capture_file), it is skipped. Errors: those of the sink, NO_MEMORY.
 */
struct grf_error *grf_snapshot_write(const struct grf_image *image,
				     const struct grf_executable *executable,
				     const struct grf_snapshot_facts *facts,
				     const struct grf_snapshot_sink *sink);

#endif
