/* SPDX-License-Identifier: BSD-2-Clause */
/* The short summary at the end of a run, for people: plain text, no colour. */
#ifndef GRF_OUTPUTS_SUMMARY_H
#define GRF_OUTPUTS_SUMMARY_H

#include <stdio.h>

#include "image/provenance.h"
#include "views/facts.h"

void grf_summary_print(FILE *stream, const struct grf_facts *facts);

/* Prints the line with the Go version. */
void grf_summary_print_version(FILE *stream, const char *version);

/* Prints the lines on how the image was taken. */
void grf_summary_print_held(FILE *stream, const struct grf_provenance *from);

#endif
