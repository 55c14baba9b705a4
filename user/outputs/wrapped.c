/* SPDX-License-Identifier: BSD-2-Clause */
/* Breaks texts at spaces. A column is a character of UTF-8. */
#include "outputs/wrapped.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "outputs/short_packages.h"

#define COLUMNS  80
#define ELLIPSIS "\xe2\x80\xa6"

static bool is_begin(char byte)
{
	return ((unsigned char)byte & 0xc0) != 0x80;
}

static int columns_of(const char *text, size_t length)
{
	int columns = 0;

	for (size_t i = 0; i < length; i++)
		columns += is_begin(text[i]);
	return columns;
}

/* Prints `columns` characters from the one with this number on. */
static void print_part(FILE *stream, const char *text, size_t length, int from, int columns)
{
	int at = -1;

	for (size_t i = 0; i < length; i++) {
		at += is_begin(text[i]);
		if (at >= from && at < from + columns)
			fputc(text[i], stream);
	}
}

/* More of the end is kept: it has the name of a type, behind its package. */
static void print_cut(FILE *stream, const char *word, size_t length, int room)
{
	int columns = columns_of(word, length), head = (room - 1) / 3, tail = room - 1 - head;

	print_part(stream, word, length, 0, head);
	fputs(ELLIPSIS, stream);
	print_part(stream, word, length, columns - tail, tail);
}

void grf_print_wrapped(FILE *stream, const char *text, int indent, int lines)
{
	char *escaped = grf_text_escaped(text);
	const char *at = escaped ? escaped : "";
	int room = COLUMNS - indent, used = 0, line = 1;

	while (*at) {
		size_t length = strcspn(at, " ");
		int columns = columns_of(at, length);
		/* The last line keeps room for the mark that it is not all. */
		int end = room - (line == lines && at[length] ? 2 : 0);

		if (columns > room)
			columns = end;
		if (used && used + 1 + columns > end) {
			if (line++ == lines) {
				fputs(" " ELLIPSIS, stream);
				break;
			}
			fprintf(stream, "\n%*s", indent, "");
			used = 0;
			continue;
		}
		if (used)
			fputc(' ', stream);
		used += columns + (used > 0);
		if (columns_of(at, length) > columns)
			print_cut(stream, at, length, columns);
		else
			fwrite(at, 1, length, stream);
		at += length + strspn(at + length, " ");
	}
	fputc('\n', stream);
	free(escaped);
}

void grf_print_way(FILE *stream, const char *text, int indent, int lines)
{
	char *shortened = grf_short_packages(text);

	grf_print_wrapped(stream, shortened ? shortened : text, indent, lines);
	free(shortened);
}
