/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading /proc/PID/maps, and what of each mapping is to be copied. */
#ifndef GRF_CAPTURE_COPY_MAPS_H
#define GRF_CAPTURE_COPY_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line. `path` points into the text and is not terminated. */
struct grf_map_line {
	uint64_t start;
	uint64_t end;
	uint64_t file_offset;
	uint32_t flags; /* enum grf_segment_flags */
	bool private;
	const char *path;
	size_t path_length;
};

/* What a copy takes of a mapping. */
enum grf_map_part {
	GRF_MAP_NOTHING,  /* shared, not readable, a device, or of the kernel's own */
	GRF_MAP_RESIDENT, /* anonymous: the pages that exist; the others read as zero */
	GRF_MAP_ALL,      /* of a file and writable: pages never touched hold the file's bytes */
	GRF_MAP_WRITTEN, /* of a file: nothing if the process has changed no page of it; else all of
			  * it, or the changed pages where it is large */
};

/*
 * Reads the line at *cursor and moves on to the next. False at `end` and at a line that is no
 * mapping.
 */
bool grf_map_parse(const char **cursor, const char *end, struct grf_map_line *ret);

/* File mappings up to this size are copied whole: data sections, relocated and then protected ones.
 * A larger one is a data file mapped privately. */
#define GRF_MAP_WHOLE_LIMIT (256ull << 20)

/* True when the mapping is of a file (its name is a path). */
bool grf_map_is_file(const struct grf_map_line *line);

enum grf_map_part grf_map_part(const struct grf_map_line *line);

#endif
