/* SPDX-License-Identifier: BSD-2-Clause */
/* The short summary at the end of a run, for people: plain text, no colour. */
#ifndef GRF_OUTPUTS_SUMMARY_H
#define GRF_OUTPUTS_SUMMARY_H

#include <stdio.h>

#include "views/facts.h"

void grf_summary_print(FILE *stream, const struct grf_facts *facts);

#endif
