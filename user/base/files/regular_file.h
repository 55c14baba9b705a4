/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files whose paths somebody else chose: a debug link, a library's name in a core, a path that is
 * right for a process in a root of its own.
 *
 * Such a path may lead to a FIFO, which has no end, to a device, which does something when it is
 * opened, or out of the folder that is meant. A file is opened once, here, and what is done with
 * it is done with its descriptor: by its name it may be another one the next time.
 */
#ifndef GRF_BASE_FILES_REGULAR_FILE_H
#define GRF_BASE_FILES_REGULAR_FILE_H

#include <stdint.h>

#include "base/error.h"

/* Which symbolic links are followed. Those of /proc that lead to what a process has open are
 * followed with GRF_LINKS_ALL alone. */
enum grf_links {
	GRF_LINKS_ALL,     /* for a path that the user gave, or that the kernel makes */
	GRF_LINKS_PLAIN,   /* wherever they lead */
	GRF_LINKS_BENEATH, /* those that stay in the folder */
	GRF_LINKS_IN_ROOT, /* the folder is what / is for them, and for the path */
};

struct grf_file_place {
	int folder; /* a descriptor, or AT_FDCWD */
	enum grf_links links;
	uint64_t limit; /* bytes; a larger file is refused. 0: none */
};

/*
 * Opens `path` for reading if a regular file is there. Never waits for a writer, never opens
 * anything else. `what` is the file's name in messages: "cannot open WHAT: ...". Errors: what
 * grf_error_errno() makes of the kernel's refusal, BAD_INPUT for what is no regular file or too
 * large. The descriptor is the caller's.
 */
struct grf_error *grf_regular_file_open(const struct grf_file_place *place, const char *path,
					const char *what, int *ret);

/*
 * The same for a file that the user named, or that the kernel names of a process. Errors: BAD_INPUT
 * where it cannot be used, whatever the reason, but PERMISSION where it may not be read; NO_MEMORY.
 */
struct grf_error *grf_named_file_open(const char *path, const char *what, int *ret);

/* Refuses a folder that the user named if it does not exist, with the same errors. */
struct grf_error *grf_named_folder_check(const char *path);

#endif
