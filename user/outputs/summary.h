/* SPDX-License-Identifier: BSD-2-Clause */
/* The short summary that closes a run, for people: plain text, no colour. */
#ifndef GRF_OUTPUTS_SUMMARY_H
#define GRF_OUTPUTS_SUMMARY_H

#include <stdio.h>

#include "image/provenance.h"
#include "views/tree.h"

void grf_summary_print(FILE *stream, const struct grf_tree *tree, const struct grf_model *model);

/* The line of it that names the Go version. */
void grf_summary_print_version(FILE *stream, const struct grf_model *model);

/* The lines of it that say how the image was taken. */
void grf_summary_print_held(FILE *stream, const struct grf_provenance *from);

/* "1.5 GiB", "336 B": at most four significant digits, into a static thread-local buffer set. */
const char *grf_format_bytes(uint64_t bytes);
/* "12,900,123". */
const char *grf_format_count(uint64_t count);

#endif
