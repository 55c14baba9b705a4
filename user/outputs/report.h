/* SPDX-License-Identifier: BSD-2-Clause */
/* What any views have given, as one result in any format. */
#ifndef GRF_OUTPUTS_REPORT_H
#define GRF_OUTPUTS_REPORT_H

#include "outputs/writer.h"
#include "views/view.h"

/**
 * Writes the facts and the views. People get them in their order, and of each the rows that limits
 * or the view permit; programs get the trees first, then the tables, and all rows. *ret_folded is
 * what the limit of samples made of a profile. The caller commits the output. Errors: OUTPUT,
 * NO_MEMORY.
 */
struct grf_error *grf_report_write(struct grf_output *output, const struct grf_format *format,
				   const struct grf_facts *facts,
				   const struct grf_view_results *views,
				   const struct grf_limits *limits,
				   struct grf_folded_samples *ret_folded);

#endif
