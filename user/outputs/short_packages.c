/* SPDX-License-Identifier: BSD-2-Clause */
/* A package is a run of the characters of import paths with a "/", up to the first "." behind the
 * last of those. */
#include "outputs/short_packages.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/written_text.h"

/* A text with more packages than this is left as it is. */
#define MOST_PACKAGES 256u

struct package {
	const char *begin;
	size_t path; /* bytes before the last part; 0: it has no path */
	size_t size; /* bytes up to the "." */
};

/* By where they stand. */
struct packages {
	GRF_ARRAY(struct package) items;
};

static bool is_of_path(char at)
{
	return isalnum((unsigned char)at) || (at && strchr("./-_~+", at)) || at & 0x80;
}

/* The package that the run of characters from `begin` to `end` begins with. False: none. */
static bool find_package(const char *begin, const char *end, struct package *ret)
{
	const char *last = begin, *at;

	for (at = begin; at < end; at++)
		if (*at == '/')
			last = at + 1;
	for (at = last; at < end && *at != '.'; at++)
		;
	*ret = (struct package){begin, (size_t)(last - begin), (size_t)(at - begin)};
	return at < end && at > last && *begin != '.' && *begin != '/';
}

/* False: out of memory. */
static bool find_packages(struct packages *packages, const char *text)
{
	while (*text) {
		const char *end = text;
		struct package found, *added;

		while (is_of_path(*end))
			end++;
		if (find_package(text, end, &found)) {
			added = grf_array_add(&packages->items);
			if (!added)
				return false;
			*added = found;
		}
		text = end == text ? end + 1 : end;
	}
	return true;
}

static bool is_same(const char *left, size_t left_size, const char *right, size_t right_size)
{
	return left_size == right_size && !memcmp(left, right, left_size);
}

/* Whether a package stands in the text before, and none of the text has its last part beside it. */
static bool may_be_short(const struct packages *packages, size_t index)
{
	const struct package *package = &packages->items.items[index];
	bool before = false;

	for (size_t i = 0; i < packages->items.count; i++) {
		const struct package *other = &packages->items.items[i];

		if (is_same(package->begin, package->size, other->begin, other->size))
			before |= i < index;
		else if (is_same(package->begin + package->path, package->size - package->path,
				 other->begin + other->path, other->size - other->path))
			return false;
	}
	return before;
}

char *grf_short_packages(const char *text)
{
	struct packages packages = {0};
	struct grf_written_text written;
	bool found = find_packages(&packages, text);
	FILE *stream = grf_written_text_open(&written);

	if (packages.items.count > MOST_PACKAGES)
		packages.items.count = 0;
	for (size_t i = 0; stream && found && i < packages.items.count; i++) {
		const struct package *package = &packages.items.items[i];

		fwrite(text, 1, (size_t)(package->begin - text), stream);
		text = package->begin + (may_be_short(&packages, i) ? package->path : 0);
	}
	if (stream)
		fputs(text, stream);
	grf_array_free(&packages.items);
	text = grf_written_text_close(&written);
	if (found)
		return (char *)text;
	free((char *)text);
	return NULL;
}
