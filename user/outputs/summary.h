/* SPDX-License-Identifier: BSD-2-Clause */
/* The short summary at the end of a run, for people: plain text, no colour. */
#ifndef GRF_OUTPUTS_SUMMARY_H
#define GRF_OUTPUTS_SUMMARY_H

#include <stdio.h>

#include "views/facts.h"

void grf_summary_print(FILE *stream, const struct grf_facts *facts);

/* Of the summary, how the process was held and copied; `details`: all of that. */
void grf_summary_print_held(FILE *stream, const struct grf_provenance *from, bool details);

#endif
