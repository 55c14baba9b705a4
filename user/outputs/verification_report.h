/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints a verification for people: plain text. */
#ifndef GRF_OUTPUTS_VERIFICATION_REPORT_H
#define GRF_OUTPUTS_VERIFICATION_REPORT_H

#include <stdio.h>

#include "views/verification.h"

/* `details`: how many differences of each kind are listed. */
void grf_verification_print(FILE *stream, const struct grf_verification *verification,
			    const struct grf_graph *graph, uint64_t details);

#endif
