/* SPDX-License-Identifier: BSD-2-Clause */
/* Decodes UTF-8 character by character, and shows as an escape what a terminal could act on. */
#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ESCAPE_BYTES 11 /* "\U0010ffff" and NUL */
#define ELLIPSIS     "..."

/* Reads one character of UTF-8; returns its bytes, 0: they are none (overlong, a surrogate, cut).
 */
static size_t read_character(const char *text, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *at = (const uint8_t *)text;
	size_t length = at[0] < 0x80   ? 1
			: at[0] < 0xc0 ? 0
			: at[0] < 0xe0 ? 2
			: at[0] < 0xf0 ? 3
			: at[0] < 0xf8 ? 4
				       : 0;
	uint32_t value;

	if (length < 2) {
		*ret = at[0];
		return length;
	}
	value = at[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (at[i] & 0x3f);
	}
	if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
		return 0;
	*ret = value;
	return length;
}

/* Characters that a terminal obeys, or that make text look other than it is. */
static bool is_unsafe(uint32_t character)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
	    {0x00, 0x1f},         /* C0 */
	    {0x7f, 0x9f},         /* DEL, C1 */
	    {0xad, 0xad},         /* soft hyphen */
	    {0x61c, 0x61c},       /* Arabic letter mark */
	    {0x200b, 0x200f},     /* zero width; left-to-right and right-to-left marks */
	    {0x2028, 0x202e},     /* separators of lines and paragraphs; embeddings, overrides */
	    {0x2060, 0x206f},     /* invisible operators; isolates */
	    {0xfeff, 0xfeff},     /* byte order mark */
	    {0xfff9, 0xfffb},     /* interlinear annotation */
	    {0xe0000, 0xe007f},   /* tags */
	    {0x10fffe, 0x10ffff}, /* no characters */
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (character >= ranges[i].first && character <= ranges[i].last)
			return true;
	return false;
}

/*
 * The next piece of `text` as it is shown: one character or its escape. Returns the bytes of `text`
 * that it stands for. `escape` is used where it needs one.
 */
static size_t next_piece(const char *text, char escape[ESCAPE_BYTES], const char **ret_piece,
			 size_t *ret_length)
{
	uint32_t character;
	size_t length = read_character(text, &character);

	if (length && !is_unsafe(character)) {
		*ret_piece = text;
		*ret_length = length;
		return length;
	}
	if (!length)
		character = (uint8_t)*text;
	*ret_length = (size_t)snprintf(escape, ESCAPE_BYTES,
				       character < 0x80 || !length ? "\\x%02x"
				       : character < 0x10000       ? "\\u%04x"
								   : "\\U%08x",
				       character);
	*ret_piece = escape;
	return length ? length : 1;
}

bool grf_text_is_plain(const char *text)
{
	char escape[ESCAPE_BYTES];
	const char *piece;
	size_t length;

	for (; *text; text += length) {
		/* Nearly all characters of nearly all names. */
		if (*text >= 0x20 && *text < 0x7f) {
			length = 1;
			continue;
		}
		if (next_piece(text, escape, &piece, &length) && piece == escape)
			return false;
	}
	return true;
}

char *grf_text_escape(const char *text, char *buffer, size_t size)
{
	char escape[ESCAPE_BYTES];
	size_t used = 0, cut = 0, length;
	const char *piece;

	while (*text) {
		text += next_piece(text, escape, &piece, &length);
		/* `cut` is the last end of a piece that leaves room for the dots. */
		if (used + sizeof(ELLIPSIS) <= size)
			cut = used;
		if (used + length >= size) {
			used = cut;
			if (used + sizeof(ELLIPSIS) <= size) {
				memcpy(buffer + used, ELLIPSIS, sizeof(ELLIPSIS) - 1);
				used += sizeof(ELLIPSIS) - 1;
			}
			break;
		}
		memcpy(buffer + used, piece, length);
		used += length;
	}
	buffer[used] = '\0';
	return buffer;
}

char *grf_text_escaped(const char *text)
{
	char escape[ESCAPE_BYTES];
	const char *piece;
	size_t size = 1, length;
	char *buffer;

	for (const char *at = text; *at; size += length)
		at += next_piece(at, escape, &piece, &length);
	buffer = malloc(size);
	return buffer ? grf_text_escape(text, buffer, size) : NULL;
}

void grf_text_print(FILE *stream, const char *text)
{
	char escape[ESCAPE_BYTES];
	const char *piece;
	size_t length;

	while (*text) {
		text += next_piece(text, escape, &piece, &length);
		fwrite(piece, 1, length, stream);
	}
}
