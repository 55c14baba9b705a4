/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts of a file in a process, as both the reader of files and the image have them. */
#ifndef GRF_IMAGE_EXECUTABLE_MAPPING_H
#define GRF_IMAGE_EXECUTABLE_MAPPING_H

#include <stdint.h>

enum grf_segment_flags {
	GRF_SEGMENT_READ = 1,
	GRF_SEGMENT_WRITE = 2,
	GRF_SEGMENT_EXECUTE = 4,
	GRF_SEGMENT_CLAIMED =
	    8, /* the input has none of its bytes, it only says that they are zero */
};

/* A file mapped into the target (NT_FILE, /proc/PID/maps). */
struct grf_mapping {
	uint64_t start;
	uint64_t end;
	uint64_t file_offset; /* bytes */
	const char *path;
};

#endif
