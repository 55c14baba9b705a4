/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parses one line of the mappings, and decides by its path and permissions which part of it is
 * copied.
 */
#include "capture/copy/maps.h"

#include <string.h>

#include "image/image.h"

/* Read-only file mappings up to this size are searched for pages written before (relocated). */
#define RELOCATED_LIMIT (1ull << 30)

static bool take_number(const char **cursor, const char *end, unsigned int base, uint64_t *ret)
{
	const char *at = *cursor;
	uint64_t value = 0;

	for (; at < end; at++) {
		unsigned int digit;

		if (*at >= '0' && *at <= '9')
			digit = (unsigned int)(*at - '0');
		else if (*at >= 'a' && *at <= 'f')
			digit = (unsigned int)(*at - 'a') + 10;
		else
			break;
		if (digit >= base || value > (UINT64_MAX - digit) / base)
			return false;
		value = value * base + digit;
	}
	if (at == *cursor)
		return false;
	*cursor = at;
	*ret = value;
	return true;
}

static bool take_char(const char **cursor, const char *end, char wanted)
{
	if (*cursor == end || **cursor != wanted)
		return false;
	++*cursor;
	return true;
}

static bool take_flags(const char **cursor, const char *end, struct grf_map_line *ret)
{
	const char *at = *cursor;

	if (end - at < 4)
		return false;
	ret->flags = (at[0] == 'r' ? GRF_SEGMENT_READ : 0) |
		     (at[1] == 'w' ? GRF_SEGMENT_WRITE : 0) |
		     (at[2] == 'x' ? GRF_SEGMENT_EXECUTE : 0);
	ret->private = at[3] == 'p';
	*cursor = at + 4;
	return true;
}

bool grf_map_parse(const char **cursor, const char *end, struct grf_map_line *ret)
{
	const char *at = *cursor, *line_end;
	uint64_t ignored;

	if (at >= end)
		return false;
	line_end = memchr(at, '\n', (size_t)(end - at));
	if (!line_end)
		return false;
	if (!take_number(&at, line_end, 16, &ret->start) || !take_char(&at, line_end, '-') ||
	    !take_number(&at, line_end, 16, &ret->end) || !take_char(&at, line_end, ' ') ||
	    !take_flags(&at, line_end, ret) || !take_char(&at, line_end, ' ') ||
	    !take_number(&at, line_end, 16, &ret->file_offset) || !take_char(&at, line_end, ' ') ||
	    !take_number(&at, line_end, 16, &ignored) || !take_char(&at, line_end, ':') ||
	    !take_number(&at, line_end, 16, &ignored) || !take_char(&at, line_end, ' ') ||
	    !take_number(&at, line_end, 10, &ignored) || ret->start >= ret->end)
		return false;
	while (at < line_end && *at == ' ')
		at++;
	ret->path = at;
	ret->path_length = (size_t)(line_end - at);
	*cursor = line_end + 1;
	return true;
}

static bool path_begins(const struct grf_map_line *line, const char *prefix)
{
	size_t length = strlen(prefix);

	return line->path_length >= length && !memcmp(line->path, prefix, length);
}

bool grf_map_is_file(const struct grf_map_line *line)
{
	/* A private mapping of /dev/zero is the old way to ask for anonymous memory. */
	return path_begins(line, "/") && !(line->private && path_begins(line, "/dev/zero"));
}

/* Memory without a file. Names in brackets that are not listed are the kernel's: [vvar], [vdso]. */
static bool is_anonymous(const struct grf_map_line *line)
{
	return !line->path_length || path_begins(line, "[heap]") || path_begins(line, "[stack") ||
	       path_begins(line, "[anon:") || path_begins(line, "/dev/zero");
}

enum grf_map_part grf_map_part(const struct grf_map_line *line)
{
	uint64_t size = line->end - line->start;

	if (!line->private || !(line->flags & GRF_SEGMENT_READ))
		return GRF_MAP_NOTHING;
	if (is_anonymous(line))
		return GRF_MAP_RESIDENT;
	if (!grf_map_is_file(line) ||
	    (path_begins(line, "/dev/") && !path_begins(line, "/dev/shm/")))
		return GRF_MAP_NOTHING;
	if (line->flags & GRF_SEGMENT_WRITE)
		return size <= GRF_MAP_WHOLE_LIMIT ? GRF_MAP_ALL : GRF_MAP_WRITTEN;
	/* Code is not needed; what the loader relocated and then protected is (RELRO). */
	if (line->flags & GRF_SEGMENT_EXECUTE || size > RELOCATED_LIMIT)
		return GRF_MAP_NOTHING;
	return GRF_MAP_WRITTEN;
}
