/* SPDX-License-Identifier: BSD-2-Clause */
/* Long texts in lines of 80 columns. */
#ifndef GRF_OUTPUTS_WRAPPED_H
#define GRF_OUTPUTS_WRAPPED_H

#include <stdio.h>

/**
 * Prints a text, with escapes, broken at spaces, and ends the line. The first line begins at column
 * `indent`, where the stream is, and the others are indented so far. A word that is longer than a
 * line has "…" for its middle, and what is left after `lines` lines is "…".
 */
void grf_print_wrapped(FILE *stream, const char *text, int indent, int lines);

/** The same of a way of elements, or a sentence with names: see grf_short_packages(). */
void grf_print_way(FILE *stream, const char *text, int indent, int lines);

#endif
