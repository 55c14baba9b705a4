/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text that is not ours: names, versions and paths that a target, a core or a file chose.
 *
 * A terminal obeys what it is sent. Such text could set its title, move its cursor, forge lines, or
 * reorder what is read. Whatever shows foreign text sends it through here: control characters (C0,
 * DEL, C1), line and paragraph separators, characters that change the direction of writing or have
 * no width, and bytes that are no UTF-8 are shown as escapes: \x1b, \u202e. All else, which is
 * every name that a Go compiler makes, stays byte for byte.
 */
#ifndef GRF_BASE_TEXT_H
#define GRF_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Whether `text` needs no escape. */
bool grf_text_is_plain(const char *text);

/*
 * Writes `text` with escapes into `buffer` of `size` bytes (at least 1), NUL-terminated; returns
 * `buffer`. What does not fit is cut between characters, and "..." ends the rest where there is
 * room for it.
 */
char *grf_text_escape(const char *text, char *buffer, size_t size);

/* The whole of `text` with escapes, to be freed by the caller. NULL: out of memory. */
char *grf_text_escaped(const char *text);

/* Prints the whole of `text` with escapes. Does not allocate. */
void grf_text_print(FILE *stream, const char *text);

#endif
